"""From a sentence of the documentation and a body to a property that can be checked on any path."""

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, seed, settings, target
from hypothesis.strategies import SearchStrategy, deferred

from reference.rounding import FORMATS
from tests.harness import deviations, drawing, layer, paths, session, sizes
from tests.harness.cases import Case, evaluated
from tests.harness.compare import Mismatch, ledger

EXAMPLES_PER_PLAN = 4  # how often a path that traces uses each plan, at least
IMPLIED = 0.75  # the part of the examples for what follows from properties that are thorough
FEWEST = 0.3  # the part of the examples for what is dear; fewer would show nothing
PLANS = 3, 48  # the fewest and the most; more would only fill the memory with traces

PROPERTIES: dict[str, "Property | Documented"] = {}
"""Every property that has been imported, by name."""


@functools.cache
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
    arguments: as in `promise` and `sweep`.
    """

    body: Callable
    source: str
    sentence: str
    choices: Mapping[str, tuple]
    integers: bool
    on: Collection[paths.Path]
    nightly: Collection[paths.Path]
    needs: frozenset[str]
    covers: Collection[str]
    thorough: bool
    prepare: Callable[[Case], Case]
    script: Callable[[paths.Path, Case], str]
    trace_cost: int
    case_cost: int
    also: Mapping[str, SearchStrategy]
    over: Callable[[paths.Path], Iterable[Case]] | None = None

    @property
    def name(self) -> str:
        return self.body.__name__

    @property
    def in_this_run(self) -> list[paths.Path]:
        """The paths on which it is checked in the run that is under way."""
        asked = (*self.on, *(self.nightly if session.current().is_long else ()))
        return [path for path in asked if not path.lacks & self.needs]

    def missing(self, path: paths.Path) -> list[str]:
        """The features that this property needs on that path and the layer has not."""
        return layer.under_test().lacks(self.needs | path.wants | paths.WHOLE)

    def examples(self, path: paths.Path) -> int:
        """How many cases are drawn for that path, as the run asks for."""
        run = session.current()
        asked = min(run.examples, run.usual) if path.lasting else run.examples
        return max(1, round(asked * self._share(path)))

    def _share(self, path: paths.Path) -> float:
        return 1.0 if self.thorough else path.share * min(IMPLIED, max(1 / self.case_cost, FEWEST))

    def _choices(self, path: paths.Path) -> Mapping[str, tuple]:
        """What its cases are drawn from on that path."""
        choices = drawing.replaced(
            self.choices, path.choices, {"dtype": tuple(layer.under_test().features & {*FORMATS})}
        )
        return drawing.without(choices, path.lacks | drawing.lacked())

    def strategy(self, path: paths.Path) -> SearchStrategy[Case]:
        """The cases that it is checked on."""
        plans = None
        if path.traced:
            run = session.current()
            usual = round(min(run.examples, run.usual) * self._share(path))
            plans = int(np.clip(usual // EXAMPLES_PER_PLAN, *PLANS))
            plans = max(2, plans // self.trace_cost)
        return drawing.cases(self._choices(path), self.integers, plans, not path.fixed_shape)

    def named(self, path: paths.Path) -> Iterator[Case]:
        """The cases that every run tries on that path beside those that are drawn."""
        if self.thorough and not (path.traced and self.trace_cost > 1):
            yield from drawing.corners(self._choices(path), self.integers)
        if self.covers and not path.traced:
            yield from drawing.covering(self._choices(path), self.covers)

    def known(self, path: paths.Path, facts: Mapping[str, object]) -> list[deviations.Deviation]:
        """The deviations that are why this release fails on such a case."""
        return [d for d in deviations.active() if d.excuses(self.name, path.name, facts)]


class Check:
    """One property on one path in one run: it counts, explains what fails, and can be repeated."""

    def __init__(self, prop: Property, path: paths.Path, id: str):
        self.prop, self.path, self.id = prop, path, id
        self.cases = self.rows = self.drawn = self.expected = 0
        self.largest = 0.0
        self.shown: dict[str, deviations.Deviation] = {}

    def test(self) -> Callable:
        """The Hypothesis test: a stream of its own, which depends on its id and the run's seed."""

        def test(case, **drawn):
            self.drawn += 1
            self.verify(case, drawn)
            if session.current().is_long:
                target(ledger.largest, label="error/bound")

        body = self.prop.body
        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        strategy = deferred(lambda: self.prop.strategy(self.path))
        examples = settings(max_examples=self.prop.examples(self.path))
        return seed(session.current().seed_of(self.id))(
            examples(given(case=strategy, **self.prop.also)(test))
        )

    def verify(self, case: Case, drawn: Mapping[str, object]) -> None:
        """Check the property on one case; Mismatch where the layer departs in a way that is not
        known."""
        ledger.reset()
        self.cases += 1
        self.rows += case.batch
        prepared = self.prop.prepare(case)
        try:
            self.prop.body(prepared, self.path, **drawn)
        except Mismatch as mismatch:
            known = self.prop.known(self.path, {**prepared.summary(), **drawn})
            if alike := [d for d in known if d.matches(str(mismatch))]:
                self._hold_to_what_is_known(alike, prepared, drawn)
                self.expected += 1
                self.shown.update((d.id, d) for d in alike)
                return
            mismatch.text = repeatable(case, drawn)
            mismatch.context = self._explain(case, prepared, drawn, mismatch.text, known)
            raise
        finally:
            layer.under_test().a_case_is_done()
        self.largest = max(self.largest, ledger.largest)

    def _hold_to_what_is_known(self, known, case: Case, drawn: Mapping[str, object]) -> None:
        """Where the wrong behaviour can be stated, the layer must show it, and no other one."""
        for name in {d.instead for d in known if d.instead and d.shown_by == self.prop.name}:
            instead = replace(case, instead=deviations.INSTEAD[name](case))
            try:
                self.prop.body(instead, self.path, **drawn)
            except Mismatch as mismatch:
                mismatch.context = self._explain(case, case, drawn, None, known)
                raise

    def repeat(self, text: str) -> None:
        """Check the property on the one case that a failure printed."""
        self.verify(**parsed(text))

    def verify_named(self) -> None:
        """Check the property on the cases that every run tries, after the drawn ones: what those
        find, Hypothesis makes small."""
        for case in self.prop.named(self.path):
            self.verify(case, {})

    def sweep(self) -> None:
        """Check the property on each of the cases that it is to be checked on."""
        for case in self.prop.over(self.path):
            self.verify(case, {})

    @property
    def starved(self) -> str:
        """What to tell where too few cases were drawn to say anything; empty where enough were."""
        asked = self.prop.examples(self.path)
        if self.prop.over is not None or self.drawn >= asked / 2:
            return ""
        return f"only {self.drawn} of {asked} cases were drawn: the strategy rejects too many"

    def _explain(self, case, prepared, drawn, text, known) -> str:
        extra = "".join(f"\n  {name} = {value!r}" for name, value in drawn.items())
        run = session.current()
        how = f'--case "{text}"' if text else f"--hypothesis-seed={run.seed}"
        name = layer.under_test().name
        how += "" if name == layer.DEFAULT else f" --layer {name}"
        return (
            f"  {self.prop.source} says: {self.prop.sentence}\n"
            f"  path: {self.path}\n  case = {case!r}{extra}{otherwise(known)}\n\n"
            f'To repeat it:\n\npytest "{self.id}" {how}\n\n'
            f"It was found with --hypothesis-seed={run.seed}, whose sizes are "
            f"{sizes.described(run.sizes)}.\n\n"
            f"To see it with TensorFlow and NumPy alone:\n\n"
            f"{self.prop.script(self.path, prepared)}"
        )


