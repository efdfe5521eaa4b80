"""Measure the errors of the activations of the installed release, and write the data file."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from reference import kernel_errors

DTYPES = tuple(kernel_errors.MARGINS)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.calibrate", description=__doc__)
    parser.add_argument("--file", type=Path, default=kernel_errors.FILE, help="the data file")
    parser.add_argument(
        "--count", type=int, default=1_000_000, help="arguments of each sign in float32 and float64"
    )
    parser.add_argument("--activation", help="measure this activation alone")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="drop the records of other releases and machines instead of keeping the larger errors",
    )
    given = parser.parse_args(arguments)
    if given.count < 1:
        parser.error(f"--count {given.count}: give a whole number, 1 or more")
    try:
        before = kernel_errors.read(given.file) if given.file.exists() else []
        {key(record): record["error"] for record in before}
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{given.file} is not a file of kernel errors: {error!r}")
    from tests.calibrate import records

    known = records.names()
    if given.activation not in (None, *known):
        parser.error(f"--activation {given.activation}: choose one of {', '.join(known)}")
    names = known if given.activation is None else [given.activation]
    kept = [] if given.replace else before
    write(given.file, merged([*kept, *records.measured(names, DTYPES, given.count)]))


def key(record: dict) -> tuple[str, ...]:
    return tuple(record[name] for name in ("activation", "dtype", "compiler", "kind"))


def merged(records: Iterable[dict]) -> list[dict]:
    """Return the record with the largest error for each activation, dtype, compiler and kind."""
    found: dict[tuple, dict] = {}
    for record in records:
        if key(record) not in found or record["error"] > found[key(record)]["error"]:
            found[key(record)] = record
    return [found[k] for k in sorted(found)]


def write(file: Path, records: list[dict]) -> None:
    lines = ",\n".join(f"  {json.dumps(record)}" for record in records)
    file.write_text(f'{{"records": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
