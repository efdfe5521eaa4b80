"""The page and the table: one file each, usable in a browser, on a phone, by keyboard."""

import dataclasses
import functools
import html
import inspect
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report import page, records, summary, table
from tests.report.__main__ import BEGIN, END, main
from tests.report.table import DEVIATES, RED, VERIFIED
from tests.selftest.report.browser import CHROMIUM, Browser, Died
from tests.selftest.report.made_records import completed, copies, deviation, made, witness
from tests.selftest.report.recorded import LAST, OF, record

SIZES = {"one": 1, "few": len(OF), "many": 36}
"""How many environments each page has."""


def with_effects(run: records.Record) -> records.Record:
    """Add the keys of newer records to every second deviation."""
    more = {"effect": "wrong numbers", "shows": "[0.]", "documented": "[2.]"}
    entries = [
        {**entry, **more} if i % 2 else entry for i, entry in enumerate(run.facts["deviations"])
    ]
    return dataclasses.replace(run, facts={**run.facts, "deviations": entries})


def without_newer_keys(run: records.Record) -> records.Record:
    """Return the record as an earlier version of the suite would have written it."""
    newer = {"effect", "script", "shows", "documented"}
    entries = [
        {key: value for key, value in entry.items() if key not in newer}
        for entry in run.facts["deviations"]
    ]
    return dataclasses.replace(run, facts={**run.facts, "deviations": entries})


@pytest.fixture(scope="module")
def tables() -> dict[str, table.Table]:
    """Tables of one environment, of a few in records of an earlier version, and of many."""
    read, _ = records.read_all([record(name) for name in OF])
    right = completed(next(run for run in read if run.name == "right"))
    new = with_effects(right)
    few = [right, *(run for run in read if run.name != "right")]
    return {
        "one": table.join([new]),
        "few": table.join(map(without_newer_keys, few)),
        "many": table.join(copies(new, SIZES["many"])),
    }


@pytest.fixture(scope="module")
def texts(tables) -> dict[str, str]:
    return {name: page.page(whole, whole.red()) for name, whole in tables.items()}


@pytest.fixture(scope="module")
def whole(tables) -> table.Table:
    return tables["few"]


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module", params=SIZES)
def elements(request, texts) -> Elements:
    return Elements(texts[request.param])


def test_page_needs_no_other_file(elements):
    assert elements.all("script") == [{}]
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "object", "embed"), attributes
        assert attributes.get("src", "data:").startswith("data:")
        assert tag == "a" or "http" not in str(attributes), (tag, attributes)


def test_style_and_script_load_nothing(texts):
    for kind in ("style", "script"):
        (inside,) = re.findall(f"<{kind}>(.*?)</{kind}>", texts["one"], flags=re.DOTALL)
        assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?:|import\(", inside)


def test_every_link_has_one_target(elements):
    ids = [a["id"] for _, a in elements.found if a.get("id")]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in elements.all("a") if a.get("href", "").startswith("#")]
    assert len(links) > 50
    assert {link[1:] for link in links} <= set(ids)


def test_headers_regions_and_pictures_are_labelled(elements):
    scopes = {"row", "col", "rowgroup"}
    assert all(a.get("scope") in scopes for a in elements.all("th"))
    assert len(elements.all("caption")) == len(elements.all("table"))
    assert all(a["alt"] for a in elements.all("img"))
    assert elements.all("html")[0]["lang"] == "en"
    for tag, a in elements.found:
        if a.get("role") == "region" or "scroll" in a.get("class", "").split():
            assert a["aria-label"], tag
            assert a["tabindex"] == "0", tag


def test_controls_have_labels(elements):
    labelled = {a["for"] for a in elements.all("label")}
    assert {a["id"] for a in elements.all("input") + elements.all("select")} == labelled
    (status,) = (a for _, a in elements.found if a.get("id") == "status")
    assert (status["role"], status["aria-live"]) == ("status", "polite")


def test_headings_skip_no_level(elements):
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_cells_have_words_for_screen_readers(texts, tables):
    spoken = re.findall(r'<td[^>]*>.*?<span class="sr">(.*?)</span>', texts["many"])
    rows = tables["many"].rows.values()
    expected = {cell.words for row in rows for cell in row.cells.values()}
    assert expected <= set(map(html.unescape, spoken))


def test_no_two_marks_are_equal():
    assert len(set(page.MARKS.values())) == len(page.MARKS)


def section(text: str, id: str) -> str:
    return text.split(f'id="{id}"')[1].split("</section>")[0]


