"""The Hypothesis profiles."""

from hypothesis import HealthCheck, Phase, settings

FIXED_SEED = 0
"""The seed of the profiles that draw the same cases in each run."""

PROFILES = {
    "dev": {"max_examples": 18},
    "ci": {"max_examples": 40, "derandomize": True, "database": None, "print_blob": True},
    "nightly": {"max_examples": 400},
    # For the selftests that plant faults: as dev, reproducible, nothing stored, nothing shrunk.
    "faults": {
        "phases": {Phase.explicit, Phase.generate},
        "max_examples": 16,
        "derandomize": True,
        "database": None,
    },
    # For tests.selftest.mutation: as dev, but nobody looks at how small a failing case gets.
    "mutants": {"phases": {Phase.explicit, Phase.generate}, "max_examples": 18, "database": None},
}

SWEEPS = {"nightly": 520}
"""The largest size of the sweeps over every size, by profile; 130 for the others."""

SHARED = {
    "deadline": None,
    "phases": set(Phase) - {Phase.explain},  # it runs a failing case a hundred times more
    "suppress_health_check": [HealthCheck.too_slow],  # drawing is fast, machines may not be
    "report_multiple_bugs": False,
}


def register() -> None:
    """Make the profiles known to Hypothesis."""
    for name, values in PROFILES.items():
        settings.register_profile(name, **{**SHARED, **values})
