"""Runs of the suite within the process of a selftest."""

import pytest

from tests.harness.target import layer


class Collected:
    """A pytest plugin that keeps the collected items and the reports of a run."""

    def __init__(self):
        self.items, self.reports = [], []

    def pytest_collection_finish(self, session):
        self.items = list(session.items)

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.reports.append(report)

    def facts(self) -> list[dict]:
        """Return the recorded properties of each test."""
        return [dict(report.user_properties) for report in self.reports]


def run(*arguments: str, name: str = layer.DEFAULT) -> Collected:
    """Run pytest with these arguments on the layer of that name."""
    plugin, before = Collected(), layer.under_test().name
    options = ["-p", "no:cacheprovider", "--no-header", "--tb=no", "-q", "--layer", name]
    try:
        pytest.main([*arguments, *options], plugins=[plugin])
    finally:
        layer.select(before)
    return plugin
