"""tox.ini has an environment for every release, and the workflow reads its list from there."""

import re
from configparser import ConfigParser

import pytest
from packaging.version import Version

from tests.harness.target.releases import KERAS, KERAS_2, OLDEST_TENSORFLOW, TENSORFLOW
from tests.selftest.programs import ROOT

TOX = ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")
WORKFLOWS = {
    file.stem: file.read_text(encoding="utf-8")
    for file in (ROOT / ".github" / "workflows").glob("*.yml")
}
OF_RELEASES = [
    name.partition(":")[2]
    for name in TOX
    if re.fullmatch(r"testenv:(oldest|nightly|(newest|tf|keras|keras2)-.*)", name)
]


def releases(kind: str) -> list[Version]:
    """Return the releases of the environments of that kind; their names and deps must agree."""
    found = []
    for name in OF_RELEASES:
        if name.rpartition("-")[0] == kind:
            release = name.rpartition("-")[2]
            assert TOX[f"testenv:{name}"]["deps"].endswith(f"=={release}")
            found.append(Version(release))
    return found


def minors(versions) -> list[tuple[int, int]]:
    return [(v.major, v.minor) for v in versions]


def test_each_supported_tensorflow_has_an_environment():
    oldest = Version(TOX["testenv:oldest"]["deps"].partition("==")[2])
    named = minors([oldest, *releases("tf")])
    assert named[0] == (OLDEST_TENSORFLOW.major, OLDEST_TENSORFLOW.minor)
    assert named == [(2, minor) for minor in range(named[0][1], named[-1][1] + 1)]
    # The installed release is named, or it is the one after the last named release.
    assert (TENSORFLOW.major, TENSORFLOW.minor) in [*named, (2, named[-1][1] + 1)]


def test_each_keras_3_release_has_an_environment():
    named = minors(releases("keras"))
    assert named == [(3, minor) for minor in range(len(named))]
    assert KERAS_2 or (KERAS.major, KERAS.minor) in named


def test_keras_2_covers_tensorflow_releases_with_keras_3():
    first = next(v for v in releases("tf") if v.minor == releases("keras2")[0].minor)
    assert minors(releases("keras2"))[:-1] == minors(v for v in releases("tf") if v >= first)


@pytest.mark.parametrize("name", OF_RELEASES)
def test_release_environments_have_the_releases_label(name):
    assert TOX[f"testenv:{name}"]["labels"] == "releases"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_pins_actions_and_names_no_release(name):
    used = re.findall(r"uses: ([^$\s]\S+)(.*)", code(name))
    assert len(used) > 3
    for action, comment in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment)
    for version in [*releases("tf"), *releases("keras"), *releases("keras2")]:
        assert f"{version.major}.{version.minor}." not in re.sub(r"# v.*", "", code(name))


def code(name: str) -> str:
    """Return a workflow without comments and descriptions."""
    return re.sub(r"^ *#.*|^ *description: .*", "", WORKFLOWS[name], flags=re.M)


def inputs() -> set[str]:
    """Return the inputs that the reusable workflow declares."""
    (declared,) = re.findall(r"^    inputs:\n((?:      .*\n)+)", WORKFLOWS["verify"], re.M)
    return set(re.findall(r"^      (\w+):$", declared, re.M))


def test_reusable_workflow_uses_every_input():
    assert inputs() == set(re.findall(r"\binputs\.(\w+)", WORKFLOWS["verify"]))


def test_ci_passes_declared_inputs():
    (given,) = re.findall(r"uses: \$/.*\n    with:\n((?:      .*\n?)+)", WORKFLOWS["ci"])
    passed = re.findall(r"^      (\w+): ", given, re.M)
    assert passed
    assert set(passed) <= inputs()


def test_ci_names_existing_environments():
    named = re.findall(r"echo ([\w.-]+)(?=;)", WORKFLOWS["ci"])
    (checks,) = re.findall(r"environment: \[(.*)\]", WORKFLOWS["ci"])
    default = re.findall(r"default: '\[\"(.*)\"\]'", WORKFLOWS["verify"])
    assert named
    for environment in [*named, *checks.split(", "), *default]:
        assert f"testenv:{environment}" in TOX


def test_pre_commit_runs_the_lint_environment():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: (.*)", text) == ["tox run -q -e lint"]
