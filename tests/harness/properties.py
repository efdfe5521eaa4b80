"""From a sentence of the documentation and a body to a test on every path."""

import functools
import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

from reference.rounding import FORMATS
from tests.harness import deviations, drawing, layer, paths
from tests.harness.cases import Case
from tests.harness.compare import Mismatch, ledger

EXAMPLES_PER_PLAN = 4  # how often a path that traces uses each plan, at least
IMPLIED = 0.75  # the part of the examples for what follows from properties that are thorough
PLANS = 3, 48  # the fewest and the most; more would only fill the memory with traces

PROPERTIES: dict[str, "Property | Documented"] = {}
"""Every property that has been imported, by name."""


def all_properties() -> dict[str, "Property | Documented"]:
    """Every property of the suite, by name, in the order of the files; imports them."""
    for file in sorted(Path(__file__).parents[1].glob("test_*.py")):
        importlib.import_module(f"tests.{file.stem}")

    def place(name):
        body = PROPERTIES[name].body
        return body.__module__, body.__code__.co_firstlineno

    return {name: PROPERTIES[name] for name in sorted(PROPERTIES, key=place)}


@dataclass(frozen=True)
class Property:
    """One sentence of the documentation, checked on any case, on each path where it has a meaning.

    body: a function of a case, a path and further drawn values, that raises Mismatch. The other
    arguments: as in `promise`.
    """

    body: Callable
    source: str
    sentence: str
    choices: Mapping[str, tuple]
    integers: bool
    on: Collection[paths.Path]
    needs: frozenset[str]
    covers: Collection[str]
    thorough: bool
    prepare: Callable[[Case], Case]
    script: Callable[[paths.Path, Case], str]
    trace_cost: int
    case_cost: int
    also: Mapping[str, SearchStrategy]

    @property
    def name(self) -> str:
        return self.body.__name__

    def missing(self, path: paths.Path) -> list[str]:
        """The features that this property needs on that path and the layer has not."""
        return layer.under_test().lacks(self.needs | path.wants | paths.WHOLE)

    def check(self, path: paths.Path, record: Callable[[str, object], None]) -> None:
        """Verify the property on that path, and record cases and error/bound."""
        cases = 0
        largest = 0.0

        def excused(facts: Mapping[str, object]) -> bool:
            return any(d.excuses(self.name, path.name, facts) for d in deviations.active())

        lacks = path.lacks | drawing.lacked()
        examples = settings().max_examples
        if path.lasting:
            examples = min(examples, drawing.usual_examples)
        share = 1.0 if self.thorough else path.share * min(IMPLIED, 1 / self.case_cost)
        profile = settings(max_examples=max(1, round(examples * share)))
        dtypes = {"dtype": layer.under_test().features}
        choices = drawing.narrowed(drawing.narrowed(self.choices, path.choices), dtypes)
        if excused(drawing.certain(choices, lacks)):
            pytest.skip("known deviations excuse every case")
        usual = round(min(examples, drawing.usual_examples) * share)
        plans = int(np.clip(usual // EXAMPLES_PER_PLAN, *PLANS))
        plans = max(2, plans // self.trace_cost)

        def verify(case, **drawn):
            nonlocal cases, largest
            cases += 1
            ledger.reset()
            case = self.prepare(case)
            try:
                self.body(case, path, **drawn)
            except Mismatch as mismatch:
                mismatch.context = self.explain(case, path, drawn)
                raise
            largest = max(largest, ledger.largest)
            layer.under_test().a_case_is_done()

        def drawn_case(case, **drawn):
            verify(case, **drawn)
            if settings().max_examples > NIGHTLY:
                target(ledger.largest, label="error/bound")

        sizes = max(PLANS[0], usual) if examples > drawing.usual_examples else None
        pools = plans if path.traced else None, sizes
        strategy = drawing.cases(choices, lacks, self.integers, *pools)
        strategy = strategy.filter(lambda case: not excused(case.summary()))
        drawn_case.__name__ = drawn_case.__qualname__ = self.name
        test = given(case=strategy, **self.also)(drawn_case)
        named = {}
        if self.thorough and not (path.traced and self.trace_cost > 1):
            named = drawing.corners(self.integers)
        if self.covers and not path.traced:
            named |= drawing.covering(choices, lacks, self.covers)
        try:
            # The drawn cases first: what they find, Hypothesis makes small.
            settings(profile)(test)()
            for case in named.values():
                if drawing.fits(case, choices, lacks) and not excused(case.summary()):
                    verify(case)
        except Unsatisfiable:
            pytest.skip("known deviations excuse every case")
        finally:
            record("cases", cases)
            record("error/bound", largest)

    def explain(self, case: Case, path: paths.Path, drawn: Mapping[str, object]) -> str:
        """What to tell about a case that fails."""
        extra = "".join(f"\n  {name} = {value!r}" for name, value in drawn.items())
        return (
            f"  {self.source} says: {self.sentence}\n"
            f"  path: {path}\n  case = {case!r}{extra}\n\n"
            f"To see it with TensorFlow and NumPy alone:\n\n{self.script(path, case)}"
        )


NIGHTLY = 200  # more examples than this: all paths, and a search for the largest error/bound


def promise(
    source: str,
    sentence: str,
    *,
    choices: Mapping[str, tuple] | None = None,
    integers: bool = False,
    on: Collection[paths.Path] = paths.EVERY,
    nightly: Collection[paths.Path] = (),
    needs: Collection[str] = (),
    covers: Collection[str] = (),
    thorough: bool = False,
    prepare: Callable[[Case], Case] = lambda case: case,
    script: Callable[[paths.Path, Case], str] = paths.Path.script,
    trace_cost: int = 1,
    case_cost: int = 1,
    **also: SearchStrategy,
):
    """Make a property of a function of (case, path, ...).

    source: what is documented, such as "SimpleRNN". sentence: its documentation's words. choices,
    integers: as in `drawing.cases`. on: the paths where it is worth its price; nightly: those where
    it has a meaning as well, in long runs. needs: features of the layer without which it is not
    applicable. covers: choices that are all tried, in all combinations, on the paths that do not
    trace. thorough: whether it decides what the layer computes, so that dear paths, too, get all of
    the profile's examples, and each run tries the named corners, but where traces are dear.
    prepare: what a drawn case is made into. script: the program that shows a failure. trace_cost,
    case_cost: what a trace or a case costs, in plain ones; so many times fewer are made. also:
    strategies of further arguments.
    """

    def decorate(body):
        prop = Property(
            body,
            source,
            sentence,
            choices or {},
            integers,
            on,
            frozenset(needs),
            covers,
            thorough,
            prepare,
            script,
            trace_cost,
            case_cost,
            also,
        )
        PROPERTIES[prop.name] = prop

        here = (*on, *(nightly if settings().max_examples > NIGHTLY else ()))

        @pytest.mark.parametrize("path", [p for p in here if not p.lacks & prop.needs], ids=str)
        def test(path, record_property):
            begin(record_property, prop, prop.missing(path))
            prop.check(path, record_property)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        test.__module__ = body.__module__
        return test

    return decorate


@dataclass(frozen=True)
class Documented:
    """One sentence of the documentation that needs no generated case to be checked."""

    name: str
    body: Callable
    source: str
    sentence: str
    needs: frozenset[str]
    on: tuple = ()


def documented(source: str, sentence: str, *, needs: Collection[str] = ()):
    """Make a property of a test that needs no case: a count, a default, something refused.

    source, sentence, needs: as in `promise`; a test that is parametrized by an `argument` of the
    constructor needs that one too, one by a `dtype` that dtype, and one by a `path` of the harness
    what that path needs. The test raises Mismatch where the layer departs. A deviation that it
    shows is one without a witness: its `where` names arguments of the test.
    """

    def decorate(body):
        prop = Documented(body.__name__, body, source, sentence, frozenset(needs))
        PROPERTIES[prop.name] = prop

        @functools.wraps(body)
        def test(record_property, **arguments):
            needs = prop.needs | ({arguments.get("argument")} & set(layer.OPTIONS))
            needs |= {arguments.get("dtype")} & set(FORMATS)
            if isinstance(path := arguments.get("path"), paths.Path):
                needs |= path.wants
            begin(record_property, prop, layer.under_test().lacks(needs))
            record_property("cases", 1)
            facts = {k: str(v) if isinstance(v, paths.Path) else v for k, v in arguments.items()}
            known = [d for d in deviations.active() if d.is_shown_by(prop.name, facts)]
            ledger.reset()
            try:
                body(**arguments)
            except Mismatch as mismatch:
                if known:
                    return
                given = "".join(f"\n  {name} = {value!r}" for name, value in facts.items())
                mismatch.context = f"  {source} says: {sentence}{given}"
                raise
            if ledger.largest:
                record_property("error/bound", ledger.largest)
            if told := deviations.vanished(known):
                pytest.fail(told, pytrace=False)

        own = inspect.signature(body).parameters.values()
        recording = inspect.Parameter("record_property", inspect.Parameter.KEYWORD_ONLY)
        test.__signature__ = inspect.Signature([*own, recording])
        return test

    return decorate


def begin(record: Callable, prop: Property | Documented, missing: list[str]) -> None:
    """Record what is promised; skip, recorded as not applicable, where the layer lacks options."""
    record("promise", f"{prop.source}: {prop.sentence}")
    tell_if_missing(record, missing)


def tell_if_missing(record: Callable, missing: list[str]) -> None:
    """Skip, recorded as not applicable, where the layer lacks what is named."""
    if missing:
        record("not applicable", ", ".join(missing))
        pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
