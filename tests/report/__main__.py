"""`python -m tests.report RECORDS`: join records into a page and a table, and say what is red."""

import argparse
import re
import sys
from functools import partial
from pathlib import Path

from tests.report import records, table

OURS = '<meta name="generator" content="simplernn-verify">'
BEGIN, END = "<!-- releases -->", "<!-- /releases -->"


def main(arguments: list[str] | None = None) -> int:
    """0 if all is as it must be, 1 if something is red, 2 if there is nothing to join."""
    options = _parser().parse_args(arguments)
    joined, complaints = records.read_all(options.records)
    if not joined:
        return _refuse("; ".join(complaints) or "there is no record in " + _list(options.records))
    whole = table.join(joined, complaints)
    before = None
    if options.since:
        old, missing = records.read_all(options.since)
        if not old:
            return _refuse("; ".join(missing) or "there is no record in " + _list(options.since))
        before = table.join(old)
    red = whole.red(before)
    from tests.report import page  # what draws is needed from here on

    brief = partial(page.markdown, short=options.short)
    writers = ((options.html, page.page, _page_into), (options.markdown, brief, _between))
    for file, make, into in writers:
        if file is None:
            continue
        try:
            old = file.read_text(encoding="utf-8") if file.exists() else None
            new = into(old, make(whole, red))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(new, encoding="utf-8")
        except (OSError, ValueError) as error:
            return _refuse(f"{file} is not written: {error}")
        print(f"wrote {file}")
    for line in red:
        print(f"red: {line}")
    cases = sum(cell.cases for row in whole.rows.values() for cell in row.cells.values())
    print(
        f"{len(whole.rows)} promises on {len(whole.columns)} environments, {cases:,} cases, "
        f"{len(whole.known)} known deviations: {f'{len(red)} red' if red else 'nothing is red'}"
    )
    return 1 if red else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.report", description=__doc__)
    parser.add_argument("records", nargs="+", type=Path, help="files of --report-log, or folders")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help=f"write the table; in a file that is there, between {BEGIN} and {END}",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="in the table, one row for what is verified everywhere, and else nothing but marks",
    )
    parser.add_argument(
        "--since",
        type=Path,
        nargs="+",
        metavar="RECORDS",
        help="earlier records: a promise that held there and is not verified now is red",
    )
    return parser


def _refuse(why: str) -> int:
    print(f"report: {why}", file=sys.stderr)
    return 2


def _list(places: list[Path]) -> str:
    return ", ".join(map(str, places))


def _page_into(old: str | None, page: str) -> str:
    """The page, unless it would take the place of a file that is not ours; then ValueError."""
    if old is not None and OURS not in old:
        raise ValueError("the file that is there is no page of this report")
    return page


def _between(old: str | None, text: str) -> str:
    """A Markdown file with the table between its marks; ValueError if it has none."""
    block = f"{BEGIN}\n{text.strip()}\n{END}"
    if old is None:
        return block + "\n"
    new, count = re.subn(f"{BEGIN}.*?{END}", lambda _: block, old, count=1, flags=re.DOTALL)
    if not count:
        raise ValueError(f"the file that is there has no {BEGIN} and {END}")
    return new


if __name__ == "__main__":
    sys.exit(main())
