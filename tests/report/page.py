"""Write the table as a page (HTML) and as Markdown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from tests.report import ledger, plots, summary
from tests.report.records import CRASHED, Result
from tests.report.table import (
    ABSENT,
    DEVIATES,
    FAILS,
    NOT_APPLICABLE,
    NOT_RUN,
    PRESENT,
    RED,
    UNREGISTERED,
    VANISHED,
    VERIFIED,
    Cell,
    Column,
    Known,
    Row,
    Table,
)

MARKS = {
    VERIFIED: "✓",
    DEVIATES: "≠",
    FAILS: "✗ fails",
    CRASHED: "✗ crashes",
    NOT_APPLICABLE: "n/a",
    NOT_RUN: "?",
    PRESENT: "≠ present",
    ABSENT: "✓ absent",
    VANISHED: "✗ vanished",
    UNREGISTERED: "✗ not registered",
}
"""How a cell shows its state. No two states differ by colour alone."""

FEW = 4
"""Up to so many environments the cells have room for words, and headers run from left to right."""

SOME = 12
"""Up to so many environments the summary has a line for each without a click."""


def slug(text: str) -> str:
    """Return the text as part of an id in the page."""
    return re.sub(r"[^\w.]+", "-", text)


def code(text: str) -> Markup:
    """Return the text as HTML, with words between backquotes as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def target(row: Row, column: Column, cell: Cell) -> str:
    """Return the id of the section that a cell leads to, or "" if the cell is no link.

    A cell with several deviations leads to its property, which links to each of them.
    """
    if cell.failures:
        return f"f-{slug(column.name)}-{slug(row.name)}"
    if cell.state != DEVIATES:
        return ""
    return f"d-{slug(cell.deviations[0])}" if len(cell.deviations) == 1 else f"p-{slug(row.name)}"


def outcomes(row: Row) -> Iterator[tuple[Cell, list[str], str, float]]:
    """Join the cells of a row that have the same state for the same deviations.

    Yields one of these cells, its environments, their numbers of cases and largest error/bound.
    """
    found: dict = {}
    for name, cell in row.cells.items():
        found.setdefault((cell.state, cell.deviations), {})[name] = cell
    for alike in found.values():
        cells = list(alike.values())
        cases = summary.span(cell.cases for cell in cells)
        yield cells[0], list(alike), cases, max(cell.largest for cell in cells)


def words(row: Row, table: Table) -> str:
    """Return what the search finds a row by, in lower case."""
    said = [row.title, row.name, row.promise]
    for id in row.deviations:
        facts = table.known[id].facts
        said += [id, facts.get("departs", ""), facts.get("effect", "")]
    return " ".join(said).lower()


def words_of_known(known: Known) -> str:
    """Return what the search finds a deviation by, in lower case."""
    facts = known.facts
    said = (known.id, *(facts.get(key, "") for key in ("sentence", "departs", "effect")))
    return " ".join(said).lower()


def ordered(counts: Mapping[str, int]) -> list[str]:
    """Return the verdicts that occur, those with a number in the summary first."""
    first = [verdict for verdict in summary.COUNTED if counts[verdict]]
    return first + [verdict for verdict in counts if verdict not in summary.COUNTED]


def fold(red: list[str], table: Table) -> list[str]:
    """Join lines that say the same of several environments."""
    names = {column.name for column in table.columns}
    found: dict = {}
    for line in red:
        name, _, said = line.partition(": ")
        key, who = (said, [name]) if name in names else (line, [])
        found.setdefault(key, []).extend(who)
    return [f"{', '.join(who)}: {said}" if who else said for said, who in found.items()]


def subject(table: Table) -> str:
    """Return the name of the layer that all environments tested."""
    layers = {c.facts["layer"] for c in table.columns if c.facts.get("layer")}
    return layers.pop().rpartition(":")[2] if len(layers) == 1 else "SimpleRNN"


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=jinja2.select_autoescape(["html.jinja"]),
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"slug": slug, "code": code}
_templates.globals |= {
    "marks": MARKS,
    "target": target,
    "outcomes": outcomes,
    "words": words,
    "words_of_known": words_of_known,
    "ordered": ordered,
    "counted": summary.COUNTED,
    "unclassified": summary.UNCLASSIFIED,
    "DEVIATES": DEVIATES,
    "RED": RED,
    "VERIFIED": VERIFIED,
}


def page(table: Table, red: list[str], before: Table | None = None) -> str:
    """Return one HTML file that needs no other file.

    red: the lines of `Table.red`. before: an earlier table, to compare with.
    """
    known = table.known.values()
    effects = summary.effects(known)
    return _templates.get_template("page.html.jinja").render(
        table=table,
        red=red,
        folded=fold(red, table),
        subject=subject(table),
        few=len(table.columns) <= FEW,
        some=len(table.columns) <= SOME,
        groups=summary.groups(table),
        whole=summary.Group("", tuple(table.rows.values())),
        lines=summary.lines(table),
        families=summary.families(table),
        effects=effects,
        here={name: [k for k in group if k.is_here] for name, group in effects.items()},
        dates=summary.dates(table),
        before=before,
        changes=summary.changes(table, before) if before else None,
        dates_before=summary.dates(before) if before else "",
        figures=_figures(table),
        pictures=[
            (f"{title}, {column.name}", plots.data_url(drawing))
            for column in table.columns
            for title, drawing in drawings(column.results)
        ],
        news=ledger.worse(table.columns, ledger.recorded(table, "ulp")),
    )


def _figures(table: Table) -> list[tuple[str, str, ledger.Series, str]]:
    """Return title, unit, numbers and picture of each quantity that any environment recorded."""
    ulp = ledger.recorded(table, "ulp")
    tanh = {name: values for name, values in ulp.items() if name.startswith("tanh")}
    measured = (
        ("Largest error", "multiples of its bound", ledger.error_over_bound(table)),
        ("Largest error of tanh", "ulp", tanh),
        ("Largest error of one step", "ulp of 1", {n: ulp[n] for n in ulp if n not in tanh}),
        ("Time of a step", "microseconds", ledger.recorded(table, "microseconds a step")),
    )
    return [
        (title, unit, series, _drawing(table, series, unit))
        for title, unit, series in measured
        if series
    ]


def _drawing(table: Table, series: ledger.Series, unit: str) -> str:
    """Return the picture of the numbers over the environments, or "" for one environment."""
    if len({name for values in series.values() for name in values}) < 2:
        return ""
    return plots.data_url(plots.plot(table.columns, series, unit))


def drawings(results: Iterable[Result]) -> Iterator[tuple[str, bytes]]:
    """Yield titles and pictures (SVG) of the measurements of one environment."""
    for title, fact, draw in (
        (
            "Time against length, with fits a + b T",
            "time against length",
            plots.time_against_length,
        ),
        ("Cost of a step against units", "step against units", plots.step_against_units),
    ):
        if found := ledger.curves(results, fact):
            yield title, draw(found)


def markdown(table: Table, red: list[str], short: bool = False) -> str:
    """Return the table alone, for a README.

    short: whether one row stands for all properties that are verified everywhere, and every other
    cell is a mark.
    """
    alike = [row for row in table.rows.values() if short and row.is_verified]
    return _templates.get_template("table.md.jinja").render(
        table=table,
        red=red,
        rows=[row for row in table.rows.values() if row not in alike],
        alike=len(alike),
        cases={c.name: sum(row.cells[c.name].cases for row in alike) for c in table.columns},
        short=short,
    )
