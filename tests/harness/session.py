"""One run of the suite: what it was asked for, and all state that lives as long as it does."""

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def seed_of(text: str) -> int:
    """Return a number of 64 bits that depends on every character of the text, the same on each
    machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass
class Session:
    """One run.

    profile: its Hypothesis profile. seed: everything drawn at random comes from it. usual: the
    profile's number of examples for each property and path; examples: the number asked for. sweep:
    the largest size of the sweeps over every size. case: the one case to run, as text, or None.
    deviations: the file of known deviations that the user gave, or None.

    layer: the layer under test (`target.layer.LayerUnderTest`), once it is selected. formulas: the
    reference's names for activations whose formula differs between releases. largest_ratio: the
    largest error/bound since it was last set to 0. statistical: the name and path of the
    statistical property that is running, or None.
    """

    profile: str = "default"
    seed: int = 0
    profile_examples: int = 18
    examples: int = 18
    largest_swept_size: int = 130
    case: str | None = None
    deviations: str | None = None
    layer: Any = None
    formulas: Mapping[str, str] = field(default_factory=dict)
    largest_ratio: float = 0.0
    statistical: tuple[str, object] | None = None
    _caches: dict[Callable, Callable] = field(default_factory=dict)

    @property
    def is_search(self) -> bool:
        """Whether it is a search: all paths, and for the largest error/bound."""
        return self.examples > 200

    def seed_of(self, what: str) -> int:
        """Return the seed of one test or one table of this run, by its name."""
        return seed_of(f"{self.seed} {what}")

    def select(self, layer, formulas: Mapping[str, str]) -> None:
        """Make this the layer under test, and forget what was made of the one before."""
        self.layer, self.formulas = layer, formulas
        self._caches.clear()

    def cached(self, key: Callable, function: Callable, maxsize: int) -> Callable:
        """Return the function with a cache that lives as long as this run and this layer."""
        if key not in self._caches:
            self._caches[key] = functools.lru_cache(maxsize)(function)
        return self._caches[key]


_current = Session()


def current() -> Session:
    """Return the session of the run in progress."""
    return _current


def set_current(session: Session) -> Session:
    """Make this the session of the run in progress; return the one before."""
    global _current
    before, _current = _current, session
    return before


def kept(maxsize: int):
    """Decorate a function whose results the run keeps, the latest `maxsize` of them."""

    def decorate(function):
        @functools.wraps(function)
        def keeping(*arguments):
            return current().cached(keeping, function, maxsize)(*arguments)

        return keeping

    return decorate
