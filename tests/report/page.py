"""The table as a page and as Markdown."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import jinja2

from tests.report import ledger, plots
from tests.report.records import CRASHED, Result
from tests.report.table import (
    DEVIATION,
    FAILURE,
    KEEPS,
    NEW,
    NOT_APPLICABLE,
    NOT_RUN,
    SHOWS,
    VANISHED,
    VERIFIED,
    Table,
)

MARKS = {
    VERIFIED: "✓",
    DEVIATION: "≠",
    FAILURE: "✗ fails",
    CRASHED: "✗ crashes",
    NOT_APPLICABLE: "n/a",
    NOT_RUN: "?",
    SHOWS: "≠ shows",
    KEEPS: "✓ keeps",
    VANISHED: "✗ vanished",
    NEW: "✗ shows too",
}
"""How a state looks in a cell: no two differ by colour alone."""

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=lambda name: name.endswith(".html.jinja"),
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["slug"] = lambda text: re.sub(r"[^\w.]+", "-", text)


def page(table: Table, red: list[str]) -> str:
    """One HTML file that needs nothing else."""
    ulp = ledger.recorded(table, "ulp")
    tanh = {name: values for name, values in ulp.items() if name.startswith("tanh")}
    measured = (
        ("The largest error", "multiples of its bound", ledger.error_over_bound(table)),
        ("The largest error of tanh", "ulp", tanh),
        ("The largest error of one step", "ulp of 1", {n: ulp[n] for n in ulp if n not in tanh}),
        ("The time of a step", "microseconds", ledger.recorded(table, "microseconds a step")),
    )
    figures = [
        (title, unit, series, plots.data_url(plots.plot(table.columns, series, unit)))
        for title, unit, series in measured
        if series
    ]
    pictures = [
        (f"{title}, {column.name}", plots.data_url(drawing))
        for column in table.columns
        for title, drawing in drawings(column.results)
    ]
    news = ledger.worse(table.columns, ulp)
    return _render("page.html.jinja", table, red, figures=figures, pictures=pictures, news=news)


def drawings(results: Iterable[Result]) -> Iterator[tuple[str, bytes]]:
    """Titles and pictures (SVG) of the measurements of one environment, where there are any."""
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
    """The table alone, to stand in a README.

    short: what is verified everywhere stands in one row, and each other cell is a mark.
    """
    alike = [row for row in table.rows.values() if short and row.is_verified]
    rows = [row for row in table.rows.values() if row not in alike]
    cases = {c.name: sum(row.cells[c.name].cases for row in alike) for c in table.columns}
    return _render(
        "table.md.jinja", table, red, rows=rows, alike=len(alike), cases=cases, short=short
    )


def _render(template: str, table: Table, red: list[str], **more) -> str:
    return _templates.get_template(template).render(table=table, red=red, marks=MARKS, **more)
