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


def profiles(**environment: str) -> str:
    done = start(sys.executable, "-c", PRINTED, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_profiles_do_not_depend_on_the_variable_ci():
    # Hypothesis then has no database and draws equal cases in each run.
    without = profiles(UNSET="CI GITHUB_ACTIONS TF_BUILD BUILDKITE CIRCLECI CIRRUS_CI CODEBUILD")
    assert profiles(UNSET="", CI="true") == without
