"""From a sentence of the documentation and a body to a test on every path."""

import importlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings, target
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

from tests.harness import deviations, drawing, layer, paths
from tests.harness.cases import Case
from tests.harness.compare import Mismatch, ledger

EXAMPLES_PER_PLAN = 4  # how often a path that traces uses each plan, at least
PLANS = 6, 48  # the fewest and the most; more would only fill the memory with traces

PROPERTIES: dict[str, "Property"] = {}
"""Every property that has been imported, by name."""


def all_properties() -> dict[str, "Property"]:
    """Every property of the suite, by name; imports the files that hold them."""
    for file in sorted(Path(__file__).parents[1].glob("test_*.py")):
        importlib.import_module(f"tests.{file.stem}")
    return PROPERTIES


class Property:
    """One sentence of the documentation, checked on any case, on each path where it has a meaning.

    body: a function of a case, a path and further drawn values, that raises Mismatch.
    """

    def __init__(self, body, source, sentence, choices, integers, on, needs, covers, also):
        self.name, self.body = body.__name__, body
        self.source, self.sentence = source, sentence
        self.choices, self.integers, self.on = choices, integers, on
        self.needs = frozenset(needs)
        self.covers, self.also = covers, also

    def missing(self, path: paths.Path) -> list[str]:
        """The features that this property needs on that path and the layer has not."""
        wanted = self.needs | path.needs | dict(path.options).keys()
        wanted |= {"return_sequences", "return_state"}
        return sorted(wanted - layer.under_test().features)

    def check(self, path: paths.Path, record: Callable[[str, object], None]) -> None:
        """Verify the property on that path, and record cases and error/bound."""
        cases = 0
        largest = 0.0
        lacks = path.lacks | {
            name
            for name in drawing.CHOICES
            if name in (*layer.OPTIONS, *layer.CALL_ARGUMENTS)
            and name not in layer.under_test().features
        }
        profile = settings()
        plans = int(np.clip(profile.max_examples // EXAMPLES_PER_PLAN, *PLANS))

        def excused(case: Case) -> bool:
            return any(d.excuses(self.name, path.name, case) for d in deviations.active())

        def verify(case, **drawn):
            nonlocal cases, largest
            cases += 1
            ledger.reset()
            try:
                self.body(case, path, **drawn)
            except Mismatch as mismatch:
                mismatch.context = self.explain(case, path, drawn)
                raise
            if settings().max_examples > NIGHTLY:
                target(ledger.largest, label="error/bound")
            largest = max(largest, ledger.largest)

        strategy = drawing.cases(self.choices, lacks, self.integers, plans if path.traced else None)
        verify.__name__ = verify.__qualname__ = self.name
        test = given(case=strategy.filter(lambda case: not excused(case)), **self.also)(verify)
        if not self.also:
            corners = drawing.corners(self.integers)
            if self.covers and not path.traced:
                corners |= drawing.covering(self.choices, lacks, self.covers)
            for why, corner in corners.items():
                if drawing.fits(corner, self.choices, lacks) and not excused(corner):
                    test = example(case=corner).via(why)(test)
        try:
            settings(profile)(test)()
        except Unsatisfiable:
            pytest.skip("known deviations excuse every case")
        finally:
            record("cases", cases)
            record("error/bound", largest)

    def show(self, deviation: deviations.Deviation, path: paths.Path) -> None:
        """Raise Mismatch if the witness of a known deviation from this property fails."""
        self.body(deviation.case(), path)

    def explain(self, case: Case, path: paths.Path, drawn: Mapping[str, object]) -> str:
        """What to tell about a case that fails."""
        extra = "".join(f"\n  {name} = {value!r}" for name, value in drawn.items())
        return (
            f"  {self.source} says: {self.sentence}\n"
            f"  path: {path}\n  case = {case!r}{extra}\n\n"
            f"To see it with TensorFlow and NumPy alone:\n\n{path.script(case)}"
        )


NIGHTLY = 200  # more examples than this: search for the largest error/bound as well


def promise(
    source: str,
    sentence: str,
    *,
    choices: Mapping[str, tuple] | None = None,
    integers: bool = False,
    on: Collection[paths.Path] = paths.EVERY,
    needs: Collection[str] = (),
    covers: Collection[str] = (),
    **also: SearchStrategy,
):
    """Make a property of a function of (case, path, ...).

    source: what is documented, such as "SimpleRNN". sentence: its documentation's words. choices,
    integers: as in `drawing.cases`. on: the paths where it has a meaning. needs: features of the
    layer without which it is not applicable. covers: choices that are all tried, in all
    combinations, on the paths that do not trace. also: strategies of further arguments.
    """

    def decorate(body):
        prop = Property(body, source, sentence, choices or {}, integers, on, needs, covers, also)
        PROPERTIES[prop.name] = prop

        @pytest.mark.parametrize("path", [p for p in on if not p.lacks & prop.needs], ids=str)
        def test(path, record_property):
            record_property("promise", f"{source}: {sentence}")
            if missing := prop.missing(path):
                record_property("not applicable", ", ".join(missing))
                pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
            prop.check(path, record_property)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        test.__module__ = body.__module__
        test.property = prop
        return test

    return decorate
