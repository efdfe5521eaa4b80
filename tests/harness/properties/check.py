"""The check of one generated property on one path."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, seed, settings, target
from hypothesis.strategies import deferred

from tests.harness import session
from tests.harness.cases import sizes
from tests.harness.cases.case import Case, evaluate_case_text
from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import deviations
from tests.harness.paths.path import Path
from tests.harness.properties.expected import different_failure_note
from tests.harness.properties.generated import GeneratedProperty
from tests.harness.target import layer


class Check:
    """The check of one property on one path in one run.

    id: the node id of its test. cases, rows: the numbers of checked cases and batch rows. drawn:
    the number of cases that Hypothesis drew. expected: the number of cases that fail as known.
    largest: the largest error/bound. occurred_deviations: the known deviations that occurred.
    has_failed: whether a case failed, which Hypothesis then shrinks. when_failed: called with the
    text of the first case that fails, before Hypothesis shrinks it.
    """

    def __init__(self, prop: GeneratedProperty, path: Path, id: str):
        self.prop, self.path, self.id = prop, path, id
        self.cases = self.rows = self.drawn = self.expected = 0
        self.largest = 0.0
        self.has_failed = False
        self.when_failed: Callable[[str | None], None] = lambda text: None
        self.occurred_deviations: dict[str, deviations.Deviation] = {}

    def test(self) -> Callable:
        """Return the Hypothesis test. Its seed depends on the id and the seed of the run."""

        def test(case, **drawn):
            self.drawn += 1
            self.verify(case, drawn)
            if session.current().is_search:
                target(session.current().largest_ratio, label="error/bound")

        body = self.prop.body
        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        strategy = deferred(lambda: self.prop.strategy(self.path))
        examples = settings(max_examples=self.prop.example_count(self.path))
        return seed(session.current().seed_of(self.id))(
            examples(given(case=strategy, **self.prop.strategies)(test))
        )

    def verify(self, case: Case, drawn: Mapping[str, object]) -> None:
        """Check the property on one case; raise Mismatch for a departure that is not known.

        Skips the rest of the test if the time of a search is over, unless a case has failed.
        drawn: the values of the property's further strategies, by name.
        """
        if session.current().time_is_over and not self.has_failed:
            pytest.skip("the time of the search is over")
        session.current().largest_ratio = 0.0
        self.cases += 1
        self.rows += case.batch
        prepared = self.prop.prepare(case)
        try:
            self.prop.body(prepared, self.path, **drawn)
        except Mismatch as mismatch:
            known = self.prop.known_deviations(self.path, {**prepared.summary(), **drawn})
            if alike := [d for d in known if d.matches(str(mismatch))]:
                self._check_known_behaviour(alike, prepared, drawn)
                self.expected += 1
                self.occurred_deviations.update((d.id, d) for d in alike)
                return
            mismatch.case_text = format_case_option(case, drawn)
            if not self.has_failed:
                self.has_failed = True
                self.when_failed(mismatch.case_text)
            mismatch.context = self._explain(case, prepared, drawn, mismatch.case_text, known)
            raise
        finally:
            layer.under_test().count_built_layer()
        self.largest = max(self.largest, session.current().largest_ratio)

    def _check_known_behaviour(self, known, case: Case, drawn: Mapping[str, object]) -> None:
        """Raise Mismatch unless the layer shows the wrong behaviour that a deviation states."""
        for name in {d.instead for d in known if d.instead and d.shown_by == self.prop.name}:
            instead = replace(case, equivalent_case=deviations.EQUIVALENT_CASES[name](case))
            try:
                self.prop.body(instead, self.path, **drawn)
            except Mismatch as mismatch:
                mismatch.context = self._explain(case, case, drawn, None, known)
                raise

    def replay(self, text: str) -> None:
        """Check the property on the case of a `--case` option."""
        self.verify(**parse_case_option(text))

    def verify_named_cases(self) -> None:
        """Check the property on its named cases.

        They run after the drawn cases, because Hypothesis shrinks a drawn case that fails.
        """
        for case in self.prop.named_cases(self.path):
            self.verify(case, {})

    def sweep(self) -> None:
        """Check the property on each case of `all_cases`."""
        for case in self.prop.all_cases(self.path) if self.prop.all_cases else ():
            self.verify(case, {})

    @property
    def starvation_message(self) -> str:
        """The message of a property with too few drawn cases, or "" if there were enough."""
        asked = self.prop.example_count(self.path)
        if self.prop.all_cases is not None or self.drawn >= asked / 2:
            return ""
        return f"only {self.drawn} of {asked} cases were drawn: the strategy rejects too many"

    def _explain(self, case, prepared, drawn, text, known) -> str:
        extra = "".join(f"\n  {name} = {value!r}" for name, value in drawn.items())
        run = session.current()
        options = f'--case "{text}"' if text else f"--hypothesis-seed={run.seed}"
        name = layer.under_test().name
        options += "" if name == layer.DEFAULT else f" --layer {name}"
        return (
            f"  {self.prop.source} says: {self.prop.sentence}\n"
            f"  path: {self.path}\n  case = {case!r}{extra}{different_failure_note(known)}\n\n"
            f'To repeat the failure:\n\npytest "{self.id}" {options}\n\n'
            f"The run had --hypothesis-seed={run.seed} and these sizes: "
            f"{sizes.format_sizes(sizes.current())}.\n\n"
            f"To reproduce it with TensorFlow and NumPy alone:\n\n"
            f"{self.prop.script(self.path, prepared)}"
        )


def format_case_option(case: Case, drawn: Mapping[str, object]) -> str | None:
    """Return the text for `--case` of a case and further values.

    Returns None if a value has no text that `parse_case_option` can evaluate.
    """
    text = ", ".join([repr(case), *(f"{name}={value!r}" for name, value in drawn.items())])
    try:
        parse_case_option(text)
    except ValueError:
        return None
    return text


def parse_case_option(text: str) -> dict:
    """Return the arguments of `Check.verify` for a text of `--case`.

    Raises ValueError with a message of one line if the text is not a case.
    """
    try:
        found = evaluate_case_text(f"dict(case={text})", nan=np.nan, inf=np.inf)
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    case = found.pop("case")
    if not isinstance(case, Case):
        raise ValueError(f"it begins with {type(case).__name__}, not with Case(...)")
    return {"case": case, "drawn": found}