def test_deviation_section_has_script_and_issue(texts, whole):
    known = whole.known["zero-output-without-sequences"]
    found = section(texts["few"], f"d-{known.id}")
    assert known.facts["upstream"] in found
    assert "layer.set_weights" in found
    assert "<dt>Effect</dt>" not in found


def test_deviation_section_shows_newer_keys():
    more = {"effect": "raises", "script": "print(2)", "shows": "no <2>", "documented": "yes 2"}
    run = made("env", witness(True), deviations=[deviation(True, **more)])
    found = section(page.page(table.join([run]), []), "d-d")
    for text in ("raises", "print(2)", "no &lt;2&gt;", "yes 2"):
        assert f">{text}</" in found
    assert "print(1)" not in found


def test_summary_counts_deviations_by_effect(texts, tables):
    known = tables["many"].known.values()
    wrong = [k for k in known if k.is_here and k.facts.get("effect") == "wrong numbers"]
    found = texts["many"].split('<ul class="effects">')[1].split("</ul>")[0]
    assert found.split("</li>")[0].split() == (
        f'<li><a href="#effect-wrong-numbers">wrong numbers</a> <b>{len(wrong)}</b>'.split()
    )


def test_summary_shows_changes_since_earlier_record(whole):
    before = table.join(records.read_all([record("right")])[0])
    text = page.page(whole, whole.red(before), before)
    assert f"{len(whole.columns) - 1} new environments" in text
    unchanged = page.page(before, before.red(before), before)
    assert "Nothing changed" in unchanged


def test_same_red_lines_are_joined(whole):
    red = ["right: not run: a", "crashing: not run: a", "a file cannot be read: x"]
    assert page.fold(red, whole) == ["right, crashing: not run: a", "a file cannot be read: x"]


def test_markup_in_records_is_escaped():
    told = {"tensorflow": "2.21.0", "keras": "3.0.5", "environment": {}}
    evil = {**told, "properties": {"test_<img>": "<iframe>: `<img>`"}}
    whole = table.join([records.Record("<img>", evil, finished=True)])
    text = page.page(whole, whole.red())
    assert not {"iframe", "img"} & {tag for tag, _ in Elements(text).found}


def test_markdown_has_all_rows_and_columns(whole):
    lines = page.markdown(whole, []).strip().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3 + len(whole.rows) + len(whole.known)
    assert {line.count("|") for line in rows} == {len(whole.columns) + 2}
    cell = whole.rows[LAST].cells["right"]
    last = next(line for line in rows if line.startswith(f"| {whole.rows[LAST].title} |"))
    assert cell.state in (VERIFIED, DEVIATES)
    assert f"✓ {cell.cases}" in last


def test_short_markdown_joins_verified_properties(whole):
    alike = [r for r in whole.rows.values() if {c.state for c in r.cells.values()} == {VERIFIED}]
    text, cases = page.markdown(whole, [], short=True), sum(r.cells["right"].cases for r in alike)
    assert alike
    assert not any(f"| {row.title} |" in text for row in alike)
    first = next(i for i, column in enumerate(whole.columns) if column.name == "right")
    (row,) = (line for line in text.splitlines() if f"| {len(alike)} other properties |" in line)
    assert row.split("|")[2 + first].strip() == f"✓ {cases:,}"


# --------------------------------------------------------------------------------------- files


def test_foreign_file_is_not_overwritten(tmp_path, capsys):
    for option, name in (("--html", "page.html"), ("--markdown", "table.md")):
        file = tmp_path / name
        file.write_text("mine")
        assert main([str(record("right")), f"{option}={file}"]) == 2
        assert file.read_text() == "mine"
        assert f"report: cannot write {file}: " in capsys.readouterr().err


def test_page_and_table_are_rewritten(tmp_path):
    page_file, readme = tmp_path / "new" / "page.html", tmp_path / "README.md"
    readme.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    for _ in range(2):
        assert main([str(record("right")), f"--html={page_file}", f"--markdown={readme}"]) == 1
    text = readme.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\n\nAfter\n")
    assert "| property | right |" in text
    assert "old\n" not in text


# ------------------------------------------------------------------------------------- browser


