"""Ways to run a recurrence: the paths of the layer, and other implementations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tests.harness.paths.execution import CELL_LOOP, DYNAMIC_SHAPE, EAGER, UNROLL, XLA
from tests.harness.paths.models import PREDICT_ON_BATCH
from tests.harness.paths.path import Path
from tests.harness.probes import timing
from tests.harness.target import layer
from tests.harness.target.releases import tf

RETURN_ALL = {"return_sequences": True, "return_state": True}


@dataclass(frozen=True)
class Problem:
    """The sizes and the dtype of a benchmark, with as many features as units."""

    units: int = 32
    batch: int = 32
    dtype: str = "float32"
    gradients: bool = False

    def inputs(self, time: int) -> np.ndarray:
        shape = (self.batch, time, self.units)
        return np.random.default_rng(0).uniform(-1, 1, shape).astype(self.dtype)

    @property
    def operations(self) -> int:
        """The floating-point operations of the two matrix products of a step."""
        return 4 * self.batch * self.units**2


Run = Callable[[np.ndarray], Callable[[], object]]
"""A function from inputs (batch, time, features) to a call without arguments, to be timed."""


def on_tensors(call: Callable) -> Run:
    def prepare(x):
        tensor = tf.constant(x)
        return lambda: call(tensor)

    return prepare


def with_gradients(call: Callable) -> Callable:
    """Return the function with backpropagation to its inputs and all weights."""

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(call(x)[0])
        return tape.gradient(total, [x, *tape.watched_variables()])

    return run


def of_layer(path: Path, kind: Callable | None = None) -> Callable[[Problem], Run]:
    """Return the way to run the layer under test, or another layer, on a path."""

    def make(problem):
        options = RETURN_ALL | {"dtype": problem.dtype} | dict(path.options)
        made = (kind or layer.under_test().make)(problem.units, **options)
        made.build((None, None, problem.units))
        return on_tensors(path.call(with_gradients(made) if problem.gradients else made))

    return make


def baseline_loop(loop: Callable, path: Path = DYNAMIC_SHAPE) -> Callable[[Problem], Run]:
    """Return the way to run a loop of `tests/harness/probes/timing.py` on a path."""

    def make(problem):
        call = loop(*(tf.Variable(w) for w in _weights(problem)))
        return on_tensors(path.call(with_gradients(call) if problem.gradients else call))

    return make


def numpy(problem: Problem) -> Run:
    call = timing.numpy_loop(*_weights(problem))
    return lambda x: lambda: call(x)


def torch(problem: Problem) -> Run:
    """Return the way to run PyTorch's nn.RNN."""
    import torch

    net = torch.nn.RNN(
        problem.units, problem.units, batch_first=True, dtype=getattr(torch, problem.dtype)
    )

    def prepare(x):
        tensor = torch.from_numpy(x).requires_grad_(problem.gradients)

        def call():
            with torch.set_grad_enabled(problem.gradients):
                outputs, _ = net(tensor)
            if problem.gradients:
                outputs.sum().backward()

        return call

    return prepare


def onnx(problem: Problem) -> Run:
    """Return the way to run ONNX Runtime's RNN, whose inputs are (time, batch, features)."""
    import onnxruntime
    from onnx import helper, numpy_helper

    kernel, recurrent, bias = _weights(problem)
    both = np.concatenate([bias, 0 * bias])
    weights = {"W": kernel.T[None], "R": recurrent.T[None], "B": both[None]}
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(problem.dtype))
    graph = helper.make_graph(
        [helper.make_node("RNN", ["x", *weights], ["y"], hidden_size=problem.units)],
        "rnn",
        [helper.make_tensor_value_info("x", kind, [None, None, problem.units])],
        [helper.make_tensor_value_info("y", kind, [None, 1, None, problem.units])],
        [numpy_helper.from_array(np.ascontiguousarray(w), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )

    def prepare(x):
        rows = np.ascontiguousarray(x.swapaxes(0, 1))
        return lambda: session.run(None, {"x": rows})

    return prepare


def _weights(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = problem.units
    draw = np.random.default_rng(1).uniform(-1, 1, (2, n, n)) / np.sqrt(n)
    return draw[0].astype(problem.dtype), draw[1].astype(problem.dtype), np.zeros(n, problem.dtype)


PATHS: Mapping[str, Path] = {
    "eager": EAGER,
    "traced": DYNAMIC_SHAPE,
    "xla": XLA,
    "unroll": UNROLL,
    "cell": CELL_LOOP,
    "predict": PREDICT_ON_BATCH,
}
"""The paths of the layer, by the names in LONGEST."""

BASELINE = "tf.while_loop"
"""The baseline of all comparisons: the same kernels in a tf.while_loop."""

IMPLEMENTATIONS: Mapping[str, Callable[[Problem], Run]] = {
    **{name: of_layer(path) for name, path in PATHS.items()},
    BASELINE: baseline_loop(timing.while_loop),
    "tf.scan": baseline_loop(timing.scan_loop),
    "NumPy": numpy,
    "LSTM": of_layer(DYNAMIC_SHAPE, tf.keras.layers.LSTM),
    "GRU": of_layer(DYNAMIC_SHAPE, tf.keras.layers.GRU),
    "PyTorch": torch,
    "ONNX Runtime": onnx,
}
REQUIRED_MODULES = {"PyTorch": ("torch",), "ONNX Runtime": ("onnx", "onnxruntime")}
"""The required modules of each way, from the extra `benchmark`."""

WITHOUT_GRADIENTS = {"cell", "predict", "NumPy", "ONNX Runtime"}
WITHOUT_FLOAT64 = {"ONNX Runtime"}