def repeatable(case: Case, drawn: Mapping[str, object]) -> str | None:
    """The text for `--case` that stands for a case and further values; None where there is no such
    text, since a value prints as nothing that can be read back."""
    text = ", ".join([repr(case), *(f"{name}={value!r}" for name, value in drawn.items())])
    try:
        parsed(text)
    except ValueError:
        return None
    return text


def parsed(text: str) -> dict:
    """The arguments of `Check.verify` that a text for `--case` stands for; ValueError, with one
    line, if it is none."""
    try:
        found = evaluated(f"dict(case={text})", nan=np.nan, inf=np.inf)
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    case = found.pop("case")
    if not isinstance(case, Case):
        raise ValueError(f"it begins with {type(case).__name__}, not with Case(...)")
    return {"case": case, "drawn": found}


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
    strategies of further arguments; TypeError where one is none.
    """
    for name, strategy in also.items():
        if not isinstance(strategy, SearchStrategy):
            raise TypeError(f"promise() has no argument {name}, and {strategy!r} is no strategy")

    def decorate(body):
        prop = Property(
            body,
            source,
            sentence,
            choices or {},
            integers,
            on,
            nightly,
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
        return prop

    return decorate


def sweep(
    source: str,
    sentence: str,
    over: Callable[[paths.Path], Iterable[Case]],
    *,
    on: Collection[paths.Path],
    needs: Collection[str] = (),
):
    """Make a property that is checked on each of the cases that `over` gives for a path, and on no
    drawn one. The other arguments: as in `promise`."""

    def decorate(body):
        made = promise(source, sentence, on=on, needs=needs)(body)
        made = PROPERTIES[made.name] = replace(made, over=over)
        return made

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
            with expecting(known):
                try:
                    body(**arguments)
                except Mismatch as mismatch:
                    given = "".join(f"\n  {name} = {value!r}" for name, value in facts.items())
                    mismatch.context = f"  {source} says: {sentence}{given}"
                    raise
            if ledger.largest:
                record_property("error/bound", ledger.largest)

        own = inspect.signature(body).parameters.values()
        recording = inspect.Parameter("record_property", inspect.Parameter.KEYWORD_ONLY)
        test.__signature__ = inspect.Signature([*own, recording])
        return test

    return decorate


@contextlib.contextmanager
def expecting(known: list[deviations.Deviation]):
    """What is done within departs from the documentation in the known way, and is an expected
    failure; where it departs otherwise the Mismatch is raised, where it does not the test fails."""
    try:
        yield
    except Mismatch as mismatch:
        if alike := [d for d in known if d.matches(str(mismatch))]:
            expected_failure(alike)
        mismatch.context = getattr(mismatch, "context", "") + otherwise(known)
        raise
    else:
        if told := deviations.vanished(known):
            pytest.fail(told, pytrace=False)


def otherwise(known: Iterable[deviations.Deviation]) -> str:
    """What to tell where a known deviation would fail in another way; empty without one."""
    ways = "".join(f"\n  known deviation {d.id}: {d.departs}" for d in known)
    return f"{ways}\n  but this is another failure than the known one" if ways else ""


def expected_failure(known: Iterable[deviations.Deviation]) -> None:
    """End the test as one that fails in a known way."""
    pytest.xfail("; ".join(f"{d.id}: {d.departs}" for d in known))


def begin(record: Callable, prop: Property | Documented, missing: list[str]) -> None:
    """Record what is promised; skip, recorded as not applicable, where the layer lacks options."""
    record("promise", f"{prop.source}: {prop.sentence}")
    tell_if_missing(record, missing)


def tell_if_missing(record: Callable, missing: list[str]) -> None:
    """Skip, recorded as not applicable, where the layer lacks what is named."""
    if missing:
        record("not applicable", ", ".join(missing))
        pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
