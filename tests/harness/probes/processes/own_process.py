"""Calls of the suite's functions in a new process. A crash or a hang there is a Mismatch here."""

import multiprocessing
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.compare.assertions import Mismatch
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

TIMEOUT_SECONDS = 300
"""Seconds after which a process hangs; the longest conversion takes 5 on an idle machine."""

METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
"""A server imports TensorFlow once, executes nothing, and is forked for each call."""


def in_own_process(function: Callable, *arguments, devices: int = 1):
    """Return what a function returns in a new process, in which TensorFlow is imported and no
    operation was executed.

    function, arguments, result: anything that can be pickled. The layer under test is the same as
    here. devices: the number of logical CPUs of the process.

    Raises Mismatch if TensorFlow or the layer raises an exception there, ends the process, or is
    still running after TIMEOUT_SECONDS. Raises RuntimeError for an exception of the suite itself.
    """
    CONTEXT.set_forkserver_preload([__name__, "tensorflow"])
    receiver, sender = CONTEXT.Pipe(duplex=False)
    with receiver, tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "printed")
        name = layer.under_test().name
        work = (sender, str(printed), name, devices, function, arguments)
        process = CONTEXT.Process(target=_send_result, args=work, daemon=True)
        process.start()
        sender.close()
        kind, result = _received(receiver, process, printed)
    if kind == "mismatch":
        raise Mismatch(result)
    if kind == "error":
        raise RuntimeError(f"in a process of its own: {result}")
    return result


def _received(receiver, process, printed: Path) -> tuple[str, object]:
    """What the process sends, or the mismatch that it sends nothing."""
    try:
        if not receiver.poll(TIMEOUT_SECONDS):
            return "mismatch", f"the process was still running after {TIMEOUT_SECONDS} s"
        return receiver.recv()
    except EOFError:
        process.join()
        return (
            "mismatch",
            f"the process ended with {_ending(process.exitcode)}{_last_line(printed)}",
        )
    finally:
        process.kill()
        process.join()


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _last_line(printed: Path) -> str:
    lines = printed.read_text(errors="replace").split("\n") if printed.exists() else []
    told = [line.strip() for line in lines if line.strip()]
    return f": {told[-1][:300]}" if told else ""


def _send_result(sender, printed: str, name: str, devices: int, function, arguments) -> None:
    """Call the function in this process, and send its result or what it raises."""
    output = os.open(printed, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        if devices > 1:
            cpu = tf.config.list_physical_devices("CPU")[0]
            logical = [tf.config.LogicalDeviceConfiguration()] * devices
            tf.config.set_logical_device_configuration(cpu, logical)
        layer.select(name)
        with layer_call():
            sent = "result", function(*arguments)
    except Mismatch as mismatch:
        sent = "mismatch", str(mismatch)
    except Exception:
        sent = "error", traceback.format_exc()
    sender.send(sent)
    sender.close()
