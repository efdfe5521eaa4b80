"""The choice of the device, without a GPU at hand."""

import pytest

from tests.harness.configuration import ConfigurationError
from tests.harness.target import devices
from tests.harness.target.environment import environment
from tests.harness.target.releases import tf


class Device:
    def __init__(self, kind: str):
        self.name = f"/physical_device:{kind}:0"


def test_each_worker_gets_its_own_gpu():
    assert [devices.gpu_of_worker("ab", worker, 2) for worker in (0, 1)] == ["a", "b"]


@pytest.mark.parametrize(
    ("gpus", "workers", "words"),
    [("", 1, "TensorFlow sees no GPU"), ("a", 2, "2 workers for 1 GPU: give -n 1 at most")],
)
def test_missing_gpu_is_rejected_in_one_line(gpus, workers, words):
    with pytest.raises(ConfigurationError) as raised:
        devices.gpu_of_worker(gpus, 0, workers)
    assert str(raised.value) == f"--device gpu: {words}"


def planted_gpu(monkeypatch) -> dict:
    """Plant a GPU, and return what is set of it."""
    cpu, gpu, found = Device("CPU"), Device("GPU"), {"visible": None}
    lists = {"CPU": [cpu], "GPU": [gpu], None: [cpu, gpu]}

    def visible(kind=None):
        return [d for d in lists[kind] if d is cpu or found["visible"] in (None, [d])]

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: lists[kind])
    monkeypatch.setattr(tf.config, "get_visible_devices", visible)
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda given, kind: found.update(visible=given)
    )
    monkeypatch.setattr(
        tf.config.experimental, "set_memory_growth", lambda given, on: found.update(growth=on)
    )
    return found


def test_gpu_is_hidden_by_default(monkeypatch):
    found = planted_gpu(monkeypatch)
    devices.choose("cpu")
    assert found == {"visible": []}
    assert devices.description() == "CPU:0; hidden: GPU:0 (--device gpu verifies a GPU)"
    assert "TF32" not in environment()


def test_chosen_gpu_has_memory_growth(monkeypatch):
    found = planted_gpu(monkeypatch)
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "1")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    devices.choose("gpu")
    assert found["growth"] is True
    assert devices.description() == "CPU:0 GPU:0"
    assert environment()["TF32"] in ("on", "off")
