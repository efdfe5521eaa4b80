"""Conversion to TensorFlow Lite with each kind of quantization, and how far it may be off."""

import numpy as np

from tests.harness.cases.case import Case, noise
from tests.harness.target import layer
from tests.harness.target.releases import tf

LEVELS = {"float": None, "dynamic-range": 8, "float16": None, "int8": 8, "16x8": 16}
"""The bits of quantized activations, by kind of conversion; None where they stay float32."""

WEIGHT_LEVELS = {"float": None, "dynamic-range": 8, "float16": 11, "int8": 8, "16x8": 8}
"""The bits of quantized weights, the sign included; None where they stay float32."""

TANH_UNITS = {None: 0, 8: 1, 16: 4}
"""How many steps of the result tanh may be off, by bits.

A table of 8 bits holds each value. For 16 bits it holds sigmoid at 256 points of [0, 10.7], and
lines between them are off by (10.7 / 256)^2 / 8 max|sigmoid''| = 2e-5; that is doubled for
tanh(x) = 2 sigmoid(2 x) - 1, and there are roundings. Source:
tensorflow/lite/kernels/internal/reference/integer_ops/tanh.h.
"""

SAMPLES = 32
"""Rows that the converter calibrates the ranges of all tensors with."""


def conversion_case(seed: int, time: int, features: int, units: int) -> Case:
    """A case with as many rows as the converter is calibrated with. The absolute values of each
    column of the kernel have a sum of 1, so that an error of the inputs does not grow, and those of
    the recurrent kernel a sum of 1/2, so that an error of the state halves from step to step."""

    def uniform(stream, *shape):
        return 2 * noise(8 * seed + stream, shape) - 1

    kernel, recurrent = uniform(1, features, units), uniform(2, units, units)
    return Case(
        inputs=uniform(0, SAMPLES, time, features),
        kernel=kernel / np.abs(kernel).sum(axis=0),
        recurrent_kernel=recurrent / (2 * np.abs(recurrent).sum(axis=0)),
        bias=uniform(3, units),
    )


def quantization_bound(case: Case, kind: str) -> np.ndarray:
    """Return how far each output of a converted layer may be from the float result: (time, units).

    A tensor of largest magnitude m in b bits has a step of at most 2 m / (2^b - 1). A value is off
    by half a step for the rounding and as much for the zero point or the integer multiplier; that
    is one step d(t) for each tensor t: x, h, a = x W + b, r = h U, z = a + r and act(z). Weights
    are off by half a step. With |act'| <= 1 an error e of the last state becomes, per unit,

        e' = e |U| + d(x) |W| + |x| d(W) + |h| d(U) + d(h) |U| + d(a) + d(r) + d(z) + d(act(z)).

    Ranges hold every exact value, since the converter is calibrated with these inputs, so that
    clipping to them only decreases an error. 16-bit tanh takes a power of two for its step: up to
    twice the step. Float roundings, of 2^-24 each, are covered by 2^-20.
    """
    x, W, U = case.inputs, np.abs(case.kernel), np.abs(case.recurrent_kernel)
    outputs, _ = case.expected()
    h = np.concatenate([np.zeros_like(outputs[:, :1]), outputs[:, :-1]], axis=1)
    r = h @ case.recurrent_kernel
    a = x @ case.kernel + case.bias
    step, half = _step(LEVELS[kind]), _step(WEIGHT_LEVELS[kind], 1)
    weights = _largest(x) * half(W) * W.shape[0] + _largest(h) * half(U) * U.shape[0]
    own = step(x) * W.sum(axis=0) + step(h) * U.sum(axis=0) + weights
    own = own + step(a) + step(r) + 2 * step(a + r) + TANH_UNITS[LEVELS[kind]] * step(np.ones(1))
    own = own + 2.0**-20
    bounds, e = [], np.zeros(U.shape[0])
    for _ in range(case.time):
        e = e @ U + own
        bounds.append(e)
    return np.array(bounds)


def _step(bits: int | None, halves: int = 2):
    """From a tensor to the step, or half of it, of its quantization in so many bits."""
    return lambda t: 0.0 if bits is None else halves * _largest(t) / (2**bits - 1)


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values)))


def converted_outputs(kind: str, case: Case, unroll: bool) -> np.ndarray:
    """Return the outputs (batch, time, units) that the interpreter of TensorFlow Lite computes, row
    by row, from a model of the layer that was converted with that kind of quantization."""
    inputs = tf.keras.Input((case.time, case.features), batch_size=1)
    made = layer.under_test().make(
        case.units, activation=case.activation, return_sequences=True, unroll=unroll
    )
    model = tf.keras.Model(inputs, made(inputs))
    layer.set_weights(made, *case.weights)
    rows = case.inputs.astype(np.float32)[:, None]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    configure(converter, kind, rows)
    return interpret(converter.convert(), rows)


def configure(converter, kind: str, rows: np.ndarray) -> None:
    """Set the quantization of a converter; rows: the representative data, (rows, 1, time, ...)."""
    ops = tf.lite.OpsSet
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind in ("int8", "16x8"):
        converter.representative_dataset = lambda: ([row] for row in rows)
        converter.target_spec.supported_ops = [
            ops.TFLITE_BUILTINS_INT8
            if kind == "int8"
            else ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]


def interpret(content: bytes, rows: np.ndarray) -> np.ndarray:
    """Return what a model of TensorFlow Lite gives for each of these batches of one, joined."""
    runner = tf.lite.Interpreter(model_content=content)
    runner.allocate_tensors()
    (given,), (result,) = runner.get_input_details(), runner.get_output_details()
    results = []
    for row in rows:
        runner.set_tensor(given["index"], _quantized(row, given))
        runner.invoke()
        results.append(_dequantized(runner.get_tensor(result["index"]), result))
    return np.concatenate(results)


def _quantized(values: np.ndarray, details) -> np.ndarray:
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(values / scale + zero), limits.min, limits.max).astype(details["dtype"])


def _dequantized(values: np.ndarray, details) -> np.ndarray:
    scale, zero = details["quantization"]
    return values if details["dtype"] == np.float32 else (np.float64(values) - zero) * scale


def converted_steps(case: Case) -> np.ndarray:
    """Return the outputs (batch, time, units) of a stateful layer that was converted for one row
    and one step, called step by step; each row of the case with an interpreter of its own."""
    inputs = tf.keras.Input((1, case.features), batch_size=1)
    made = layer.under_test().make(case.units, activation=case.activation, stateful=True)
    model = tf.keras.Model(inputs, made(inputs))
    layer.set_weights(made, *case.weights)
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    steps = case.inputs.astype(np.float32)[:, :, None, None]
    return np.stack([interpret(content, row) for row in steps])