def in_browser(test):
    """Give a test a fresh browser. A browser that dies on a busy machine is tried again."""

    @functools.wraps(test)
    def tried(tmp_path, **fixtures):
        for attempt in range(5):
            try:
                browser = Browser(tmp_path / f"profile-{attempt}")
            except Died:
                continue
            try:
                return test(browser, **fixtures)
            except Died:
                continue
            finally:
                browser.close()
        pytest.skip("chromium itself dies on this machine")

    wanted = inspect.signature(test).parameters.values()
    kept = [parameter for parameter in wanted if parameter.name != "browser"]
    path = inspect.Parameter("tmp_path", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    tried.__signature__ = inspect.Signature([path, *kept])
    return pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")(tried)


@pytest.fixture(scope="module")
def pages(texts, tmp_path_factory) -> dict[str, str]:
    """The addresses of the pages, and of one without its script."""
    folder = tmp_path_factory.mktemp("pages")
    bare = re.sub("<script>.*</script>", "", texts["few"], flags=re.DOTALL)
    for name, text in {**texts, "bare": bare}.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {file.stem: file.as_uri() for file in Path(folder).iterdir()}


SEEN = """[...document.querySelectorAll("#table tbody tr[data-words]")]
    .filter(row => row.getClientRects().length).map(row => row.id)"""
STATUS = 'document.getElementById("status").textContent'
FOCUS = "document.activeElement.id || document.activeElement.textContent.trim()"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def all_rows(whole: table.Table) -> list[str]:
    rows = [f"r-{page.slug(row.name)}" for group in summary.groups(whole) for row in group.rows]
    return rows + [f"w-{page.slug(id)}" for id in whole.known]


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_body_never_scrolls_sideways(browser, pages, name, width):
    browser.open(f"{pages[name]}#d-gelu-float64", width)
    browser('document.getElementById("open").click()')
    browser('document.querySelectorAll("details").forEach(one => { one.open = true; })')
    assert browser(OVERFLOW) == 0
    sheet = browser("""(() => {
        const sheet = document.querySelector(":target");
        const { bottom } = sheet.getBoundingClientRect();
        return [getComputedStyle(sheet).position, Math.round(innerHeight - bottom)]; })()""")
    assert sheet == ["fixed", 0]


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_columns_fit_their_content(browser, pages, name, width):
    browser.open(pages[name], width)
    browser('document.getElementById("open").click()')
    clipped = browser("""[...document.querySelectorAll("#table th, #table td")]
        .filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)""")
    assert clipped == []
    widest = browser("""Math.max(...[...document.querySelectorAll("#table td")]
        .map(cell => cell.getBoundingClientRect().width))""")
    assert widest < (80 if name == "many" else 330)


@pytest.mark.parametrize("width", [400, 1280])
@in_browser
def test_first_column_stays_in_view(browser, pages, width):
    browser.open(pages["many"], width)
    moved = browser("""(() => {
        const table = document.getElementById("table"), head = table.querySelector("tbody th");
        table.scrollLeft = 1e6;
        const left = one => one.getBoundingClientRect().left;
        return [table.scrollLeft, left(head) - left(table)]; })()""")
    assert moved[0] > 100
    assert 0 <= moved[1] <= 1


@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_groups_show_counts_of_their_rows(browser, pages, tables, name):
    browser.open(pages[name], 1280)
    shown = browser("""[...document.querySelectorAll("tr.group th")].map(head =>
        [head.querySelector("button").textContent, head.querySelector(".sum").textContent])""")
    counts = {
        group: dict(re.findall("(verified|deviates|red) ([0-9]+)", text)) for group, text in shown
    }
    for group in summary.groups(tables[name]):
        expected = {v: str(group.counts[v]) for v in summary.COUNTED if group.counts[v]}
        assert counts[group.name] == expected, group.name
        unit = "property" if len(group.rows) == 1 else "properties"
        assert f"{len(group.rows)} {unit}:" in dict(shown)[group.name]


@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_search_filters_rows(browser, pages, tables, name):
    whole = tables[name]
    browser.open(pages[name], 1280)
    before = browser(SEEN)
    browser('document.getElementById("search").focus()')
    browser.type("Final_STATE last")
    words = [(f"r-{page.slug(row.name)}", page.words(row, whole)) for row in whole.rows.values()]
    words += [(f"w-{page.slug(k.id)}", page.words_of_known(k)) for k in whole.known.values()]
    matching = {id for id, said in words if "final_state" in said and "last" in said}
    assert f"r-{LAST}" in matching
    assert set(browser(SEEN)) == matching
    assert browser(STATUS) == f"{len(matching)} of {len(words)} rows match"
    browser.type(" nonsense")
    assert (browser(SEEN), browser(STATUS)) == ([], "No row matches")
    browser.press("Escape")
    assert browser('document.getElementById("search").value') == ""
    assert browser(SEEN) == before


@pytest.mark.parametrize(("name", "kind"), [("one", VERIFIED), ("one", DEVIATES), ("few", RED)])
@in_browser
def test_choice_shows_rows_with_verdict(browser, pages, tables, name, kind):
    browser.open(pages[name], 1280)
    browser(f"""(() => {{ const show = document.getElementById("show");
        show.value = "{kind}"; show.dispatchEvent(new Event("change")); }})()""")
    rows = [f"r-{page.slug(row.name)}" for row in tables[name].rows.values() if row.verdict == kind]
    assert rows
    assert {id for id in browser(SEEN) if id.startswith("r-")} == set(rows)


@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_every_deviating_cell_leads_to_deviation(browser, pages, tables, name):
    browser.open(pages[name], 1280)
    found = browser("""Object.fromEntries(
        [...document.querySelectorAll('tr[id^="r-"]')].map(row => [row.id,
            [...row.cells].slice(1).map(cell => [...cell.querySelectorAll("a")].flatMap(link => {
                const to = document.getElementById(link.hash.slice(1));
                const links = [...to.querySelectorAll("a")].map(a => a.hash.slice(1));
                return [to.id, ...links].filter(id => id.startsWith("d-")); }))]))""")
    deviating = 0
    for row in tables[name].rows.values():
        for at, cell in enumerate(row.cells.values()):
            if cell.state == DEVIATES:
                deviating += 1
                wanted = {f"d-{page.slug(id)}" for id in cell.deviations}
                assert wanted <= set(found[f"r-{page.slug(row.name)}"][at]), row.name
    assert deviating > 5


@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_keyboard_opens_and_closes_deviation(browser, pages, name):
    browser.open(pages[name], 1280)
    browser('document.getElementById("open").click()')
    browser('document.querySelector("#table td.deviates a").focus()')
    to = browser("document.activeElement.hash.slice(1)")
    browser.press("Enter")
    assert browser(FOCUS) == to
    assert browser('document.querySelector(":target").id') == to
    browser.press("Tab")
    assert browser(FOCUS) == "Close"
    browser.press("Escape")
    assert browser("document.activeElement.hash.slice(1)") == to
    assert browser('document.activeElement.closest("td").className') == "deviates"


@in_browser
def test_tab_follows_the_order_of_the_page(browser, pages):
    browser.open(pages["many"], 1280)
    visited = []
    while "table" not in visited and len(visited) < 60:
        browser.press("Tab")
        visited.append(browser(FOCUS))
    assert visited[:2] == ["Skip to the results", "Results"]
    assert visited[-5:] == ["search", "show", "open", "shut", "table"]
    browser.press("Tab", shift=True)
    assert browser(FOCUS) == "shut"


@in_browser
def test_skip_link_moves_focus_to_table(browser, pages):
    browser.open(pages["many"], 1280)
    browser.press("Tab")
    browser.press("Enter")
    assert browser(FOCUS) == "table"


@in_browser
def test_key_opens_and_closes_group(browser, pages, tables):
    browser.open(pages["many"], 1280)
    assert browser(SEEN) == []
    browser('document.querySelector("tr.group button").focus()')
    first = summary.groups(tables["many"])[0]
    for key, rows in (("Enter", len(first.rows)), (" ", 0)):
        browser.press(key)
        expanded = browser('document.activeElement.getAttribute("aria-expanded")')
        assert expanded == ("true" if rows else "false")
        assert len(browser(SEEN)) == rows


@in_browser
def test_link_to_row_opens_its_group(browser, pages):
    browser.open(f"{pages['many']}#r-{LAST}", 1280)
    assert f"r-{LAST}" in browser(SEEN)


@in_browser
def test_all_rows_show_without_script(browser, pages, whole):
    browser.open(pages["bare"], 1280)
    assert browser(SEEN) == all_rows(whole)
    assert browser('document.getElementById("tools").getClientRects().length') == 0


CONTRASTS = """(() => {
    const light = color => { const [r, g, b] = color.match(/[0-9.]+/g).map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const behind = one => { for (; one; one = one.parentElement) {
        const color = getComputedStyle(one).backgroundColor;
        if (!color.startsWith("rgba")) return color; } };
    return [...document.querySelectorAll("body *")].filter(one => one.getClientRects().length
        && [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .map(one => {
            const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.outerHTML.slice(0, 99)];
        }).sort((a, b) => a[0] - b[0])[0]; })()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SIZES)
@in_browser
def test_text_has_enough_contrast(browser, pages, name, scheme):
    browser.open(pages[name], 1280, prefers_color_scheme=scheme)
    browser('document.getElementById("open").click()')
    lowest, element = browser(CONTRASTS)
    assert lowest >= 4.5, element  # WCAG 2, level AA
