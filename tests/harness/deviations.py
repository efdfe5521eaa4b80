"""Known departures of named releases from their documentation, as data."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path as File

import numpy as np
from packaging.specifiers import SpecifierSet

from reference.rounding import FORMATS
from tests.harness import Unusable, layer, read_toml
from tests.harness.cases import Case, replace
from tests.harness.releases import KERAS, TENSORFLOW

FILE = File(__file__).with_name("deviations.toml")


@dataclass(frozen=True)
class Deviation:
    """One departure.

    sentence: what the documentation says; departs: what the release does instead. shown_by: the
    property that fails on the witness, the fields of one case, on the first of `paths`; without a
    witness, the property that is one itself. properties: those that fail on matching cases too, or
    "*" for every one. paths: where; none, everywhere. fails_with: a regular expression for
    `re.search` in the message of the failure, as specific as the wrong behaviour is.
    instead: the name of a function of INSTEAD, where the wrong behaviour can be stated; `shown_by`
    must then find it.
    part: "SimpleRNN", or its base "RNN", or what any layer meets: an "activation", a "wrapper" ...
    keras, tensorflow: the releases that show it. where: features of a case (`Case.summary`), or
    arguments of a property that needs none, and the values of each that show it. upstream: the
    issue, or "not reported".
    """

    id: str
    sentence: str
    departs: str
    shown_by: str
    fails_with: str
    upstream: str
    where: Mapping[str, list] = field(default_factory=dict, hash=False)
    witness: Mapping[str, object] = field(default_factory=dict, hash=False)
    part: str = "SimpleRNN"
    keras: str = ""
    tensorflow: str = ""
    instead: str = ""
    paths: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether the installed release is one that shows it."""
        return SpecifierSet(self.keras, prereleases=True).contains(KERAS) and SpecifierSet(
            self.tensorflow, prereleases=True
        ).contains(TENSORFLOW)

    @property
    def bounds(self) -> str:
        """The releases that show it, in words."""
        named = {"tensorflow": self.tensorflow, "keras": self.keras}
        return " ".join(f"{package} {which}" for package, which in named.items() if which) or "all"

    @property
    def vanished(self) -> str:
        """What to tell where the release keeps to its documentation after all."""
        return (
            f"deviation {self.id} has vanished: this release keeps to its documentation. Bound it "
            f"in {FILE.name} by the last release that shows it, or delete it."
        )

    def excuses(self, name: str, path: str, facts: Mapping[str, object]) -> bool:
        """Whether this is why the property of that name fails on that path and such a case."""
        named = {name, "*"} & {self.shown_by, *self.properties}
        return bool(named) and path in (self.paths or (path,)) and self._has(facts)

    def is_shown_by(self, name: str, facts: Mapping[str, object]) -> bool:
        """Whether the property of that name must fail with such arguments; `paths` bound those that
        have a `path`."""
        path = facts.get("path")
        there = path is None or path in (self.paths or (path,))
        return name in (self.shown_by, *self.properties) and there and self._has(facts)

    def matches(self, message: str) -> bool:
        """Return whether the message of a failure is the one that this deviation gives."""
        return re.search(self.fails_with, message) is not None

    def _has(self, facts: Mapping[str, object]) -> bool:
        return all(facts.get(feature) in values for feature, values in self.where.items())

    def case(self) -> Case:
        """The witness."""
        return Case(
            **{k: np.array(v, float) if isinstance(v, list) else v for k, v in self.witness.items()}
        )


def inputs_in_float32(case: Case) -> Case:
    """What is given is rounded to float32 first."""
    given = {"inputs": case.inputs, "initial_state": case.initial_state}
    float32 = FORMATS["float32"].round
    return replace(case, **{n: None if v is None else float32(v) for n, v in given.items()})


def mask_ignored(case: Case) -> Case:
    """The mask is lost, and masked steps are steps of zeros."""
    return replace(case.with_inputs(~case.mask, 0.0), mask=None)


INSTEAD = {f.__name__: f for f in (inputs_in_float32, mask_ignored)}
"""From a case to the one whose documented results are what a deviation gives for it."""


KINDS = {"where": dict, "witness": dict, "paths": list, "properties": list}
"""What the values of a deviation's keys are; of all other keys, strings."""


def load(file: File = FILE) -> tuple[Deviation, ...]:
    """Every registered deviation; Unusable, naming the entry, if the file cannot be read."""
    read = read_toml(file)
    entries = read.pop("deviation", [])
    if read or not isinstance(entries, list):
        wrong = next(iter(read), "deviation")
        raise Unusable(f"{file}: {wrong} is not [[deviation]], and no other table is known")
    found = {}
    for number, entry in enumerate(entries, 1):
        name = (
            entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
        )
        try:
            if name in found:
                raise ValueError("the id stands twice")
            found[name] = _deviation(entry)
        except (TypeError, ValueError) as error:
            raise Unusable(f"{file}: deviation {name}: {error}") from None
    return tuple(found.values())


def _deviation(entry) -> Deviation:
    """The deviation of one entry; TypeError or ValueError if it is none."""
    if not isinstance(entry, dict):
        raise ValueError("it is no table")
    if unknown := set(entry) - {f.name for f in fields(Deviation)}:
        raise ValueError(f"unknown key {sorted(unknown)[0]}")
    for key, value in entry.items():
        if not isinstance(value, KINDS.get(key, str)):
            raise ValueError(f"{key} is no {KINDS.get(key, str).__name__}")
    lists = {key: tuple(value) for key, value in entry.items() if KINDS.get(key) is list}
    deviation = Deviation(**{**entry, **lists})
    for feature, values in deviation.where.items():
        if not isinstance(values, list):
            raise ValueError(f"{feature} in where is no list")
    if deviation.witness:
        try:
            summary = deviation.case().summary()
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise ValueError(f"its witness is no case: {error}") from None
        if unknown := set(deviation.where) - set(summary):
            raise ValueError(f"unknown feature {sorted(unknown)[0]} in where")
    try:
        re.compile(deviation.fails_with)
    except re.error as error:
        raise ValueError(f"fails_with does not compile: {error}") from None
    if deviation.instead and deviation.instead not in INSTEAD:
        raise ValueError(f"instead: {deviation.instead} is none of {', '.join(INSTEAD)}")
    _ = deviation.applies
    return deviation


def active() -> tuple[Deviation, ...]:
    """The deviations of the installed release that the layer under test may show."""
    return _active(layer.under_test())


@functools.lru_cache(maxsize=8)
def _active(under_test: layer.LayerUnderTest) -> tuple[Deviation, ...]:
    others = {"SimpleRNN", "RNN"} - under_test.made_from
    return tuple(d for d in load() if d.applies and d.part not in others)


def vanished(known: Iterable[Deviation]) -> str:
    """What to tell where known deviations do not show; nothing of a layer of one's own, which may
    have mended what it was made from."""
    return "\n".join(d.vanished for d in known if layer.under_test().is_tensorflows)
