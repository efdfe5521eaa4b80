"""The Hypothesis profiles."""

from typing import Any

from hypothesis import HealthCheck, Phase, settings

FIXED_SEED = 0
"""The seed of the profiles that draw equal cases in each run."""

PROFILES: dict[str, dict[str, Any]] = {
    "dev": {"max_examples": 18},
    "ci": {"max_examples": 40, "derandomize": True, "database": None, "print_blob": True},
    "nightly": {"max_examples": 400},
    # For the selftests that plant faults: reproducible, without a database and without shrinking.
    "faults": {
        "phases": {Phase.explicit, Phase.generate},
        "max_examples": 16,
        "derandomize": True,
        "database": None,
    },
    # For tests.selftest.mutation: as dev, without shrinking.
    "mutants": {"phases": {Phase.explicit, Phase.generate}, "max_examples": 18, "database": None},
}

SWEEPS = {"nightly": 520}
"""The largest size of the sweeps over every size, by profile; 130 for the others."""

SHARED: dict[str, Any] = {
    "deadline": None,
    "phases": set(Phase) - {Phase.explain},  # explaining runs a failing case a hundred times
    "suppress_health_check": [HealthCheck.too_slow],  # a busy machine may draw slowly
    "report_multiple_bugs": False,
}


def register() -> None:
    """Register the profiles with Hypothesis."""
    # Without a parent, they would take what Hypothesis sets where the variable CI is set: no
    # database, and equal cases in each run.
    neutral = settings.get_profile("default")
    for name, values in PROFILES.items():
        settings.register_profile(name, neutral, **{**SHARED, **values})
