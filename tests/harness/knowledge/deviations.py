"""Known departures of named releases from their documentation, as data. Needs no TensorFlow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path as File

import numpy as np
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from reference.rounding import FORMATS
from tests.harness.cases.case import Case, replace
from tests.harness.configuration import ConfigurationError, read_toml

FILE = File(__file__).with_name("deviations.toml")

EFFECTS = {
    "wrong numbers": "The layer silently computes other values than documented.",
    "argument ignored": "An argument, a mask or an option silently has no effect.",
    "raises": "A documented use raises an exception.",
    "not repeatable": "A seed does not repeat its values, or does not tell runs apart.",
    "lost digits": "The result has less precision than its dtype.",
    "documentation": "The release accepts or does what the documentation excludes, with little harm.",
}
"""The classes of effect, the most serious first, with their meaning."""


@dataclass(frozen=True)
class Deviation:
    """One departure.

    sentence: what the documentation says. departs: what the release does instead. effect: one of
    EFFECTS. promised: whether a sentence of the documentation promises what the suite demands;
    reading: whose reading it is otherwise. upstream: the issue, or "not reported".

    script: a program of at most 20 lines that needs TensorFlow and NumPy alone. shows: what it
    prints on a release that deviates; documented: what it should print.

    shown_by: the property that fails on the witness, the fields of one case, on the first of
    `paths`; without a witness, the property that fails by itself. properties: those that fail on
    matching cases as well, or "*" for every one. paths: where; none, everywhere. fails_with: a
    regular expression for `re.search` in the message of the failure, as specific as the wrong
    behaviour is. instead: the name of a function of EQUIVALENT_CASES, where the wrong behaviour can
    be stated exactly.

    part: "SimpleRNN", or its base "RNN", or what any layer meets: an "activation", a "wrapper" ...
    keras, tensorflow: the releases that deviate. where: features of a case (`Case.summary`), or
    arguments of a property without cases, and the values of each that deviate. registered_by_user:
    whether it comes from the file of `--deviations`.
    """

    id: str
    departs: str
    shown_by: str
    fails_with: str
    sentence: str = ""
    effect: str = "wrong numbers"
    promised: bool = True
    reading: str = ""
    upstream: str = "not reported"
    script: str = ""
    shows: str = ""
    documented: str = ""
    where: Mapping[str, list] = field(default_factory=dict, hash=False)
    witness: Mapping[str, object] = field(default_factory=dict, hash=False)
    part: str = "SimpleRNN"
    keras: str = ""
    tensorflow: str = ""
    instead: str = ""
    paths: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    registered_by_user: bool = False

    def applies_to(self, keras: Version, tensorflow: Version) -> bool:
        """Return whether this is one of the releases that deviate."""
        return SpecifierSet(self.keras, prereleases=True).contains(keras) and SpecifierSet(
            self.tensorflow, prereleases=True
        ).contains(tensorflow)

    @property
    def bounds(self) -> str:
        """The releases that deviate, in words."""
        named = {"tensorflow": self.tensorflow, "keras": self.keras}
        return " ".join(f"{package} {which}" for package, which in named.items() if which) or "all"

    @property
    def vanished_message(self) -> str:
        """The message for a release that follows its documentation after all."""
        return (
            f"deviation {self.id} has vanished: this release follows its documentation. Bound it "
            f"in {FILE.name} by the last release that deviates, or delete it."
        )

    def explains(self, name: str, path: str, facts: Mapping[str, object]) -> bool:
        """Return whether this is why that property fails on that path and such a case."""
        named = {name, "*"} & {self.shown_by, *self.properties}
        return bool(named) and path in (self.paths or (path,)) and self._has(facts)

    def occurs_in(self, name: str, facts: Mapping[str, object]) -> bool:
        """Return whether that property must fail with such arguments; `paths` limits those with a
        `path`."""
        path = facts.get("path")
        there = path is None or path in (self.paths or (path,))
        return name in (self.shown_by, *self.properties) and there and self._has(facts)

    def matches(self, message: str) -> bool:
        """Return whether the message of a failure is the one that this deviation gives."""
        return re.search(self.fails_with, message) is not None

    def _has(self, facts: Mapping[str, object]) -> bool:
        return all(facts.get(feature) in values for feature, values in self.where.items())

    def case(self) -> Case:
        """Return the witness."""
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


EQUIVALENT_CASES = {f.__name__: f for f in (inputs_in_float32, mask_ignored)}
"""From a case to the one whose documented results are what a deviation gives for it."""


FIELD_TYPES = {"where": dict, "witness": dict, "paths": list, "properties": list, "promised": bool}
"""The types of a deviation's keys; of all other keys, strings."""


def load(file: File = FILE, by_user: bool = False) -> tuple[Deviation, ...]:
    """Return every deviation that a file registers.

    Raises ConfigurationError, naming the entry, if the file cannot be read.
    """
    read = read_toml(file)
    entries = read.pop("deviation", [])
    if read or not isinstance(entries, list):
        wrong = next(iter(read), "deviation")
        raise ConfigurationError(
            f"{file}: {wrong} is not [[deviation]], and no other table is known"
        )
    found: dict[str, Deviation] = {}
    for number, entry in enumerate(entries, 1):
        name = (
            entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
        )
        try:
            if name in found:
                raise ValueError("the id stands twice")
            found[name] = replace(_deviation(entry), registered_by_user=by_user)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{file}: deviation {name}: {error}") from None
    return tuple(found.values())


def _deviation(entry) -> Deviation:
    """Return the deviation of one entry; raise TypeError or ValueError if it is none."""
    if not isinstance(entry, dict):
        raise ValueError("it is no table")
    known = {f.name for f in fields(Deviation)} - {"registered_by_user"}
    if unknown := set(entry) - known:
        raise ValueError(f"unknown key {sorted(unknown)[0]}")
    for key, value in entry.items():
        if not isinstance(value, FIELD_TYPES.get(key, str)):
            raise ValueError(f"{key} is no {FIELD_TYPES.get(key, str).__name__}")
    lists = {key: tuple(value) for key, value in entry.items() if FIELD_TYPES.get(key) is list}
    deviation = Deviation(**{**entry, **lists})
    _check(deviation)
    return deviation


def _check(deviation: Deviation) -> None:
    """Raise ValueError if a value of a deviation cannot be used."""
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
    for key, value, known in (
        ("instead", deviation.instead, ("", *EQUIVALENT_CASES)),
        ("effect", deviation.effect, EFFECTS),
    ):
        if value not in known:
            raise ValueError(f"{key}: {value} is none of {', '.join(filter(None, known))}")
    SpecifierSet(deviation.keras), SpecifierSet(deviation.tensorflow)  # ValueError if they are none
