"""Generated properties: sentences of the documentation that are checked on drawn cases."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from hypothesis.strategies import SearchStrategy

from reference.formats import FORMATS
from tests.harness import session
from tests.harness.cases import corners, plans, strategies
from tests.harness.cases.case import Case
from tests.harness.knowledge import active, deviations
from tests.harness.paths.execution import EXECUTION_PATHS
from tests.harness.paths.path import SEQUENCES_AND_STATE, Path
from tests.harness.properties.registry import PROPERTIES
from tests.harness.target import layer

EXAMPLES_PER_PLAN = 4  # the smallest number of examples of each plan on a path that traces
SECONDARY_FRACTION = 0.75  # properties that primary ones imply get this fraction of the examples
MIN_EXAMPLE_FRACTION = 0.3  # expensive properties get no smaller fraction
PLAN_LIMITS = 3, 48  # the smallest and the largest pool; traces of more plans fill the memory


@dataclass(frozen=True)
class GeneratedProperty:
    """One sentence of the documentation, checked on drawn cases on each applicable path.

    body: a function of a case, a path and further drawn values, which raises Mismatch. source: the
    documented object, such as "SimpleRNN". sentence: the words of its documentation. choices:
    replacements of the choices of `plans.run_choices`. integers: whether all values are integers.
    paths: the paths of the property. nightly_paths: more paths in a search. needs: features of the
    layer without which the property is not applicable. exhaustive_over: options whose combinations
    are all tried on paths that do not trace. primary: whether the property decides what the layer
    computes; it then gets all examples of the profile on expensive paths, too, and each run tries
    the named corners. prepare: a function that changes each drawn case. script: returns the program
    that a failure prints. trace_cost, case_cost: the cost of a trace or a case in units of an
    ordinary one, by which the number of traces or cases is divided. strategies: the strategies of
    further arguments, by name. all_cases: see `sweep`.
    """

    body: Callable
    source: str
    sentence: str
    choices: plans.Choices
    integers: bool
    paths: Collection[Path]
    nightly_paths: Collection[Path]
    needs: frozenset[str]
    exhaustive_over: Collection[str]
    primary: bool
    prepare: Callable[[Case], Case]
    script: Callable[[Path, Case], str]
    trace_cost: int
    case_cost: int
    strategies: Mapping[str, SearchStrategy]
    all_cases: Callable[[Path], Iterable[Case]] | None = None

    kind = "generated"

    @property
    def name(self) -> str:
        return self.body.__name__

    @property
    def paths_in_this_run(self) -> list[Path]:
        """The applicable paths of the run in progress."""
        paths = (*self.paths, *(self.nightly_paths if session.current().is_search else ()))
        return [path for path in paths if not path.unsupported & self.needs]

    def missing_features(self, path: Path) -> list[str]:
        """Return the features that the property needs on that path and the layer lacks."""
        return layer.under_test().missing_features(
            self.needs | path.required_features | SEQUENCES_AND_STATE
        )

    def example_count(self, path: Path) -> int:
        """Return the number of cases to draw on that path."""
        run = session.current()
        examples = min(run.examples, run.profile_examples) if path.leaks_memory else run.examples
        return max(1, round(examples * self._example_fraction(path)))

    def _example_fraction(self, path: Path) -> float:
        return (
            1.0
            if self.primary
            else path.example_fraction
            * min(SECONDARY_FRACTION, max(1 / self.case_cost, MIN_EXAMPLE_FRACTION))
        )

    def _choices(self, path: Path) -> Mapping[str, tuple]:
        """Return the choices of its cases on that path."""
        choices = plans.narrowed_choices(
            self.choices, path.choices, {"dtype": tuple(layer.under_test().features & {*FORMATS})}
        )
        return plans.without_features(choices, path.unsupported | layer.lacking_choices())

    def strategy(self, path: Path) -> SearchStrategy[Case]:
        """Return the strategy of its cases on that path."""
        pool = None
        if path.traced:
            run = session.current()
            examples = min(run.examples, run.profile_examples) * self._example_fraction(path)
            pool = int(np.clip(round(examples) // EXAMPLES_PER_PLAN, *PLAN_LIMITS))
            pool = max(2, pool // self.trace_cost)
        return strategies.cases(self._choices(path), self.integers, pool, not path.fixed_shape)

    def named_cases(self, path: Path) -> Iterator[Case]:
        """Yield the named cases that every run tries on that path."""
        if self.primary and not (path.traced and self.trace_cost > 1):
            yield from corners.corners(self._choices(path), self.integers)
        if self.exhaustive_over and not path.traced:
            yield from corners.crossed_cases(self._choices(path), self.exhaustive_over)

    def known_deviations(
        self, path: Path, facts: Mapping[str, object]
    ) -> list[deviations.Deviation]:
        """Return the deviations that explain a failure on that path and a case with these facts."""
        return [d for d in active.active_deviations() if d.explains(self.name, path.name, facts)]


def generated(
    source: str,
    sentence: str,
    *,
    choices: plans.Choices | None = None,
    integers: bool = False,
    paths: Collection[Path] = EXECUTION_PATHS,
    nightly_paths: Collection[Path] = (),
    needs: Collection[str] = (),
    exhaustive_over: Collection[str] = (),
    primary: bool = False,
    prepare: Callable[[Case], Case] = lambda case: case,
    script: Callable[[Path, Case], str] = lambda path, case: path.script(case),
    trace_cost: int = 1,
    case_cost: int = 1,
    strategies: Mapping[str, SearchStrategy] | None = None,
):
    """Decorate a function of (case, path, ...), which raises Mismatch, to make it a property.

    The arguments are the fields of GeneratedProperty.
    """

    def decorate(body):
        prop = GeneratedProperty(
            body,
            source,
            sentence,
            choices or {},
            integers,
            paths,
            nightly_paths,
            frozenset(needs),
            exhaustive_over,
            primary,
            prepare,
            script,
            trace_cost,
            case_cost,
            strategies or {},
        )
        PROPERTIES[prop.name] = prop
        return prop

    return decorate


def sweep(
    source: str,
    sentence: str,
    all_cases: Callable[[Path], Iterable[Case]],
    *,
    paths: Collection[Path],
    needs: Collection[str] = (),
):
    """Decorate a function of (case, path) to make it a property of a fixed set of cases.

    all_cases: returns the cases for a path. The other arguments: as in `generated`.
    """

    def decorate(body):
        prop = generated(source, sentence, paths=paths, needs=needs)(body)
        prop = PROPERTIES[prop.name] = replace(prop, all_cases=all_cases)
        return prop

    return decorate
