"""Options, profiles and the header; all else is in tests/harness."""

import contextlib
import gc
import os
import random
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

FIXED_SEED = 0  # of the profiles that draw the same cases in each run

PROFILES = {
    "dev": {"max_examples": 18},
    "ci": {"max_examples": 40, "derandomize": True, "database": None, "print_blob": True},
    "nightly": {"max_examples": 400},
    # For the suite's own tests of what faults it finds: as dev, reproducible, nothing stored, and
    # what is found is not made small.
    "faults": {
        "phases": {Phase.explicit, Phase.generate},
        "max_examples": 16,
        "derandomize": True,
        "database": None,
    },
    # For tests.selftest.mutate: as dev, but whatever fails, nobody looks at how small it gets.
    "mutants": {"phases": {Phase.explicit, Phase.generate}, "max_examples": 18, "database": None},
}

SWEEPS = {"nightly": 520}
"""The largest size of the sweeps over every size, by profile."""

for _name, _values in PROFILES.items():
    settings.register_profile(
        _name,
        **{
            "deadline": None,
            "phases": set(Phase) - {Phase.explain},  # it runs a failing case a hundred times more
            "suppress_health_check": [HealthCheck.too_slow],  # drawing is fast, machines may not be
            "report_multiple_bugs": False,
            **_values,
        },
    )


def pytest_addoption(parser):
    group = parser.getgroup("SimpleRNN")
    group.addoption(
        "--layer",
        default="tf.keras.layers:SimpleRNN",
        metavar="MODULE:ATTRIBUTE",
        help="the layer to verify, one with SimpleRNN's constructor (default: %(default)s)",
    )
    group.addoption(
        "--examples",
        metavar="N",
        help="how many cases to draw for each property and path, in place of the profile's number",
    )
    group.addoption(
        "--case",
        metavar="CASE",
        help="run the named property on this one case, as the failure printed it",
    )
    group.addoption(
        "--promises",
        action="store_true",
        help="print each sentence of the documentation with the properties that check it, or with "
        "the reason why none does, and run no test",
    )


@contextlib.contextmanager
def one_line():
    """What the user gave or has and cannot be used ends the run with one line."""
    from tests.harness import Unusable

    try:
        yield
    except Unusable as error:
        raise pytest.UsageError(str(error)) from None


def whole_number(config, option: str, least: int) -> int | None:
    """What an option gives; UsageError if it is no whole number of at least that."""
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


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    name = config.getoption("--hypothesis-profile") or ("ci" if os.environ.get("CI") else "dev")
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise pytest.UsageError(f"unknown profile {name}: choose one of {known}")
    config.option.hypothesis_profile = name
    whole_number(config, "--examples", 1)
    if whole_number(config, "--hypothesis-seed", 0) is None:
        fixed = settings.get_profile(name).derandomize
        seed = FIXED_SEED if fixed else random.SystemRandom().getrandbits(32)
        config.option.hypothesis_seed = str(seed)  # the workers of pytest-xdist are given it
    if config.getoption("--case") is not None:
        config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []
    # Not as an option in pyproject.toml: pytest-benchmark measures nothing where one is given.
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"  # a property takes from 10 ms to 10 s
    if config.getoption("--promises"):
        with one_line():
            from tests.harness import documentation

            print(documentation.table(documentation.load()))
        return pytest.ExitCode.OK


BEFORE = pytest.StashKey()
"""The session that was under way before this one, where pytest is run within pytest."""


def pytest_configure(config):
    if config.option.help or config.option.version:
        return
    began = time.perf_counter()
    with one_line():
        from tests.harness import report, session, subject

        config.stash[BEFORE] = session.use(asked_for(config))
        # With pytest-xdist this process runs no test: its workers do, which have no option dist.
        runs_tests = config.getoption("dist", "no") == "no" or config.option.collectonly
        about = subject.here(config.getoption("--layer")) if runs_tests else None
        if session.current().case is not None:
            from tests.harness import collection

            collection.read_case(session.current().case)
    told = report.Report(config, about, began)
    config.pluginmanager.register(told, "simplernn-report")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(report.Worker(about))
    if not runs_tests:
        config.pluginmanager.register(report.Workers(told))
    if runs_tests and config.getoption("--report-log", None):
        from tests.harness import record

        config.pluginmanager.register(record.Record(config), "simplernn-record")


def asked_for(config):
    """The run that the options ask for."""
    from tests.harness.session import Session

    profile = config.option.hypothesis_profile
    usual = settings.get_profile(profile).max_examples
    return Session(
        profile=profile,
        seed=int(config.option.hypothesis_seed),
        usual=usual,
        examples=int(config.getoption("--examples") or usual),
        sweep=SWEEPS.get(profile, 130),
        case=config.getoption("--case"),
    )


def pytest_unconfigure(config):
    if BEFORE in config.stash:
        from tests.harness import session

        before = config.stash[BEFORE]
        session.use(before)
        settings.load_profile(before.profile)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector, name, obj):
    from tests.harness.collection import PropertyItem
    from tests.harness.properties import Property

    if isinstance(obj, Property):
        return list(PropertyItem.on_every_path(collector, name, obj))


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config, items):
    if config.getoption("--case") is not None:
        with one_line():
            from tests.harness import collection

            items[:] = collection.only_those_that_take_the_case(items)


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # what is imported by now stays, and no collection need look at it again


def pytest_runtest_teardown():
    from tests.harness import layer

    layer.under_test().let_go_of_the_dead()
