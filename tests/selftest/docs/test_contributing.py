"""The diffs of the recipes for contributors apply to the files that they name."""

import re

import pytest

from tests.selftest.programs import ROOT

CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = re.findall(
    r"^--- a/(\S+)\n\+\+\+ b/(\S+)\n((?:[ +@-].*\n)+?)(?=--- a/|```)", CONTRIBUTING, re.M
)


def lines(hunk: str, signs: str) -> str:
    return "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] in signs)


@pytest.mark.parametrize(("old", "new", "diff"), DIFFS, ids=range(len(DIFFS)))
def test_recipe_applies_to_the_file(old, new, diff):
    assert old == new
    text = (ROOT / new).read_text(encoding="utf-8")
    for hunk in filter(None, diff.split("@@\n")):
        assert lines(hunk, " -") in text
        if is_there(new):
            assert lines(hunk, " +") in text


def is_there(file: str) -> bool:
    return file.startswith("reference/") or file in (
        "tox.ini",
        "tests/harness/paths/transformations.py",
        "tests/harness/knowledge/deviations.toml",
        "tests/selftest/reference/test_gradient.py",
        "tests/selftest/reference/test_recurrence.py",
    )


def test_every_kind_of_change_has_a_diff():
    sections = re.split(r"^## ", CONTRIBUTING, flags=re.M)
    recipes = [s for s in sections if s.startswith(("Add ", "Release "))]
    assert len(recipes) == 9
    assert all("```diff\n" in section for section in recipes)


def test_every_named_file_exists():
    named = re.findall(r"`((?:tests|reference|\.github)/[\w/.]+)`", CONTRIBUTING)
    assert len(named) > 10
    for file in named:
        assert (ROOT / file).exists(), file
