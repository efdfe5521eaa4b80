"""A process of its own gives results, and turns a crash or a hang into a failure."""

import os
import time

import pytest

from tests.harness.compare.assertions import Mismatch
from tests.harness.probes.processes import own_process
from tests.harness.probes.processes.own_process import in_own_process
from tests.harness.target.releases import tf


def count_cpus() -> int:
    return len(tf.config.list_logical_devices("CPU"))


def raise_within_tensorflow() -> None:
    tf.reshape(tf.zeros(3), (2, 2))


def test_result_is_returned():
    assert in_own_process(abs, -3) == 3


def test_process_has_the_devices_asked_for():
    assert in_own_process(count_cpus, devices=3) == 3


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [
        (os.abort, (), "ended with SIGABRT"),
        (os._exit, (3,), "ended with exit code 3"),
        (raise_within_tensorflow, (), "the layer raised InvalidArgumentError"),
    ],
)
def test_crash_is_a_mismatch(function, argument, message):
    with pytest.raises(Mismatch, match=message):
        in_own_process(function, *argument)


def test_hang_is_a_mismatch(monkeypatch):
    monkeypatch.setattr(own_process, "TIMEOUT_SECONDS", 1)
    with pytest.raises(Mismatch, match="still running after 1 s"):
        in_own_process(time.sleep, 600)


def test_error_of_the_suite_is_no_mismatch():
    with pytest.raises(RuntimeError, match="ValueError: invalid literal"):
        in_own_process(int, "three")
