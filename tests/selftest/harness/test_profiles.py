"""The Hypothesis profiles are equal on every machine."""

import sys

from tests.selftest.programs import start

PRINTED = """
import os
for variable in os.environ["UNSET"].split():
    os.environ.pop(variable, None)
from hypothesis import settings
from tests.harness.plugin import profiles
profiles.register()
for name in profiles.PROFILES:
    print(name, settings.get_profile(name))
"""


def profiles(unset: str, ci: str) -> str:
    """Return the profiles of a process with the variable CI, without the variables `unset`."""
    done = start(sys.executable, "-c", PRINTED, UNSET=unset, CI=ci)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_profiles_do_not_depend_on_the_variable_ci():
    # Hypothesis then has no database and draws equal cases in each run.
    without = "CI GITHUB_ACTIONS GITLAB_CI TF_BUILD BUILDKITE CIRCLECI CIRRUS_CI CODEBUILD_BUILD_ID"
    assert profiles(unset=without, ci="") == profiles(unset="", ci="true")
