"""The options of the command line, their validation, and the session that they define."""

import argparse
import contextlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.configuration import ConfigurationError
from tests.harness.plugin import database
from tests.harness.plugin.profiles import SWEEPS
from tests.harness.session import Round, Session


def add(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    group = parser.getgroup("SimpleRNN")
    group.addoption(
        "--layer",
        default="tf.keras.layers:SimpleRNN",
        metavar="MODULE:ATTRIBUTE",
        help="the layer to verify; it takes the arguments of SimpleRNN (default: %(default)s)",
    )
    group.addoption(
        "--deviations",
        metavar="FILE",
        help="a TOML file that registers known deviations of a custom layer",
    )
    group.addoption(
        "--arithmetic",
        action="append",
        default=[],
        metavar="NAME",
        help="the arithmetic of a custom layer, instead of the measured one of TensorFlow; may be "
        "given more than once",
    )
    group.addoption(
        "--device",
        default="cpu",
        metavar="cpu|gpu",
        help="the device to verify; GPUs are hidden unless this is gpu (default: %(default)s)",
    )
    group.addoption(
        "--examples",
        metavar="N",
        help="the number of cases to draw for each property and path (default: the profile's)",
    )
    group.addoption(
        "--database",
        metavar="REDIS",
        help="share failed cases on the server redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]; to "
        "hide a password, set the variable SIMPLERNN_VERIFY_DATABASE instead",
    )
    group.addoption(
        "--for",
        dest="duration",
        metavar="DURATION",
        help="search for that long, such as 30m or 4h, with the profile nightly: run all tests "
        "once, then draw new cases for the generated properties, again and again",
    )
    group.addoption("--round", metavar="FILE", help=argparse.SUPPRESS)  # of a search, by search.py
    group.addoption(
        "--shard",
        metavar="I/N",
        help="run part I of N of the tests; all parts, with equal options, are all tests",
    )
    group.addoption(
        "--case",
        metavar="CASE",
        help="run the named property on this one case, in the form that a failure prints",
    )
    group.addoption(
        "--costs",
        action="store_true",
        help="print at the end what the time was spent on, by file and by path",
    )
    group.addoption(
        "--promises",
        action="store_true",
        help="print each sentence of the documentation with the properties that check it, or the "
        "reason why none does, and run no test",
    )


@contextlib.contextmanager
def errors_in_one_line():
    """Convert a ConfigurationError within the block to a UsageError, which pytest prints in one
    line."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


def integer_option(config: pytest.Config, option: str, least: int) -> int | None:
    """Return the value of an option, or None; raise UsageError unless it is an integer of at least
    `least`."""
    given = config.getoption(option)
    if given is None:
        return None
    try:
        number = int(given)
    except ValueError:
        number = least - 1
    if number < least:
        raise pytest.UsageError(f"{option}={given}: give a whole number, {least} or more")
    return number


SECONDS = {"s": 1, "m": 60, "h": 3600}
"""The seconds of each unit of a duration."""


def duration_option(config: pytest.Config) -> float | None:
    """Return the seconds of `--for`, or None; raise UsageError for others and for contradictions.

    A run within a search is no search itself, so the result is None.
    """
    given = config.getoption("duration")
    if given is None or config.getoption("--round"):
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([smh])", given)
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0
    if not seconds:
        raise pytest.UsageError(f"--for={given}: give a number and its unit, as 30m, 4h or 90s")
    for option, value in (("--examples", None), ("--case", None), ("--promises", False)):
        if config.getoption(option) != value:
            raise pytest.UsageError(f"--for and {option} exclude each other: leave one of them out")
    if config.option.hypothesis_profile not in (None, "nightly"):
        raise pytest.UsageError("--for is a search with the profile nightly: name no other profile")
    return seconds


def round_option(config: pytest.Config) -> Round | None:
    """Return the round of a search that this run is, or None."""
    file = config.getoption("--round")
    return Round(**json.loads(Path(file).read_text(encoding="utf-8"))) if file else None


def shard_option(config: pytest.Config) -> tuple[int, int] | None:
    """Return the number of the shard and of all shards, or None; raise UsageError for others."""
    given = config.getoption("--shard")
    if given is None:
        return None
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", given)
    number, total = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= total:
        raise pytest.UsageError(f"--shard={given}: give a part and the number of parts, as 3/8")
    return number, total


def session_for(config: pytest.Config) -> Session:
    """Return the session that the options define."""
    profile = config.option.hypothesis_profile
    profile_examples = settings.get_profile(profile).max_examples
    return Session(
        profile=profile,
        seed=int(config.option.hypothesis_seed),
        profile_examples=profile_examples,
        examples=int(config.getoption("--examples") or profile_examples),
        largest_swept_size=SWEEPS.get(profile, 130),
        case=config.getoption("--case"),
        deviations=config.getoption("--deviations"),
        database=database.address_from(config.getoption("--database")),
        search=round_option(config),
    )
