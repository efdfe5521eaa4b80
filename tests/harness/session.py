"""What one run of the suite was asked for; made when pytest is configured."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness import sizes


@dataclass(frozen=True)
class Session:
    """One run.

    profile: its Hypothesis profile. seed: all that is drawn comes from it. usual: the profile's
    number of examples for each property and path; examples: the number that was asked for. sweep:
    the largest size of the sweeps over every size. case: the one case to run, as text, or None.
    """

    profile: str = "default"
    seed: int = 0
    usual: int = 18
    examples: int = 18
    sweep: int = 130
    case: str | None = None

    @functools.cached_property
    def sizes(self) -> Mapping[str, sizes.Sizes]:
        """The sizes that the cases of this run have, by dimension."""
        return sizes.of_run(self.seed, more=min(4, 1 + self.usual // 100))

    @property
    def is_long(self) -> bool:
        """Whether it is a search: all paths, and for the largest error/bound."""
        return self.examples > 200

    def seed_of(self, what: str) -> int:
        """The seed of one test or one table of this run, by its name."""
        return sizes.seed_of(f"{self.seed} {what}")


_current = Session()


def current() -> Session:
    """The run that is under way."""
    return _current


def use(session: Session) -> Session:
    """Make this the run that is under way; returns the one before."""
    global _current
    before, _current = _current, session
    return before
