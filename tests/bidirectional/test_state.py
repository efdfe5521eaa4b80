"""The states of wrappers: carried over by both directions, and rejected in a wrong form."""

import pytest

from tests.harness.cases.plans import UNIT_MAGNITUDE
from tests.harness.paths.bidirectional import (
    BIDIRECTIONAL_NEEDS,
    STATEFUL_DIRECTIONS,
    expected_in_two_calls,
    make_bidirectional,
)
from tests.harness.paths.stacked_cells import make_stacked
from tests.harness.probes.wrappers import CLIPPED, SEQUENCE, assert_same_parts, for_sequence
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import tf


@generated(
    "Bidirectional",
    "backward_layer: ... it should have the same values for `stateful`",
    choices={
        **CLIPPED,
        **UNIT_MAGNITUDE,
        "batch": (1, 2, 3),
        "time": (3, 2, 4),
        "mask": (None, "random"),
        "large": (None,),
    },
    integers=True,
    paths=STATEFUL_DIRECTIONS,
    needs=BIDIRECTIONAL_NEEDS,
    case_cost=3,
)
def test_stateful_directions_match_the_reference(case, path):
    made = path.layer(case, return_sequences=True)
    assert_same_parts(path.results(case, made), expected_in_two_calls(case))


WRAPPERS = {
    "bidirectional": lambda: make_bidirectional(for_sequence(), "concat"),
    "stacked-cells": lambda: make_stacked(for_sequence()),
}
STATE = tf.ones((2, 3))
WRONG_STATES = {
    "too few": [STATE],
    "too many": [STATE] * 3,
    "none": [],
    "other units": [tf.ones((2, 4))] * 2,
    "other rows": [tf.ones((3, 3))] * 2,
    "one tensor": STATE,
}
"""What is no state of two layers or cells of 3 units, for 2 rows."""


@pytest.mark.parametrize("wrong", WRONG_STATES)
@pytest.mark.parametrize("wrapper", WRAPPERS)
@example(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    needs=BIDIRECTIONAL_NEEDS | {"cell", "initial_state"},
)
def test_wrapper_rejects_states_of_wrong_form(wrapper, wrong):
    with layer_call():
        made = WRAPPERS[wrapper]()
    assert_rejected(
        f"{wrong} of {wrapper}", lambda: made(SEQUENCE, initial_state=WRONG_STATES[wrong])
    )
