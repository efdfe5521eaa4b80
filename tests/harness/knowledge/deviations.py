"""Known departures of named releases from their documentation, as data; without TensorFlow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path as File
from typing import Any

import numpy as np
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from reference.formats import FORMATS
from tests.harness.cases.case import Case, replace
from tests.harness.configuration import ConfigurationError, read_toml

FILE = File(__file__).with_name("deviations.toml")

EFFECTS = {
    "wrong numbers": "The layer silently computes other values than documented.",
    "argument ignored": "An argument, a mask or an option silently has no effect.",
    "raises": "A documented use raises an exception.",
    "not repeatable": "A seed does not repeat its values, or does not tell runs apart.",
    "lost digits": "The result has less precision than its dtype.",
    "documentation": "The release accepts excluded arguments, or returns results in another form.",
}
"""The classes of effect, the most serious first, with their meaning."""


@dataclass(frozen=True)
class Deviation:
    """One known departure.

    sentence: the words of the documentation. departs: the behaviour of the release. effect: a key
    of EFFECTS. promised: whether a sentence of the documentation promises the behaviour that the
    suite requires; reading: otherwise, who reads the documentation so. upstream: the issue, or "not
    reported".

    script: a program of at most 20 lines that needs TensorFlow and NumPy alone. shows: its output
    on a release that deviates. documented: its output according to the documentation.

    shown_by: the property that fails on the witness, on the first of `paths`; without a witness,
    the example or statistical property that fails. witness: the fields of a case. properties: other
    properties that fail on matching cases, or "*" for every one. paths: the names of the paths that
    fail; empty means every path. fails_with: a regular expression for `re.search` in the message of
    the failure; it matches no failure of another cause. instead: the name of a function of
    EQUIVALENT_CASES, if the wrong behaviour can be stated exactly.

    part: "SimpleRNN" or its base "RNN", or a part that custom layers share: "activation",
    "wrapper", ... keras, tensorflow: specifiers of the releases that deviate. where: features of a
    case (`Case.summary`) or arguments of an example property, with the values that deviate.
    processor: instructions that oneDNN must use, such as "amx_bf16", by their name in Linux; empty
    means that every processor deviates. registered_by_user: whether the file of `--deviations`
    registers it.
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
    processor: str = ""
    paths: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    registered_by_user: bool = False

    def applies_to(self, keras: Version, tensorflow: Version) -> bool:
        """Return whether the release of these versions deviates."""
        return SpecifierSet(self.keras, prereleases=True).contains(keras) and SpecifierSet(
            self.tensorflow, prereleases=True
        ).contains(tensorflow)

    @property
    def bounds(self) -> str:
        """The releases and processors that deviate, as text."""
        named = {"tensorflow": self.tensorflow, "keras": self.keras}
        texts = [f"{package} {specifier}" for package, specifier in named.items() if specifier]
        where = f", on processors with {self.processor}" if self.processor else ""
        return (" ".join(texts) or "all") + where

    @property
    def vanished_message(self) -> str:
        """The message for a release that no longer deviates."""
        return (
            f"deviation {self.id} has vanished: this release follows its documentation. Bound it "
            f"in {FILE.name} by the last release that deviates, or delete it."
        )

    def explains(self, name: str, path: str, facts: Mapping[str, object]) -> bool:
        """Return whether this explains a failure of a property on a path and a case.

        name: of the property. path: its name. facts: the features of the case, and drawn values.
        """
        named = {name, "*"} & {self.shown_by, *self.properties}
        return bool(named) and path in (self.paths or (path,)) and self._has(facts)

    def occurs_in(self, name: str, facts: Mapping[str, object]) -> bool:
        """Return whether an example property must fail with these arguments.

        name: of the property. `paths` restricts the argument `path`, if the property has it.
        """
        path = facts.get("path")
        on_path = path is None or path in (self.paths or (path,))
        return name in (self.shown_by, *self.properties) and on_path and self._has(facts)

    def matches(self, message: str) -> bool:
        """Return whether the message of a failure matches `fails_with`."""
        return re.search(self.fails_with, message) is not None

    def _has(self, facts: Mapping[str, object]) -> bool:
        return all(facts.get(feature) in values for feature, values in self.where.items())

    def case(self) -> Case:
        """Return the witness."""
        given: dict[str, Any] = {
            k: np.array(v, float) if isinstance(v, list) else v for k, v in self.witness.items()
        }
        return Case(**given)


def inputs_in_float32(case: Case) -> Case:
    """Return the case with inputs and initial state rounded to float32."""
    float32, state = FORMATS["float32"].round, case.initial_state
    start = None if state is None else float32(state)
    return replace(case, inputs=float32(case.inputs), initial_state=start)


def mask_ignored(case: Case) -> Case:
    """Return the case without a mask, and with zeros as inputs of the masked steps."""
    masked = ~np.asarray(case.mask)
    return replace(case.with_inputs(masked, 0.0), mask=None)


EQUIVALENT_CASES = {f.__name__: f for f in (inputs_in_float32, mask_ignored)}
"""Functions from a case to the case whose documented results a deviation returns."""


FIELD_TYPES = {"where": dict, "witness": dict, "paths": list, "properties": list, "promised": bool}
"""The types of a deviation's keys; all other keys are strings."""


def load(file: File = FILE, by_user: bool = False) -> tuple[Deviation, ...]:
    """Return every deviation that a file registers.

    by_user: whether the file is that of `--deviations`. Raises ConfigurationError, which names the
    entry, if the file or an entry is invalid.
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
                raise ValueError("the id occurs twice")
            found[name] = replace(_deviation(entry), registered_by_user=by_user)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{file}: deviation {name}: {error}") from None
    return tuple(found.values())


def _deviation(entry) -> Deviation:
    """Return the deviation of one entry; raise TypeError or ValueError if it is invalid."""
    if not isinstance(entry, dict):
        raise ValueError("it is not a table")
    known = {f.name for f in fields(Deviation)} - {"registered_by_user"}
    if unknown := set(entry) - known:
        raise ValueError(f"unknown key {sorted(unknown)[0]}")
    for key, value in entry.items():
        if not isinstance(value, FIELD_TYPES.get(key, str)):
            raise ValueError(f"{key} is not a {FIELD_TYPES.get(key, str).__name__}")
    lists = {key: tuple(value) for key, value in entry.items() if FIELD_TYPES.get(key) is list}
    deviation = Deviation(**{**entry, **lists})
    _check(deviation)
    return deviation


def _check(deviation: Deviation) -> None:
    """Raise ValueError if a value of a deviation is invalid."""
    for feature, values in deviation.where.items():
        if not isinstance(values, list):
            raise ValueError(f"{feature} in where is not a list")
    if deviation.witness:
        try:
            summary = deviation.case().summary()
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise ValueError(f"its witness is not a case: {error}") from None
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
            raise ValueError(f"{key}: {value} is not one of {', '.join(filter(None, known))}")
    SpecifierSet(deviation.keras), SpecifierSet(deviation.tensorflow)  # may raise ValueError
