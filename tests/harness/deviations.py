"""Known departures of named releases from their documentation, as data."""

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path as File

import numpy as np
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from tests.harness import Unusable
from tests.harness.cases import Case
from tests.harness.releases import KERAS, TENSORFLOW

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = File(__file__).with_name("deviations.toml")


@dataclass(frozen=True)
class Deviation:
    """One departure.

    sentence: what the documentation says; departs: what the release does instead. shown_by: the
    property that fails on the witness, the fields of one case, on the first of `paths`. properties:
    those that fail on matching cases too, or "*" for every one. paths: where; none, everywhere.
    keras, tensorflow: the releases that show it. where: features of a case (`Case.summary`) and the
    values of each that show it. upstream: the issue, or "not reported".
    """

    id: str
    sentence: str
    departs: str
    shown_by: str
    where: Mapping[str, list]
    witness: Mapping[str, object]
    upstream: str
    keras: str = ""
    tensorflow: str = ""
    paths: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether the installed release is one that shows it."""
        return (
            SpecifierSet(self.keras, prereleases=True).contains(KERAS)
            and SpecifierSet(self.tensorflow, prereleases=True).contains(TENSORFLOW)
        )

    def excuses(self, name: str, path: str, case: Case) -> bool:
        """Whether this is why the property of that name fails on that path and case."""
        if not {name, "*"} & {self.shown_by, *self.properties} or (self.paths and path not in self.paths):
            return False
        summary = case.summary()
        return all(summary[feature] in values for feature, values in self.where.items())

    def case(self) -> Case:
        return Case(
            **{k: np.array(v, float) if isinstance(v, list) else v for k, v in self.witness.items()}
        )


def load(file: File = FILE) -> tuple[Deviation, ...]:
    """Every registered deviation; Unusable, naming the entry, if the file cannot be read."""
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("deviation", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unusable(f"{file} cannot be read: {error}") from None
    known = {f.name for f in fields(Deviation)}
    seen = set()
    for number, entry in enumerate(entries, 1):
        name = entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
        try:
            if unknown := set(entry) - known:
                raise ValueError(f"unknown key {sorted(unknown)[0]}")
            deviation = Deviation(
                **{k: tuple(v) if k in ("properties", "paths") else v for k, v in entry.items()}
            )
            summary = deviation.case().summary()
            if unknown := set(deviation.where) - set(summary):
                raise ValueError(f"unknown feature {sorted(unknown)[0]} in where")
            _ = deviation.applies
            if name in seen:
                raise ValueError("the id stands twice")
        except (TypeError, ValueError, AttributeError, InvalidSpecifier) as error:
            raise Unusable(f"{file}: deviation {name}: {error}") from None
        seen.add(name)
    return tuple(
        Deviation(**{k: tuple(v) if k in ("properties", "paths") else v for k, v in e.items()})
        for e in entries
    )


@functools.cache
def active() -> tuple[Deviation, ...]:
    """The deviations of the installed release."""
    return tuple(deviation for deviation in load() if deviation.applies)
