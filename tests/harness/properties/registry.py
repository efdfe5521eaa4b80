"""Every property of the suite, by name."""

import functools
import importlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[3]
NOT_PROPERTIES = {"harness", "selftest", "report", "benchmarks", "docs"}


class AnyProperty(Protocol):
    """The common attributes of the three kinds of property."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """Return "generated", "example" or "statistical"."""

    @property
    def body(self) -> Callable: ...

    @property
    def source(self) -> str: ...

    @property
    def sentence(self) -> str: ...

    @property
    def paths(self) -> Collection: ...


PROPERTIES: dict[str, AnyProperty] = {}
"""Every property that has been imported, by name."""


@functools.cache
def all_properties() -> dict[str, AnyProperty]:
    """Return every property of the suite, by name, in the order of the files; import them."""
    for file in sorted(ROOT.glob("tests/**/test_*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[1] not in NOT_PROPERTIES:
            importlib.import_module(".".join(parts))

    def place(name):
        body = PROPERTIES[name].body
        return body.__module__, body.__code__.co_firstlineno

    return {name: PROPERTIES[name] for name in sorted(PROPERTIES, key=place)}
