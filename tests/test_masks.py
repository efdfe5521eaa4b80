"""Masked steps are ignored, whatever stands in them."""

import warnings

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness import layer
from tests.harness.cases import replace
from tests.harness.compare import Mismatch, assert_exact, assert_run, assert_same
from tests.harness.drawing import ALWAYS_MASKED, EXACT, NEVER_MASKED
from tests.harness.layer import CLIP
from tests.harness.paths import EAGER, FUNCTION, UNKNOWN, UNROLL, XLA, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import tf
from tests.harness.stateful import integers, of_integers
from tests.harness.upstream import (
    EMBEDDING,
    EMBEDDING_TRACED,
    MASKING,
    MASKING_TRACED,
    MODEL,
    TWO_LAYERS,
    assert_mask_refused_behind,
)
from tests.harness.wrappers import one_on_the_other

MASK = (
    "mask: Binary tensor of shape `[batch, timesteps]` indicating whether a given timestep should "
    "be masked. An individual `True` entry indicates that the corresponding timestep should be "
    "utilized, while a `False` entry indicates that the corresponding timestep should be ignored."
)

SKIPPED = (
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)"
)


@promise(
    "SimpleRNN",
    MASK,
    choices=ALWAYS_MASKED,
    needs={"mask"},
    case_cost=2,
    value=st.sampled_from((0.0, 1e4, -np.inf, np.nan)),
)
def test_what_stands_in_a_masked_step_changes_nothing(case, path, value):
    changed, run = path.run(case.with_inputs(~case.mask, value)), path.run(case)
    assert_same("outputs", changed.outputs, run.outputs)
    assert_same("state", changed.state, run.state)


@promise(
    "SimpleRNN",
    MASK,
    choices={**NEVER_MASKED, **EXACT},
    integers=True,
    on=(EAGER, UNROLL, UNKNOWN),
    nightly=(FUNCTION, XLA),
    needs={"mask"},
)
def test_a_mask_of_true_entries_masks_nothing(case, path):
    assert_exact(path.run(replace(case, mask=np.ones((case.batch, case.time)))), case)


@promise(
    "RNN",
    "zero_output_for_mask: Whether the output should use zeros for the masked timesteps. Note that "
    "this field is only used when `return_sequences` is `True` and `mask` is provided.",
    choices={**ALWAYS_MASKED, **EXACT, "zero_output_for_mask": (True,)},
    integers=True,
    on=(EAGER, UNROLL, UNKNOWN, XLA),
    nightly=(FUNCTION,),
    needs={"mask", "zero_output_for_mask"},
)
def test_without_sequences_zero_output_for_mask_is_not_used(case, path):
    output, state = path.results(case, path.layer(case, return_state=True))
    outputs, final_state = replace(case, zero_output_for_mask=False).expected()
    assert_same("output", output, outputs[:, -1])
    assert_same("state", state, final_state)


@promise(
    "SimpleRNN",
    MASK,
    choices={**ALWAYS_MASKED, **EXACT},
    integers=True,
    on=(EAGER, UNROLL, UNKNOWN),
    nightly=(FUNCTION, XLA),
    needs={"mask"},
    form=st.sampled_from(("int32", "uint8", "float32", "int64", "of one number a step")),
)
def test_a_mask_may_be_of_any_dtype_and_of_one_number_a_step(case, path, form):
    mask = tf.constant(case.mask)
    mask = mask[:, :, None] if form == "of one number a step" else tf.cast(mask, form)
    assert_exact(path.run(case, mask=mask), case)


@promise(
    "RNN",
    "This layer supports masking for input data with a variable number of timesteps. To introduce "
    "masks to your data, use a `keras.layers.Embedding` layer with the `mask_zero` parameter set "
    "to `True`.",
    choices=ALWAYS_MASKED,
    on=(MASKING, MASKING_TRACED, EMBEDDING, EMBEDDING_TRACED, MODEL),
    needs={"mask"},
)
def test_a_mask_of_a_layer_before_masks_as_one_that_is_given(case, path):
    assert_run(path.run(case), case)


@promise(
    "Masking",
    SKIPPED,
    choices={**ALWAYS_MASKED, "activation": (CLIP,)},
    integers=True,
    on=(TWO_LAYERS,),
    needs={"mask"},
)
def test_a_mask_is_handed_on_to_the_layer_behind(case, path):
    outputs, first, second = path.results(case, path.built(case))
    expected = one_on_the_other(case)
    assert_same("outputs of the second", outputs, expected[0])
    assert_same("state of the first", first, expected[1])
    assert_same("state of the second", second, expected[2])


@pytest.mark.parametrize("feature", range(3))
@documented(
    "Masking",
    "if all values in the input tensor at that timestep are equal to `mask_value`, then the "
    "timestep will be masked",
    needs={"return_sequences", "mask"},
)
def test_a_step_in_which_one_value_is_another_is_not_masked(feature):
    x = np.full((2, 5, 3), 9, np.float32)
    x[:, ::2, feature] = 1
    made = layer.under_test().build(4, 3, activation=None, return_sequences=True)
    with the_layer():
        masked = made(tf.keras.layers.Masking(9.0)(x))
        expected = made(x, mask=tf.constant([[True, False, True, False, True]] * 2))
    assert_same("outputs", masked, expected)


