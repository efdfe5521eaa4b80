"""Masks: masked steps are ignored, and masks propagate through models."""

import warnings

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness.cases.case import replace
from tests.harness.cases.plans import ALWAYS_MASKED, INTEGER_ACTIVATIONS, NEVER_MASKED
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.compare.runs import assert_exact, assert_run
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, FUNCTION, UNROLL, XLA
from tests.harness.paths.implicit_masks import (
    EMBEDDING,
    EMBEDDING_TRACED,
    MASKING,
    MASKING_IN_MODEL,
    MASKING_TRACED,
    TWO_LAYERS,
    assert_next_layer_rejects_mask,
)
from tests.harness.paths.stacked_cells import expected_stacked
from tests.harness.probes.stateful import integer_layer, small_integers
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import tf

MASK = (
    "mask: Binary tensor of shape `[batch, timesteps]` indicating whether a given timestep should "
    "be masked. An individual `True` entry indicates that the corresponding timestep should be "
    "utilized, while a `False` entry indicates that the corresponding timestep should be ignored."
)

SKIPPED = (
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)"
)


@generated(
    "SimpleRNN",
    MASK,
    choices=ALWAYS_MASKED,
    needs={"mask"},
    case_cost=2,
    strategies={"value": st.sampled_from((0.0, 1e4, -np.inf, np.nan))},
)
def test_masked_inputs_have_no_effect(case, path, value):
    changed, run = path.run(case.with_inputs(~case.mask, value)), path.run(case)
    assert_same("outputs", changed.outputs, run.outputs)
    assert_same("state", changed.state, run.state)


@generated(
    "SimpleRNN",
    MASK,
    choices={**NEVER_MASKED, **INTEGER_ACTIVATIONS},
    integers=True,
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE),
    nightly_paths=(FUNCTION, XLA),
    needs={"mask"},
)
def test_all_true_mask_has_no_effect(case, path):
    assert_exact(path.run(replace(case, mask=np.ones((case.batch, case.time)))), case)


@generated(
    "RNN",
    "zero_output_for_mask: Whether the output should use zeros for the masked timesteps. Note that "
    "this field is only used when `return_sequences` is `True` and `mask` is provided.",
    choices={**ALWAYS_MASKED, **INTEGER_ACTIVATIONS, "zero_output_for_mask": (True,)},
    integers=True,
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE, XLA),
    nightly_paths=(FUNCTION,),
    needs={"mask", "zero_output_for_mask"},
)
def test_zero_output_for_mask_requires_return_sequences(case, path):
    output, state = path.results(case, path.layer(case, return_state=True))
    outputs, final_state = replace(case, zero_output_for_mask=False).expected()
    assert_same("output", output, outputs[:, -1])
    assert_same("state", state, final_state)


@generated(
    "SimpleRNN",
    MASK,
    choices={**ALWAYS_MASKED, **INTEGER_ACTIVATIONS},
    integers=True,
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE),
    nightly_paths=(FUNCTION, XLA),
    needs={"mask"},
    strategies={
        "form": st.sampled_from(("int32", "uint8", "float32", "int64", "of one number a step"))
    },
)
def test_mask_accepts_any_dtype_and_trailing_axis(case, path, form):
    mask = tf.constant(case.mask)
    mask = mask[:, :, None] if form == "of one number a step" else tf.cast(mask, form)
    assert_exact(path.run(case, mask=mask), case)


@generated(
    "RNN",
    "This layer supports masking for input data with a variable number of timesteps. To introduce "
    "masks to your data, use a `keras.layers.Embedding` layer with the `mask_zero` parameter set "
    "to `True`.",
    choices=ALWAYS_MASKED,
    paths=(MASKING, MASKING_TRACED, EMBEDDING, EMBEDDING_TRACED, MASKING_IN_MODEL),
    needs={"mask"},
)
def test_implicit_mask_equals_an_explicit_mask(case, path):
    assert_run(path.run(case), case)


@generated(
    "Masking",
    SKIPPED,
    choices={**ALWAYS_MASKED, "activation": (CLIP,)},
    integers=True,
    paths=(TWO_LAYERS,),
    needs={"mask"},
)
def test_mask_propagates_to_the_next_layer(case, path):
    outputs, first, second = path.results(case, path.layer_with_state(case))
    expected = expected_stacked(case)
    assert_same("outputs of the second", outputs, expected[0])
    assert_same("state of the first", first, expected[1])
    assert_same("state of the second", second, expected[2])


@pytest.mark.parametrize("feature", range(3))
@example(
    "Masking",
    "if all values in the input tensor at that timestep are equal to `mask_value`, then the "
    "timestep will be masked",
    needs={"return_sequences", "mask"},
)
def test_partly_matching_step_is_not_masked(feature):
    x = np.full((2, 5, 3), 9, np.float32)
    x[:, ::2, feature] = 1
    made = layer.under_test().build(4, 3, activation=None, return_sequences=True)
    with layer_call():
        masked = made(tf.keras.layers.Masking(9.0)(x))
        expected = made(x, mask=tf.constant([[True, False, True, False, True]] * 2))
    assert_same("outputs", masked, expected)


