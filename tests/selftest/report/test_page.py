"""The page and the table: complete in one file, and readable in a browser, on a phone, by ear."""

import re
import shutil
from html.parser import HTMLParser

import pytest

from tests.report import page, records, table
from tests.report.__main__ import BEGIN, END, main
from tests.report.table import DEVIATION, VERIFIED
from tests.selftest.programs import start
from tests.selftest.report.recorded import LAST, OF, record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


@pytest.fixture(scope="module")
def whole() -> table.Table:
    return table.join(*records.read_all([record(name) for name in OF]))


@pytest.fixture(scope="module")
def text(whole) -> str:
    return page.page(whole, whole.red())


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text inside each kind."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def elements(text) -> Elements:
    return Elements(text)


def test_the_page_needs_nothing_but_itself(elements):
    for tag, attributes in elements.found:
        assert tag not in ("script", "link", "iframe"), attributes
        assert attributes.get("src", "data:").startswith("data:")
        assert tag == "a" or "http" not in str(attributes), (tag, attributes)


def test_every_link_within_the_page_leads_somewhere_and_to_one_place(elements):
    ids = [a["id"] for _, a in elements.found if a.get("id")]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in elements.all("a") if a.get("href", "").startswith("#")]
    assert len(links) > 50
    assert {link[1:] for link in links} <= set(ids)


def test_each_cell_says_in_words_what_it_shows_and_no_two_states_look_alike(elements, whole):
    spoken = [a["aria-label"] for a in elements.all("a") if "aria-label" in a]
    expected = [cell.words for row in whole.rows.values() for cell in row.cells.values()]
    assert sorted(spoken) == sorted(expected)
    assert len(set(page.MARKS.values())) == len(page.MARKS)


def test_headers_are_told_from_cells(elements):
    assert all(a.get("scope") in ("row", "col", "colgroup") for a in elements.all("th"))
    assert elements.all("caption")
    assert all(a["alt"] for a in elements.all("img"))
    assert elements.all("html")[0]["lang"] == "en"


def test_a_click_on_a_deviation_leads_to_its_script(text, whole):
    known = whole.known["zero-output-without-sequences"]
    section = text.split(f'id="d-{known.id}"')[1].split("</section>")[0]
    assert known.facts["upstream"] in section
    assert "layer.set_weights" in section


def test_what_a_record_says_is_text_and_never_markup():
    told = {"tensorflow": "2.21.0", "keras": "3.0.5", "environment": {}}
    evil = {**told, "properties": {"test_<img>": "<script>"}}
    whole = table.join([records.Record("<img>", evil, finished=True)])
    text = page.page(whole, whole.red())
    assert not {"script", "img"} & {tag for tag, _ in Elements(text).found}


def test_the_markdown_has_a_row_for_each_promise_and_a_column_for_each_environment(whole):
    lines = page.markdown(whole, []).strip().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3 + len(whole.rows) + len(whole.known)
    assert {line.count("|") for line in rows} == {len(whole.columns) + 2}
    cell = whole.rows[LAST].cells["right"]
    last = next(line for line in rows if line.startswith(f"| {whole.rows[LAST].title} |"))
    assert cell.state in (VERIFIED, DEVIATION)
    assert f"✓ {cell.cases}" in last


def test_what_is_verified_everywhere_may_stand_in_one_row(whole):
    alike = [r for r in whole.rows.values() if {c.state for c in r.cells.values()} == {VERIFIED}]
    text, cases = page.markdown(whole, [], short=True), sum(r.cells["right"].cases for r in alike)
    assert alike
    assert not any(f"| {row.title} |" in text for row in alike)
    first = next(i for i, column in enumerate(whole.columns) if column.name == "right")
    (row,) = (line for line in text.splitlines() if f"| {len(alike)} other promises |" in line)
    assert row.split("|")[2 + first].strip() == f"✓ {cases:,}"


# --------------------------------------------------------------------------------------- files


def test_a_file_that_is_not_ours_stays_as_it_is(tmp_path, capsys):
    for option, name in (("--html", "page.html"), ("--markdown", "table.md")):
        file = tmp_path / name
        file.write_text("mine")
        assert main([str(record("right")), f"{option}={file}"]) == 2
        assert file.read_text() == "mine"
        assert f"report: {file} is not written: " in capsys.readouterr().err


def test_an_own_page_is_written_anew_and_a_table_between_its_marks(tmp_path):
    html, readme = tmp_path / "new" / "page.html", tmp_path / "README.md"
    readme.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    for _ in range(2):
        assert main([str(record("right")), f"--html={html}", f"--markdown={readme}"]) == 1
    text = readme.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\n\nAfter\n")
    assert "| promise | right |" in text
    assert "old\n" not in text


# ------------------------------------------------------------------------------------- browser

ASK = """<script>addEventListener("load", () => {
  const wide = document.documentElement;
  const sheet = document.querySelector(":target");
  const head = document.querySelector("tbody th"), scroll = document.getElementById("table");
  scroll.scrollLeft = 1e6;
  document.body.innerHTML = "<pre>answer:" + JSON.stringify({
    overflow: wide.scrollWidth - wide.clientWidth,
    sheet: sheet && getComputedStyle(sheet).position,
    bottom: sheet && Math.round(wide.clientHeight - sheet.getBoundingClientRect().bottom),
    stuck: Math.round(head.getBoundingClientRect().left - scroll.getBoundingClientRect().left),
  }) + "</pre>";
})</script>"""


def browser(*arguments):
    """What a headless chromium prints. It dies of a signal now and then, on a busy machine and
    whatever the page: that is tried again, and no verdict on the page.
    """
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *arguments]
    for _ in range(5):
        shown = start(*command)
        if shown.returncode >= 0:
            shown.check_returncode()
            return shown.stdout
    pytest.skip("chromium itself dies on this machine")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_scrolling_sideways(text, tmp_path, width):
    (tmp_path / "page.html").write_text(text.replace("</body>", f"{ASK}</body>"))
    address = f"{(tmp_path / 'page.html').as_uri()}#d-gelu-float64"
    options = [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},850"]
    shown = browser("--dump-dom", *options, address)
    answer = re.search("answer:({.*})", shown).group(1)
    assert '"overflow":0' in answer, answer
    assert '"sheet":"fixed","bottom":0' in answer, answer
    assert re.search(r'"stuck":[01]\b', answer), answer
