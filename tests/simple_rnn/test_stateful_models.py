"""Models of a stateful layer, of one row and of more: trained, served, saved and reset."""

import numpy as np
import pytest

from tests.harness.cases.case import replace
from tests.harness.cases.plans import UNIT_MAGNITUDE
from tests.harness.compare.assertions import assert_same
from tests.harness.compare.runs import assert_exact
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.paths.stateful_models import STATEFUL_MODEL_PATHS
from tests.harness.probes.stateful_models import (
    BATCH_SOURCES,
    CONSTANT_STATES,
    COPIES_OF_STATEFUL_MODELS,
    STATEFUL_KINDS,
    constant_state_model,
    expected_after,
    fit_stateful_model,
    integer_inputs,
    stateful_model_with_weights,
)
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target.calls import layer_call
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import reset_state

STATEFUL = (
    "stateful: Boolean (default: `False`). If `True`, the last state for each sample at index i in "
    "a batch will be used as the initial state for the sample of index i in the following batch."
)
NEEDS = {"stateful", *SEQUENCES_AND_STATE}
ROWS = [1, 2, 3]


def zeroed_if_masked(case):
    """The case with zeros for masked steps: a piece does not know the output before it."""
    return replace(case, zero_output_for_mask=case.mask is not None)


@generated(
    "SimpleRNN",
    STATEFUL,
    choices={
        **UNIT_MAGNITUDE,
        "activation": (CLIP, "linear"),
        "batch": (1, 2, 3),
        "time": (4, 1, 2, 3, 6),
        "mask": (None, "random", "trailing"),
        "zero_output_for_mask": (False,),
        "large": (None,),
    },
    integers=True,
    paths=STATEFUL_MODEL_PATHS,
    needs=NEEDS,
    prepare=zeroed_if_masked,
    case_cost=2,
    trace_cost=2,
)
def test_served_pieces_equal_the_whole_sequence(case, path):
    assert_exact(path.run(case), case)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("source", BATCH_SOURCES)
@example(
    "RNN",
    "Remember to also specify the same `batch_size=...` when calling `fit()`, or otherwise use a "
    "generator-like data source like a `keras.utils.PyDataset` or a `tf.data.Dataset`.",
    needs={"stateful"},
)
def test_stateful_model_trains_from_any_source(source, rows):
    with layer_call():
        model, x = stateful_model_with_weights(rows), integer_inputs(3 * rows)
        fit_stateful_model(model, x, rows, source)
        state = np.asarray(model.layers[-1].states[0])
    assert_same("state after fit", state, expected_after(model, *np.split(x, 3)))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", STATEFUL_KINDS)
@example(
    "RNN",
    "To reset the states of your model, call `.reset_state()` on either a specific layer, or on "
    "your entire model.",
    needs=NEEDS | {"cell"},
)
def test_reset_layer_equals_a_new_one(kind, rows):
    with layer_call():
        made, x = STATEFUL_KINDS[kind](rows), integer_inputs(rows)
        new = [np.asarray(made(x)), np.asarray(made(x))]
        reset_state(made)
        again = [np.asarray(made(x)), np.asarray(made(x))]
    assert_same("outputs after a reset", np.stack(again), np.stack(new))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("way", COPIES_OF_STATEFUL_MODELS)
@example(
    "Model.save",
    "The saved `.keras` file is a `zip` archive that contains: The model's configuration "
    "(architecture). The model's weights. The model's optimizer's state (if any).",
    needs={"stateful"},
)
def test_copied_stateful_model_starts_as_documented(way, rows):
    copy_model, goes_on = COPIES_OF_STATEFUL_MODELS[way]
    x, y = np.split(integer_inputs(2 * rows), 2)
    with layer_call():
        model = stateful_model_with_weights(rows)
        expected = expected_after(model, *[x] * goes_on, y)
        model(x)
        outputs = np.asarray(copy_model(model)(y))
    assert_same("outputs of the copy", outputs, expected)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("form", CONSTANT_STATES)
@example(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`. The value of `initial_state` should be a tensor or list of tensors "
    "representing the initial state of the RNN layer.",
    needs={"initial_state"},
)
def test_functional_model_starts_from_constant_states(form, rows):
    x, state = integer_inputs(rows), np.full((rows, 4), 0.5, np.float32)
    with layer_call():
        model = constant_state_model(CONSTANT_STATES[form], state)
        outputs, predicted = np.asarray(model(x)), model.predict(x, batch_size=rows, verbose=0)
    expected = expected_after(model, x, state=state)
    assert_same("outputs", outputs, expected)
    assert_same("outputs of predict", predicted, expected)
