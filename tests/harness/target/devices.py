"""The device that a run verifies: the CPU, or a GPU with `--device gpu`."""

import os
from collections.abc import Sequence

from tests.harness.configuration import ConfigurationError
from tests.harness.target.releases import tf

DEVICES = ("cpu", "gpu")


def gpu_of_worker(gpus: Sequence, worker: int, workers: int):
    """Return the GPU of a worker: each has one of its own, because their memory is not shared.

    worker: its number, from 0. Raises ConfigurationError if there are fewer GPUs than workers.
    """
    if not gpus:
        raise ConfigurationError("--device gpu: TensorFlow sees no GPU")
    if workers > len(gpus):
        raise ConfigurationError(
            f"--device gpu: {workers} workers for {len(gpus)} GPU: give -n {len(gpus)} at most"
        )
    return gpus[worker]


def choose(device: str) -> None:
    """Make the device the only one that TensorFlow sees besides the CPU.

    A GPU gets memory growth: otherwise TensorFlow maps nearly all its memory. Raises
    ConfigurationError if the device cannot be used.
    """
    if device not in DEVICES:
        raise ConfigurationError(f"--device {device}: choose one of {', '.join(DEVICES)}")
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu":
        if gpus and tf.config.get_visible_devices("GPU"):
            tf.config.set_visible_devices([], "GPU")
        return
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    gpu = gpu_of_worker(gpus, int(number), workers)
    tf.config.set_visible_devices([gpu], "GPU")
    tf.config.experimental.set_memory_growth(gpu, True)


def description() -> str:
    """Return the devices that the run verifies, and those that are hidden, in one line."""
    visible, every = tf.config.get_visible_devices(), tf.config.list_physical_devices()
    text = " ".join(_short(device) for device in visible)
    hidden = [device for device in every if device not in visible]
    if hidden:
        text += f"; hidden: {' '.join(map(_short, hidden))} (--device gpu verifies a GPU)"
    return text


def _short(device) -> str:
    return device.name.split(":", 1)[1]
