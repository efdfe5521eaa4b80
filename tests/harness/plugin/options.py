"""The command line: options, what they may be, and the session that they ask for."""

import contextlib

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
        help="the number of cases to draw for each property and path, instead of the profile's",
    )
    group.addoption(
        "--case",
        metavar="CASE",
        help="run the named property on this one case, as the failure printed it",
    )
    group.addoption(
        "--promises",
        action="store_true",
        help="print each sentence of the documentation with the properties that check it, or the "
        "reason why none does, and run no test",
    )


@contextlib.contextmanager
def errors_in_one_line():
    """End the run with one line if the user gave or installed something unusable."""
    try:
        yield
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


def integer_option(config: pytest.Config, option: str, least: int) -> int | None:
    """Return what an option gives; raise UsageError unless it is a whole number, `least` or
    more."""
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


def session_for(config: pytest.Config) -> Session:
    """Return the session that the options ask for."""
    profile = config.option.hypothesis_profile
    usual = settings.get_profile(profile).max_examples
    return Session(
        profile=profile,
        seed=int(config.option.hypothesis_seed),
        profile_examples=usual,
        examples=int(config.getoption("--examples") or usual),
        largest_swept_size=SWEEPS.get(profile, 130),
        case=config.getoption("--case"),
        deviations=config.getoption("--deviations"),
    )
