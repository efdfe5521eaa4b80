"""The hooks of the pytest plugin. They import TensorFlow only when a run needs it."""

import gc
import os
import random
import re
import time

import pytest
from hypothesis import settings

from tests.harness import session
from tests.harness.plugin import options, profiles
from tests.harness.plugin.record_file import RECORD_FILE, RecordFile
from tests.harness.session import Session

profiles.register()

OUTER = pytest.StashKey[Session]()
"""The session that was in progress before this one, if pytest runs within pytest."""


def pytest_addoption(parser):
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    duration = options.duration_option(config)
    usual = "nightly" if duration else "ci" if os.environ.get("CI") else "dev"
    name = config.getoption("--hypothesis-profile") or usual
    if name not in profiles.PROFILES:
        known = ", ".join(profiles.PROFILES)
        raise pytest.UsageError(f"unknown profile {name}: choose one of {known}")
    config.option.hypothesis_profile = name
    options.integer_option(config, "--examples", 1)
    if options.integer_option(config, "--hypothesis-seed", 0) is None:
        fixed = settings.get_profile(name).derandomize
        seed = profiles.FIXED_SEED if fixed else random.SystemRandom().getrandbits(32)
        config.option.hypothesis_seed = str(seed)  # pytest-xdist passes it to the workers
    if config.getoption("--case") is not None:
        config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []
    options.shard_option(config)
    if duration:
        from tests.harness.plugin import search

        return search.Search(config, duration).run()
    # pytest-benchmark disables itself if an option in pyproject.toml chooses the distribution.
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"  # the duration of a property is between 10 ms and 10 s
    if config.getoption("--promises"):
        with options.errors_in_one_line():
            from tests.harness.knowledge import documentation
            from tests.harness.properties.registry import all_properties

            print(documentation.format_table(documentation.load(), all_properties()))
        return pytest.ExitCode.OK


def pytest_configure(config):
    if config.option.help or config.option.version:
        return
    start_time = time.perf_counter()
    # With pytest-xdist, only the workers run tests; they have no option dist.
    runs_tests = config.getoption("dist", "no") == "no" or config.option.collectonly
    with options.errors_in_one_line():
        from tests.harness.plugin import header

        config.stash[OUTER] = session.set_current(options.session_for(config))
        given = (config.getoption(name) for name in ("--layer", "--arithmetic", "--device"))
        target = header.select_layer(*given) if runs_tests else None
        if session.current().case is not None:
            from tests.harness.plugin import collection

            collection.validated_case_option(session.current().case)
    register_reports(config, target, start_time)


def register_reports(config, target, start_time: float) -> None:
    """Register the plugins that report: header, failures, verdict, record.

    target: the facts of the layer under test, or None in the controller of pytest-xdist.
    start_time: by time.perf_counter, in seconds.
    """
    from tests.harness.plugin import reporting

    reporter = reporting.RunReporter(config, target, start_time)
    config.pluginmanager.register(reporter, "simplernn-report")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(reporting.WorkerReporter(target))
    if target is None:
        config.pluginmanager.register(reporting.ControllerReporter(reporter))
    elif config.getoption("--report-log", None):
        from tests.harness.plugin import record

        config.pluginmanager.register(record.RecordPlugin(config), "simplernn-record")


def pytest_unconfigure(config):
    if OUTER in config.stash:
        outer = config.stash[OUTER]
        session.set_current(outer)
        settings.load_profile(outer.profile)


@pytest.hookimpl(tryfirst=True)  # before pytest-reportlog writes the first line
def pytest_sessionstart(session):
    if plugin := getattr(session.config, "_report_log_plugin", None):
        session.config.stash[RECORD_FILE] = RecordFile(plugin)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector, name, obj):
    from tests.harness.plugin.collection import PropertyItem
    from tests.harness.properties.generated import GeneratedProperty

    if isinstance(obj, GeneratedProperty):
        return list(PropertyItem.for_each_path(collector, name, obj))


def pytest_make_parametrize_id(val):
    """Return the id of a parameter in the characters [a-z0-9_.-], which no shell interprets."""
    if not (val is None or isinstance(val, (str, bool, int, float))):
        names = (getattr(val, name, None) for name in ("id", "name", "__name__"))
        val = next((name for name in names if isinstance(name, str)), "")
    return re.sub(r"[^a-z0-9_.-]+", "-", str(val).lower()).strip("-") or None


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config, items):
    from tests.harness.plugin import collection, schedule

    if config.getoption("--case") is not None:
        with options.errors_in_one_line():
            items[:] = collection.select_items_for_case(items)
    tests = schedule.in_order(items)
    if (found := session.current().search) and found.seconds:  # those of the shard, if there is one
        tests = [item for item in tests if item.nodeid in found.seconds]
    elif part := options.shard_option(config):
        tests = schedule.shard(tests, *part)
    if left_out := {*items} - {*tests}:
        config.hook.pytest_deselected(items=[*left_out])
    items[:] = schedule.dealt(tests, getattr(config, "workerinput", {}).get("workercount", 1))


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # imported modules stay in memory, so no collection needs to scan them


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol():
    """Run no further test, and report none, if the time of a search is over."""
    return session.current().time_is_over or None


def pytest_runtest_teardown():
    from tests.harness.target import layer

    layer.under_test().clear_session_if_due()
