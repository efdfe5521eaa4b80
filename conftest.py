"""Options, profiles and the header; all else is in tests/harness."""

import contextlib
import gc
import os
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

PROFILES = {
    "dev": {"max_examples": 18},
    "ci": {"max_examples": 40, "derandomize": True, "database": None, "print_blob": True},
    "nightly": {"max_examples": 400},
    # For the suite's own tests of what faults it finds: as dev, reproducible, nothing stored.
    "faults": {"max_examples": 16, "derandomize": True, "database": None},
    # For tests.selftest.mutate: as dev, but whatever fails, nobody looks at how small it gets.
    "mutants": {"phases": {Phase.explicit, Phase.generate}, "max_examples": 18, "database": None},
}

for _name, _values in PROFILES.items():
    settings.register_profile(
        _name,
        **{
            "deadline": None,
            "phases": set(Phase) - {Phase.explain},
            "suppress_health_check": list(HealthCheck),
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
        type=int,
        metavar="N",
        help="how many cases to draw for each property and path, in place of the profile's number",
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


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    name = config.getoption("--hypothesis-profile") or ("ci" if os.environ.get("CI") else "dev")
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise pytest.UsageError(f"unknown profile {name}: choose one of {known}")
    config.option.hypothesis_profile = name
    # Not as an option in pyproject.toml: pytest-benchmark measures nothing where one is given.
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"  # a property takes from 10 ms to 10 s
    if config.getoption("--promises"):
        with one_line():
            from tests.harness import documentation

            print(documentation.table(documentation.load()))
        return pytest.ExitCode.OK


def pytest_configure(config):
    if config.option.help or config.option.version:
        return
    began = time.perf_counter()
    profile = config.option.hypothesis_profile
    usual_examples = settings.get_profile(profile).max_examples
    if examples := config.getoption("--examples"):
        settings.register_profile(profile, settings.get_profile(profile), max_examples=examples)
        settings.load_profile(profile)
    # With pytest-xdist this process runs no test: its workers do, which have no option dist.
    runs_tests = config.getoption("dist", "no") == "no" or config.option.collectonly
    with one_line():
        from tests.harness import report, subject

        about = (subject.here if runs_tests else subject.elsewhere)(config.getoption("--layer"))
    config.pluginmanager.register(report.Report(config, about, began), "simplernn-report")
    if runs_tests:
        draw_as_asked_for(config, usual_examples)


def draw_as_asked_for(config, usual_examples):
    from tests.harness import drawing, laws, record

    drawing.usual_examples = usual_examples
    seed = config.getoption("--hypothesis-seed")
    laws.given_seed = int(seed) if str(seed or "").isdigit() else None
    drawing.pool_seed = laws.given_seed or 0
    if config.getoption("--report-log", None):
        config.pluginmanager.register(record.Record(config), "simplernn-record")


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # what is imported by now stays, and no collection need look at it again


def pytest_runtest_teardown():
    from tests.harness import layer

    layer.under_test().let_go_of_the_dead()
