"""Dropout: which of the inputs and states are dropped, when, and by what law."""

import itertools

import numpy as np

from tests.harness import probes
from tests.harness.laws import law
from tests.harness.paths import EAGER, UNKNOWN, UNROLL, UNROLL_FUNCTION, XLA
from tests.harness.probes import BOTH, FEATURES, ROWS, STEPS, Masks, P, Q
from tests.harness.releases import tf

ON = (EAGER, UNKNOWN, UNROLL, UNROLL_FUNCTION, XLA)
CALLS = 8  # enough draws to tell rates apart that are 0.02 from each other
RATES = {"dropout": P, "recurrent_dropout": Q}
MOST = {"dropout": 0.9, "recurrent_dropout": 0.8}
LARGE = 100  # features; three times as many units
EQUAL = {"dropout": P, "recurrent_dropout": P}  # where it does not matter which rate is which

DROPOUT = (
    "dropout: Float between 0 and 1. Fraction of the units to drop for the linear transformation "
    "of the inputs."
)
RECURRENT_DROPOUT = (
    "recurrent_dropout: Float between 0 and 1. Fraction of the units to drop for the linear "
    "transformation of the recurrent state."
)
TRAINING = (
    "training: Python boolean indicating whether the layer should behave in training mode or in "
    "inference mode. ... This is only relevant if `dropout` or `recurrent_dropout` is used."
)
BACKWARD = (
    "backward_layer: If `backward_layer` is not provided, the layer instance passed as the `layer` "
    "argument will be used to generate the backward layer automatically."
)
ONE_BATCH = (
    "The mask should be cached across all timestep within the same batch, but shouldn't be cached "
    "between batches."
)


@law("SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", on=ON, needs=BOTH)
def test_each_rate_is_the_fraction_that_is_dropped(evidence, path):
    kept = [probes.masks(path).kept() for _ in range(CALLS)]
    evidence.happens("inputs dropped", [~k.input for k in kept], P)
    evidence.happens("states dropped", [~k.recurrent for k in kept], Q)


@law("SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", needs=BOTH)
def test_a_rate_near_zero_or_one_is_the_fraction_that_is_dropped(evidence, path):
    for p, q in ((0.002, 0.998), (0.998, 0.002)):
        kept = probes.masks(path, p, q).kept()
        evidence.happens("inputs dropped", ~kept.input, p)
        evidence.happens("states dropped", ~kept.recurrent, q)


@law("SimpleRNN", DROPOUT, on=(EAGER, UNKNOWN), needs=BOTH)
def test_a_rate_of_zero_drops_nothing(evidence, path):
    inputs_kept, states_kept = probes.masks(path, 0.0, Q), probes.masks(path, P, 0.0)
    evidence.same("inputs", inputs_kept.input, probes.ones())
    evidence.same("states", states_kept.recurrent, probes.ones())


@law("SimpleRNN", DROPOUT, on=(EAGER, UNKNOWN), needs=BOTH)
def test_a_rate_of_one_drops_everything(evidence, path):
    for what, mask in probes.masks(path, 1.0, 1.0).named():
        evidence.same(what, mask, np.zeros((ROWS, STEPS, FEATURES)))


@law(
    "Dropout",
    "Inputs not set to 0 are scaled up by `1 / (1 - rate)` such that the sum over all inputs is "
    "unchanged.",
    on=ON,
    needs=BOTH,
)
def test_what_is_kept_is_scaled_and_nothing_else_is_changed(evidence, path):
    for rates in (RATES, MOST):
        outputs = probes.outputs(path, **rates)
        masks = Masks.of(outputs)
        evidence.scaled("inputs", masks.input[masks.input != 0], rates["dropout"])
        evidence.scaled("states", masks.recurrent[masks.recurrent != 0], rates["recurrent_dropout"])
        evidence.same("bias", outputs[:, :, :FEATURES], probes.ones())


