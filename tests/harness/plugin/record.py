"""The facts of a run in its record, so that `tests/report/` joins records without TensorFlow.

pytest-reportlog writes the record, line by line, during the run.
"""

import os
import time

import pytest
from hypothesis import settings

from tests.harness.knowledge import active, deviations
from tests.harness.properties.registry import all_properties
from tests.harness.target import layer, releases
from tests.harness.target.environment import environment

RUN = "run"
"""The user property with the facts of a run. The first test of each process carries it."""


class RecordPlugin:
    """A pytest plugin that adds the facts of the run to its first report, before any crash."""

    def __init__(self, config):
        self.config = config
        self.recorded = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if not self.recorded:
            self.recorded = True
            item.user_properties.append((RUN, facts(self.config, item.session.items)))


def facts(config, items) -> dict:
    """Return the facts of the run in the types of JSON: layer, releases, environment, tests,
    properties and deviations."""
    shard = config.getoption("--shard")
    releases_tested = f"tensorflow-{releases.TENSORFLOW}-keras-{releases.KERAS}"
    return {
        # The records of shards are joined by this name, whatever their files are called.
        "name": os.environ.get("TOX_ENV_NAME") or (releases_tested if shard else None),
        "shards": [shard] if shard else [],
        "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "layer": layer.under_test().name,
        "tensorflow": str(releases.TENSORFLOW),
        "keras": str(releases.KERAS),
        "environment": environment(),
        "profile": f"{config.option.hypothesis_profile}, {settings().max_examples} examples",
        "tests": [item.nodeid for item in items],
        "properties": {n: f"{p.source}: {p.sentence}" for n, p in all_properties().items()},
        "deviations": [
            {
                "id": d.id,
                "sentence": d.sentence,
                "departs": d.departs,
                "effect": d.effect,
                "script": d.script,
                "shows": d.shows,
                "documented": d.documented,
                "releases": d.bounds,
                "witness": bool(d.witness),
                "applies": d in active.active_deviations(),
                "shown_by": [d.shown_by, *(name for name in d.properties if name != "*")],
                "upstream": d.upstream,
            }
            for d in deviations.load()
        ],
    }
