"""Join the records of runs into one page and one table, and report what is red."""

import argparse
import re
import sys
from functools import partial
from pathlib import Path

from tests.report import records, table

OURS = '<meta name="generator" content="simplernn-verify">'
BEGIN, END = "<!-- releases -->", "<!-- /releases -->"

EPILOG = """exit code: 0 if nothing is red, 1 if something is red, 2 if there is no record or a file
cannot be written. `python -m tests.report issue ID` prints a deviation as a bug report."""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 if nothing is red, 1 if something is red, 2 on a wrong argument."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["issue"]:
        return _issue(given[1:])
    options = _parser().parse_args(given)
    joined, complaints = records.read_all(options.records)
    if not joined:
        return _refuse("; ".join(complaints) or "no record in " + _list(options.records))
    whole = table.join(joined, complaints)
    before = None
    if options.since:
        old, missing = records.read_all(options.since)
        if not old:
            return _refuse("; ".join(missing) or "no record in " + _list(options.since))
        before = table.join(old)
    red = whole.red(before)
    from tests.report import page  # imports matplotlib and jinja2

    html = partial(page.page, before=before)
    brief = partial(page.markdown, short=options.short)
    writers = ((options.html, html, _page_into), (options.markdown, brief, _between))
    for file, make, into in writers:
        if file is None:
            continue
        try:
            present = file.read_text(encoding="utf-8") if file.exists() else None
            new = into(present, make(whole, red))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(new, encoding="utf-8")
        except (OSError, ValueError) as error:
            return _refuse(f"cannot write {file}: {error}")
        print(f"wrote {file}")
    _print_verdict(whole, red)
    return 1 if red else 0


def _issue(names: list[str]) -> int:
    """Print a deviation in the form of an upstream bug report; return the exit code."""
    from tests.report import issue

    if len(names) != 1:
        return _refuse("give the id of one deviation: python -m tests.report issue ID")
    try:
        print(issue.text(issue.find(names[0])))
    except LookupError as error:
        return _refuse(str(error.args[0]))
    return 0


def _print_verdict(whole: table.Table, red: list[str]) -> None:
    for line in red:
        print(f"red: {line}")
    cases = sum(cell.cases for row in whole.rows.values() for cell in row.cells.values())
    verdict = f"{len(red)} red" if red else "nothing is red"
    print(
        f"{len(whole.rows)} properties, {len(whole.columns)} environments, {cases:,} cases, "
        f"{len(whole.known)} registered deviations: {verdict}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.report", description=__doc__, epilog=EPILOG
    )
    parser.add_argument(
        "records",
        nargs="+",
        type=Path,
        metavar="RECORDS",
        help="a file that pytest --report-log wrote, or a folder of such files",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page to FILE")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help=f"write the table to FILE; if FILE exists, replace the text between {BEGIN} and {END}",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="join the properties that are verified everywhere into one row of the table, and show "
        "only marks in the other rows",
    )
    parser.add_argument(
        "--since",
        type=Path,
        nargs="+",
        metavar="RECORDS",
        help="compare with earlier records: the page shows the changes, and a property that held "
        "earlier and has no verdict now is red",
    )
    return parser


def _refuse(why: str) -> int:
    print(f"report: {why}", file=sys.stderr)
    return 2


def _list(places: list[Path]) -> str:
    return ", ".join(map(str, places))


def _page_into(old: str | None, page: str) -> str:
    """Return the page; ValueError if the existing file was not written by this program."""
    if old is not None and OURS not in old:
        raise ValueError("the existing file is not a page of this report")
    return page


def _between(old: str | None, text: str) -> str:
    """Return a Markdown file with the table between its marks; ValueError if it has no marks."""
    block = f"{BEGIN}\n{text.strip()}\n{END}"
    if old is None:
        return block + "\n"
    new, count = re.subn(f"{BEGIN}.*?{END}", lambda _: block, old, count=1, flags=re.DOTALL)
    if not count:
        raise ValueError(f"the existing file has no {BEGIN} and {END}")
    return new


if __name__ == "__main__":
    sys.exit(main())
