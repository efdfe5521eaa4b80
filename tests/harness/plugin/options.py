"""The options of the command line, their validation, and the session that they define."""

import contextlib
import re

import pytest
from hypothesis import settings

from tests.harness.configuration import ConfigurationError
from tests.harness.plugin.profiles import SWEEPS
from tests.harness.session import Session


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
        "--examples",
        metavar="N",
        help="the number of cases to draw for each property and path (default: the profile's)",
    )
    group.addoption(
        "--shard",
        metavar="I/N",
        help="run the I-th of N parts of the tests; all parts together are all tests",
    )
    group.addoption(
        "--case",
        metavar="CASE",
        help="run the named property on this one case, in the form that a failure prints",
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
    )