X, LIVE = small_integers(9, 2, 5, 3), np.array([[True, False, True, True, False]] * 2)
VALUES = {
    f"{value} in {dtype}": (value, dtype)
    for value in (9.0, 0.1, -999.0, -9999.0)
    for dtype in ("float32", "float64", "mixed_float16", "mixed_bfloat16")
}


def for_x(**options):
    """Return a layer for X with sequences; its integer weights and CLIP keep sums exact."""
    return integer_layer(3, 3, **{"activation": CLIP, "return_sequences": True, **options})


def masked_with(value: float, dtype="float32"):
    """Return X with that value in all features of the masked steps."""
    return tf.constant(np.where(LIVE[:, :, None], X, value), dtype)


@pytest.mark.parametrize("given", VALUES)
@example(
    "Masking",
    "if all values in the input tensor at that timestep are equal to `mask_value`, then the "
    "timestep will be masked (skipped) in all downstream layers",
    needs={"return_sequences", "mask", "dtype"},
)
def test_any_mask_value_masks_its_steps(given):
    value, dtype = VALUES[given]
    x = masked_with(value, "float64" if dtype == "float64" else "float32")
    with layer_call():
        made = for_x(dtype=dtype)
        masked = made(tf.keras.layers.Masking(value, dtype=dtype)(x))
        expected = made(x, mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
@example("Masking", SKIPPED, needs={"return_sequences", "mask", "dtype"})
def test_mask_propagates_to_layer_of_another_dtype(dtype):
    x = masked_with(9.0)
    with layer_call():
        made = for_x(dtype=dtype)
        masked = made(tf.keras.layers.Masking(9.0)(x))
        expected = made(x, mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


def functional_model(made):
    """Return a functional model of the layer."""
    inputs = tf.keras.Input((None, X.shape[-1]))
    return tf.keras.Model(inputs, made(inputs))


INNER_MODELS = {
    "Sequential": lambda made: made,
    "Sequential in Sequential": lambda made: tf.keras.Sequential([made]),
    "Model in Sequential": functional_model,
}


@pytest.mark.parametrize("inner", INNER_MODELS)
@example("Masking", SKIPPED, needs={"return_sequences", "mask"})
def test_mask_propagates_into_a_model(inner):
    with layer_call():
        made = for_x()
        model = tf.keras.Sequential([tf.keras.layers.Masking(9.0), INNER_MODELS[inner](made)])
        masked = model.predict(masked_with(9.0).numpy(), verbose=0)
        expected = made(X.astype(np.float32), mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


@pytest.mark.parametrize("kind", ["Sequential", "Model"])
@example(
    "Model.call",
    "mask: A mask or list of masks. A mask can be either a boolean tensor or None (no mask).",
    needs={"return_sequences", "mask"},
)
def test_model_mask_reaches_its_first_layer(kind):
    x, mask = X.astype(np.float32), tf.constant(LIVE)
    with layer_call():
        made = for_x()
        model = functional_model(made) if kind == "Model" else tf.keras.Sequential([made])
        masked, expected = model(x, mask=mask), made(x, mask=mask)
    assert_same("outputs", masked, expected)


@example("Masking", SKIPPED, needs={"return_sequences", "mask", "go_backwards"})
def test_propagated_mask_follows_the_output_order():
    with layer_call():
        outputs = for_x(go_backwards=True)(tf.keras.layers.Masking(9.0)(masked_with(9.0)))
        next_layer, mask = for_x(), tf.constant(LIVE[:, ::-1])
        got, expected = next_layer(outputs), next_layer(outputs.numpy(), mask=mask)
    assert_same("outputs of the next layer", got, expected)


@example("Masking", SKIPPED, needs={"return_sequences", "mask"})
def test_explicit_mask_propagates_to_the_next_layer():
    mask = tf.constant(LIVE)
    with layer_call():
        outputs, next_layer = for_x()(masked_with(9.0), mask=mask), for_x()
        got, expected = next_layer(outputs), next_layer(outputs.numpy(), mask=mask)
    assert_same("outputs of the next layer", got, expected)


@pytest.mark.parametrize("argument", [None, "stateful", "unroll", "go_backwards"])
@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@example("Masking", SKIPPED, needs={"return_sequences", "return_state", "mask"})
def test_mask_propagates_only_with_sequences(sequences, state, argument):
    options = {"return_sequences": sequences, "return_state": state}
    if argument:
        options[argument] = True
    with layer_call():
        made = for_x(batch=len(LIVE), **options)
        masks = made.compute_mask(masked_with(9.0), tf.constant(LIVE))
    given = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    if [mask is not None for mask in given] != [sequences, *[False] * state]:
        raise Mismatch(f"the masks of the results are {given}")


@example(
    "Masking",
    "If any downstream layer does not support masking yet receives such an input mask, an "
    "exception will be raised.",
    needs={"return_sequences", "mask"},
)
def test_layer_without_masking_support_rejects_the_mask():
    masked = tf.keras.layers.Masking(9.0)(tf.constant([[[1.0], [9.0]]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = layer.under_test().make(2, return_sequences=True)(masked)
    assert_next_layer_rejects_mask(outputs)