@law("DropoutRNNCell", ONE_BATCH, on=ON, needs=BOTH)
def test_one_mask_is_used_at_every_step(evidence, path):
    large = probes.masks(path, features=LARGE, given=probes.arguments(8, features=LARGE))
    for what, mask in (*probes.masks(path).named(), *large.named()):
        evidence.same(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))


@law("DropoutRNNCell", ONE_BATCH, on=(EAGER, UNROLL), needs=BOTH | {"mask"})
def test_the_mask_stays_the_same_over_masked_steps(evidence, path):
    live = tf.constant([probes.LIVE] * ROWS)
    masks = probes.masks(path, given={**probes.arguments(), "mask": live})
    for what, mask in masks.named():
        evidence.same(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))


@law("DropoutRNNCell", ONE_BATCH, on=ON, needs=BOTH)
def test_each_call_draws_new_masks(evidence, path):
    first, second = (probes.masks(path, **EQUAL).kept() for _ in range(2))
    evidence.independent("inputs kept in two calls", first.input, second.input, P)
    evidence.independent("states kept in two calls", first.recurrent, second.recurrent, P)


@law("DropoutRNNCell", ONE_BATCH, on=(EAGER, UNKNOWN, UNROLL), needs=BOTH)
def test_no_mask_is_carried_into_a_batch_of_another_size(evidence, path):
    few, many = (
        probes.masks(path, given=probes.arguments(batch=rows), **EQUAL).kept()
        for rows in (ROWS, 2 * ROWS)
    )
    evidence.independent("inputs kept", few.input, many.input[:ROWS], P)
    evidence.independent("states kept", few.recurrent, many.recurrent[:ROWS], P)


@law("SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", on=ON, needs=BOTH)
def test_rows_and_units_are_dropped_independently(evidence, path):
    kept = probes.masks(path, **EQUAL).kept()
    evidence.entries_are_independent("inputs", kept.input, P)
    evidence.entries_are_independent("states", kept.recurrent, P)


@law("SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", on=(EAGER, UNKNOWN), needs=BOTH)
def test_inputs_and_states_are_dropped_independently(evidence, path):
    kept = probes.masks(path, **EQUAL).kept()
    evidence.independent("inputs and states kept", kept.input, kept.recurrent, P)
    evidence.independent("as many inputs as states", *probes.kept_of_equal_sizes(), 0.5)


@law("DropoutRNNCell", ONE_BATCH, on=(EAGER, UNKNOWN), needs=BOTH | {"cell"})
def test_each_of_the_stacked_cells_uses_one_mask_at_every_step(evidence, path):
    for place in (0, 1):
        (masks,) = probes.of_stacked_cells(path, place)
        for what, mask in masks.named():
            evidence.same(f"{what} of cell {place}", mask[:, 1:], mask[:, :-1])


@law("DropoutRNNCell", ONE_BATCH, on=(EAGER, UNKNOWN), needs=BOTH | {"cell"})
def test_each_call_draws_new_masks_for_each_of_the_stacked_cells(evidence, path):
    for place in (0, 1):
        first, second = (m.kept() for m in probes.of_stacked_cells(path, place, calls=2))
        evidence.independent(f"inputs of cell {place} kept", first.input, second.input, P)
        evidence.independent(f"states of cell {place} kept", first.recurrent, second.recurrent, P)


@law("SimpleRNN", TRAINING, on=(EAGER, UNKNOWN, UNROLL, UNROLL_FUNCTION), needs=BOTH)
def test_training_drops_whatever_the_other_options_are(evidence, path):
    for other, kept in probes.with_other_options(path):
        evidence.happens(f"inputs dropped {other}", ~kept.input, P)
        evidence.happens(f"states dropped {other}", ~kept.recurrent, P)


@law("DropoutRNNCell", ONE_BATCH, on=(EAGER, UNROLL), needs=BOTH)
def test_each_call_draws_new_masks_whatever_the_other_options_are(evidence, path):
    for other, first, second in probes.with_other_options(path, calls=2):
        evidence.independent(f"inputs kept {other}", first.input, second.input, P)
        evidence.independent(f"states kept {other}", first.recurrent, second.recurrent, P)


