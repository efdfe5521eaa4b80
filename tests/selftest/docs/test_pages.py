"""The generated pages are current, and links in documents lead somewhere."""

import re

import pytest

from tests.docs.pages import pages
from tests.harness.target.releases import KERAS_2
from tests.selftest.programs import ROOT

DOCUMENTS = [
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "tests/README.md",
        ".github/CONTRIBUTING.md",
        "tests/docs/PROPERTIES.md",
        "tests/docs/DEVIATIONS.md",
        "tests/docs/RELEASES.md",
    )
]


@pytest.mark.skipif(KERAS_2, reason="the pages name the paths of Keras 3")
@pytest.mark.parametrize("file", [file.name for file in pages()])
def test_generated_page_is_current(file):
    (text,) = (text for path, text in pages().items() if path.name == file)
    (path,) = (path for path in pages() if path.name == file)
    assert path.read_text(encoding="utf-8") == text, "run `python -m tests.docs`"


@pytest.mark.parametrize("file", [str(file.relative_to(ROOT)) for file in DOCUMENTS])
def test_links_lead_to_files_and_headings(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, heading = target.partition("#")
        to = (ROOT / file).parent / path if path else ROOT / file
        assert to.exists(), target
        if heading:
            headings = re.findall(r"^#+ +(.+)$", to.read_text(encoding="utf-8"), re.M)
            assert heading in {anchor(h) for h in headings}, target


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")
