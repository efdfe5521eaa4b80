"""The session of a run: its settings, and all state that lives as long as the run."""

import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reference.arithmetic import DEFAULT, Arithmetic


def seed_of(text: str) -> int:
    """Return a 64-bit hash of the text, which is the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Round:
    """One run of a search that has a duration (`--for`).

    until: the time at which all tests stop, as `time.time` gives it. seconds: how long to draw new
    cases in each test, by id; tests without an entry do not run. It is empty in the first round,
    in which all tests run once.
    """

    until: float
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return time.time() >= self.until


@dataclass
class Session:
    """The settings and the state of one run.

    profile: its Hypothesis profile. seed: the seed of all random choices. profile_examples: the
    profile's number of examples for each property and path. examples: the requested number.
    largest_swept_size: the largest size of the sweeps over every size. case: the text of the one
    case to run, or None. deviations: the user's file of known deviations, or None.
    database: the address of the database of failed cases that machines share, or None.
    search: the round of the search of a duration that this run is, or None.

    layer: the layer under test (`target.layer.LayerUnderTest`), or None before its selection.
    formulas: the reference's names of activations whose formula differs between releases.
    arithmetics: the arithmetic of each dtype of the machine or the layer.
    largest_ratio: the largest error/bound since it was last set to 0. statistical: the name and the
    path of the statistical property that is running, or None.
    """

    profile: str = "default"
    seed: int = 0
    profile_examples: int = 18
    examples: int = 18
    largest_swept_size: int = 130
    case: str | None = None
    deviations: str | None = None
    database: str | None = None
    search: Round | None = None
    layer: Any = None
    formulas: Mapping[str, str] = field(default_factory=dict)
    arithmetics: Mapping[str, Arithmetic] = field(default_factory=lambda: DEFAULT)
    largest_ratio: float = 0.0
    statistical: tuple[str, object] | None = None
    _caches: dict[Callable, Callable] = field(default_factory=dict)

    @property
    def is_search(self) -> bool:
        """Whether the run is a search, which uses all paths and maximizes error/bound."""
        return self.examples > 200 or self.search is not None

    @property
    def time_is_over(self) -> bool:
        """Whether this run is a search whose duration is over."""
        return self.search is not None and self.search.is_over

    def seed_of(self, what: str) -> int:
        """Return the seed of one named test of this run."""
        return seed_of(f"{self.seed} {what}")

    def select(self, layer, formulas: Mapping[str, str]) -> None:
        """Make this the layer under test, and clear the caches of the previous one."""
        self.layer, self.formulas = layer, formulas
        self._caches.clear()

    def cached(self, key: Callable, function: Callable, maxsize: int) -> Callable:
        """Return the function with a cache that the session clears with the layer under test."""
        if key not in self._caches:
            self._caches[key] = functools.lru_cache(maxsize)(function)
        return self._caches[key]


_current = Session()


def current() -> Session:
    """Return the session of the run in progress."""
    return _current


def set_current(session: Session) -> Session:
    """Make this the session of the run in progress, and return the previous one."""
    global _current
    before, _current = _current, session
    return before


def kept(maxsize: int):
    """Decorate a function to cache its latest `maxsize` results in the session."""

    def decorate(function):
        @functools.wraps(function)
        def keeping(*arguments):
            return current().cached(keeping, function, maxsize)(*arguments)

        return keeping

    return decorate
