"""tox.ini has an environment for every release, and all else takes the list from there."""

import re
from configparser import ConfigParser

import pytest
from packaging.version import Version

from tests.harness.target.releases import KERAS, KERAS_2, OLDEST_TENSORFLOW, TENSORFLOW
from tests.selftest.programs import ROOT

TOX = ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "verify.yml").read_text(encoding="utf-8")
OF_RELEASES = [
    name.partition(":")[2]
    for name in TOX
    if re.fullmatch(r"testenv:(oldest|nightly|(newest|tf|keras|keras2)-.*)", name)
]


def releases(kind: str) -> list[Version]:
    """The releases of the environments of that kind, each as its name says and it installs."""
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
    # This one is the newest, or an older one that is named: none is forgotten between.
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


def test_workflow_pins_actions_and_names_no_release():
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOW)
    assert len(used) > 5
    for action, comment in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment)
    for version in [*releases("tf"), *releases("keras"), *releases("keras2")]:
        assert f"{version.major}.{version.minor}." not in re.sub(r"# v.*", "", WORKFLOW)