@law("SimpleRNN", TRAINING, on=(EAGER, UNKNOWN, UNROLL), needs=BOTH)
def test_nothing_is_dropped_in_inference(evidence, path):
    for training, rates in itertools.product((False, None), (RATES, MOST)):
        masks = Masks.of(probes.outputs(path, training=training, **rates))
        for what, mask in masks.named():
            evidence.same(what, mask, probes.ones())


@law("SimpleRNN", TRAINING, needs=BOTH)
def test_a_call_in_training_leaves_the_next_one_in_inference(evidence, path):
    for what, mask in probes.after_training(**RATES).named():
        evidence.same(what, mask, probes.ones())


@law("Bidirectional", BACKWARD, needs=BOTH | {"go_backwards"})
def test_both_directions_drop_independently(evidence, path):
    evidence.independent("inputs kept", *probes.kept_in_both_directions(P), P)


@law("SimpleRNNCell", TRAINING, needs=BOTH | {"cell"})
def test_a_cell_called_by_itself_drops_nothing_unless_it_trains(evidence, path):
    for what, mask in probes.masks_of_a_cell_by_itself(**RATES).named():
        evidence.same(what, mask, probes.ones())


@law("SimpleRNN", DROPOUT, on=(EAGER, UNKNOWN, UNROLL), needs=BOTH)
def test_gradients_use_the_masks_of_the_run(evidence, path):
    outputs, by_input, by_state = probes.outputs(path, around=probes.with_gradients, **RATES)
    masks = Masks.of(outputs)
    evidence.same("gradient by the inputs", by_input, masks.input)
    evidence.same("gradient by the state", by_state[:, :FEATURES], masks.recurrent[:, 0])


@law("SimpleRNN", "return_state: ... the last state in addition to the output.", needs=BOTH)
def test_the_last_output_is_the_state_in_training_too(evidence, path):
    outputs, state = probes.outputs(path, return_state=True, **RATES)
    evidence.same("state", state, outputs[:, -1])


@law("SimpleRNN", TRAINING, needs=BOTH)
def test_a_model_drops_when_it_trains_and_not_when_it_predicts(evidence, path):
    inputs_kept, states_kept, predicted, evaluated = probes.trained(features=400, **EQUAL)
    right = probes.predicted(features=400)
    evidence.happens("inputs dropped in training", ~inputs_kept, P)
    evidence.happens("states dropped in training", ~states_kept, P)
    evidence.same("predicted", predicted, right)
    evidence.same("evaluated", np.array([evaluated]), np.array([-np.sum(right)]))


@law("DropoutRNNCell", ONE_BATCH, needs=BOTH | {"cell"})
def test_a_cell_that_is_traced_again_drops_again(evidence, path):
    for masks in probes.of_a_cell_traced_twice(**EQUAL):
        evidence.happens("inputs dropped", ~masks.kept().input, P)
        evidence.happens("states dropped", ~masks.kept().recurrent, P)


@law("DropoutRNNCell", ONE_BATCH, needs=BOTH)
def test_a_call_that_fails_leaves_no_mask_to_the_next(evidence, path):
    failed, after = probes.after_a_failure(**EQUAL)
    evidence.independent("inputs kept", failed.kept().input, after.kept().input, P)
    evidence.independent("states kept", failed.kept().recurrent, after.kept().recurrent, P)


@law("DropoutRNNCell", ONE_BATCH, needs=BOTH)
def test_a_call_in_another_thread_has_masks_of_its_own(evidence, path):
    outer, inner = probes.in_two_threads(**EQUAL)
    for what, mask in outer.named():
        evidence.same(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))
    evidence.independent("inputs kept", outer.kept().input, inner.kept().input, P)
    evidence.independent("states kept", outer.kept().recurrent, inner.kept().recurrent, P)
