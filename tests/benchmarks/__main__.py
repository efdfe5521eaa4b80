"""Measure the cost of a step in one environment, or compare two environments."""

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks import LONGEST, compare
from tests.harness.configuration import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 if it cannot run, or that of pytest."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except ConfigurationError as error:
        print(f"timing: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("measure", help="time every path of this environment, and plot it")
    one.add_argument("--into", type=Path, default=Path("measured"), metavar="FOLDER")
    one.add_argument("pytest", nargs="*", metavar="-- ARGUMENTS", help="for pytest: -- -k xla")
    one.set_defaults(run=_measure)
    two = commands.add_parser("compare", help="time two environments in turns")
    two.add_argument(
        "one",
        help="a Python interpreter or a tox environment, optionally with environment variables: "
        "'NAME=VALUE python'",
    )
    two.add_argument("other", help="another one; the ratios are its times over those of the first")
    two.add_argument("--paths", nargs="+", choices=LONGEST, default=LONGEST)
    two.add_argument("--turns", type=_count, default=21, metavar="N")
    two.set_defaults(run=_compare)
    return parser


def _measure(options) -> int:
    from tests.harness.target import releases

    try:
        from tests.report import ledger, page, records
    except ImportError as error:
        raise ConfigurationError(
            f"{error}; plots need the extra: python -m pip install -e '.[report]'"
        ) from None
    import pytest

    release = f"tensorflow-{releases.TENSORFLOW}-keras-{releases.KERAS}"
    name = os.environ.get("TOX_ENV_NAME", release)
    record = options.into / f"{name}.measured.jsonl"
    try:
        options.into.mkdir(parents=True, exist_ok=True)
        record.write_text("", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {options.into}: {error}") from None
    arguments = ["-q", "--no-header", "--benchmark-columns=median,rounds", "-p", "no:cacheprovider"]
    more = [f"--report-log={record}", f"--benchmark-json={options.into / name}.json"]
    code = pytest.main([str(Path(__file__).parent), *arguments, *more, *options.pytest])
    results = records.read(record).tests.values()
    for title, drawing in page.drawings(results):
        file = options.into / f"{name}.{'-'.join(title.split(',')[0].lower().split())}.svg"
        file.write_bytes(drawing)
        print(f"wrote {file}")
    for way, found in ledger.curves(results, "cost").items():
        print(f"{way}: " + "; ".join(f"{what} {value:.3g}" for what, value in found.items()))
    return int(code)


def _count(text: str) -> int:
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a positive integer")
    return int(text)


def _compare(options) -> int:
    with (
        compare.EnvironmentWorker(options.one) as one,
        compare.EnvironmentWorker(options.other) as other,
    ):
        print(f"A: {one.name}\nB: {other.name}\nmicroseconds a step, 32 units, 32 rows")
        print(f"{'path':8} {'A':>10} {'B':>10} {'B / A':>8}   95 % of its median")
        for path in options.paths:
            print(compare.compare(one, other, path, options.turns).row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