X, LIVE = integers(9, 2, 5, 3), np.array([[True, False, True, True, False]] * 2)
VALUES = {
    f"{value} in {dtype}": (value, dtype)
    for value in (9.0, 0.1, -999.0, -9999.0)
    for dtype in ("float32", "float64", "mixed_float16", "mixed_bfloat16")
}


def for_x(**options):
    """The layer for X, with sequences, and integers that stay exact."""
    return of_integers(3, 3, **{"activation": CLIP, "return_sequences": True, **options})


def masked_with(value: float, dtype="float32"):
    """X with nothing but that value in the masked steps."""
    return tf.constant(np.where(LIVE[:, :, None], X, value), dtype)


@pytest.mark.parametrize("given", VALUES)
@documented(
    "Masking",
    "if all values in the input tensor at that timestep are equal to `mask_value`, then the "
    "timestep will be masked (skipped) in all downstream layers",
    needs={"return_sequences", "mask", "dtype"},
)
def test_a_step_of_any_mask_value_is_masked(given):
    value, dtype = VALUES[given]
    x = masked_with(value, "float64" if dtype == "float64" else "float32")
    with the_layer():
        made = for_x(dtype=dtype)
        masked = made(tf.keras.layers.Masking(value, dtype=dtype)(x))
        expected = made(x, mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
@documented("Masking", SKIPPED, needs={"return_sequences", "mask", "dtype"})
def test_a_mask_reaches_a_layer_of_another_dtype(dtype):
    x = masked_with(9.0)
    with the_layer():
        made = for_x(dtype=dtype)
        masked = made(tf.keras.layers.Masking(9.0)(x))
        expected = made(x, mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


def a_model(made):
    """The layer in a functional model."""
    inputs = tf.keras.Input((None, X.shape[-1]))
    return tf.keras.Model(inputs, made(inputs))


IN_MODELS = {
    "Sequential": lambda made: made,
    "Sequential in Sequential": lambda made: tf.keras.Sequential([made]),
    "Model in Sequential": a_model,
}


@pytest.mark.parametrize("inner", IN_MODELS)
@documented("Masking", SKIPPED, needs={"return_sequences", "mask"})
def test_a_mask_reaches_a_layer_in_a_model(inner):
    with the_layer():
        made = for_x()
        model = tf.keras.Sequential([tf.keras.layers.Masking(9.0), IN_MODELS[inner](made)])
        masked = model.predict(masked_with(9.0).numpy(), verbose=0)
        expected = made(X.astype(np.float32), mask=tf.constant(LIVE))
    assert_same("outputs", masked, expected)


@pytest.mark.parametrize("kind", ["Sequential", "Model"])
@documented(
    "Model.call",
    "mask: A mask or list of masks. A mask can be either a boolean tensor or None (no mask).",
    needs={"return_sequences", "mask"},
)
def test_a_mask_given_to_a_model_reaches_its_first_layer(kind):
    x, mask = X.astype(np.float32), tf.constant(LIVE)
    with the_layer():
        made = for_x()
        model = a_model(made) if kind == "Model" else tf.keras.Sequential([made])
        masked, expected = model(x, mask=mask), made(x, mask=mask)
    assert_same("outputs", masked, expected)


@documented("Masking", SKIPPED, needs={"return_sequences", "mask", "go_backwards"})
def test_a_mask_is_handed_on_in_the_order_of_the_outputs():
    with the_layer():
        outputs = for_x(go_backwards=True)(tf.keras.layers.Masking(9.0)(masked_with(9.0)))
        behind = for_x()
        got, expected = behind(outputs), behind(outputs.numpy(), mask=tf.constant(LIVE[:, ::-1]))
    assert_same("outputs of the layer behind", got, expected)


@documented("Masking", SKIPPED, needs={"return_sequences", "mask"})
def test_a_mask_that_is_given_is_handed_on_too():
    mask = tf.constant(LIVE)
    with the_layer():
        outputs, behind = for_x()(masked_with(9.0), mask=mask), for_x()
        got, expected = behind(outputs), behind(outputs.numpy(), mask=mask)
    assert_same("outputs of the layer behind", got, expected)


@pytest.mark.parametrize("argument", [None, "stateful", "unroll", "go_backwards"])
@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@documented("Masking", SKIPPED, needs={"return_sequences", "return_state", "mask"})
def test_a_mask_is_handed_on_with_a_sequence_and_with_nothing_else(sequences, state, argument):
    options = {"return_sequences": sequences, "return_state": state}
    if argument:
        options[argument] = True
    with the_layer():
        made = for_x(batch=len(LIVE), **options)
        masks = made.compute_mask(masked_with(9.0), tf.constant(LIVE))
    given = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    if [mask is not None for mask in given] != [sequences, *[False] * state]:
        raise Mismatch(f"the masks of the results are {given}")


@documented(
    "Masking",
    "If any downstream layer does not support masking yet receives such an input mask, an "
    "exception will be raised.",
    needs={"return_sequences", "mask"},
)
def test_a_layer_behind_that_does_not_support_masking_refuses_the_mask():
    masked = tf.keras.layers.Masking(9.0)(tf.constant([[[1.0], [9.0]]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = layer.under_test().make(2, return_sequences=True)(masked)
    assert_mask_refused_behind(outputs)
