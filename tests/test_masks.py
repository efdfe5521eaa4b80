"""Masked steps are ignored, whatever stands in them."""

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases import replace
from tests.harness.compare import assert_same
from tests.harness.drawing import ALWAYS_MASKED, EXACT, NEVER_MASKED
from tests.harness.properties import promise

MASK = (
    "mask: Binary tensor of shape `[batch, timesteps]` indicating whether a given timestep should "
    "be masked. An individual `True` entry indicates that the corresponding timestep should be "
    "utilized, while a `False` entry indicates that the corresponding timestep should be ignored."
)


@promise(
    "SimpleRNN",
    MASK,
    choices=ALWAYS_MASKED,
    needs={"mask"},
    value=st.sampled_from((0.0, 1e4, -np.inf, np.nan)),
)
def test_what_stands_in_a_masked_step_changes_nothing(case, path, value):
    changed, run = path.run(case.with_inputs(~case.mask, value)), path.run(case)
    assert_same("outputs", changed.outputs, run.outputs)
    assert_same("state", changed.state, run.state)


@promise("SimpleRNN", MASK, choices={**NEVER_MASKED, **EXACT}, integers=True, needs={"mask"})
def test_a_mask_of_true_entries_masks_nothing(case, path):
    everything = replace(case, mask=np.ones((case.batch, case.time)))
    masked, plain = path.run(everything), path.run(case)
    assert_same("outputs", masked.outputs, plain.outputs)
    assert_same("state", masked.state, plain.state)
