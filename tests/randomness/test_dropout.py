"""Dropout: when inputs and states are dropped, and the distribution of the masks."""

import itertools

import numpy as np

from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, UNROLL, UNROLL_FUNCTION, XLA
from tests.harness.probes import dropout_masks
from tests.harness.probes.dropout_masks import DROPOUT_NEEDS, FEATURES, ROWS, STEPS, Masks, P, Q
from tests.harness.properties.statistical import statistical
from tests.harness.target.releases import tf

DROPOUT_PATHS = (EAGER, DYNAMIC_SHAPE, UNROLL, UNROLL_FUNCTION, XLA)
CALLS = 8  # enough draws to distinguish rates that differ by 0.02
RATES = {"dropout": P, "recurrent_dropout": Q}
HIGH_RATES = {"dropout": 0.9, "recurrent_dropout": 0.8}
LARGE = 100  # features; three times as many units
EQUAL_RATES = {"dropout": P, "recurrent_dropout": P}  # if the rates need not be distinguished

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


@statistical(
    "SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", paths=DROPOUT_PATHS, needs=DROPOUT_NEEDS
)
def test_each_rate_is_the_dropped_fraction(evidence, path):
    kept = [dropout_masks.training_masks(path).kept() for _ in range(CALLS)]
    evidence.check_probability("inputs dropped", [~k.input for k in kept], P)
    evidence.check_probability("states dropped", [~k.recurrent for k in kept], Q)


@statistical("SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", needs=DROPOUT_NEEDS)
def test_extreme_rates_are_the_dropped_fraction(evidence, path):
    for p, q in ((0.002, 0.998), (0.998, 0.002)):
        kept = dropout_masks.training_masks(path, p, q).kept()
        evidence.check_probability("inputs dropped", ~kept.input, p)
        evidence.check_probability("states dropped", ~kept.recurrent, q)


@statistical("SimpleRNN", DROPOUT, paths=(EAGER, DYNAMIC_SHAPE), needs=DROPOUT_NEEDS)
def test_a_rate_of_zero_drops_nothing(evidence, path):
    inputs_kept, states_kept = (
        dropout_masks.training_masks(path, 0.0, Q),
        dropout_masks.training_masks(path, P, 0.0),
    )
    evidence.check_equal("inputs", inputs_kept.input, dropout_masks.undropped_mask())
    evidence.check_equal("states", states_kept.recurrent, dropout_masks.undropped_mask())


@statistical("SimpleRNN", DROPOUT, paths=(EAGER, DYNAMIC_SHAPE), needs=DROPOUT_NEEDS)
def test_a_rate_of_one_drops_everything(evidence, path):
    for what, mask in dropout_masks.training_masks(path, 1.0, 1.0).named():
        evidence.check_equal(what, mask, np.zeros((ROWS, STEPS, FEATURES)))


@statistical(
    "Dropout",
    "Inputs not set to 0 are scaled up by `1 / (1 - rate)` such that the sum over all inputs is "
    "unchanged.",
    paths=DROPOUT_PATHS,
    needs=DROPOUT_NEEDS,
)
def test_kept_values_are_scaled_and_bias_unchanged(evidence, path):
    for rates in (RATES, HIGH_RATES):
        outputs = dropout_masks.probe_outputs(path, **rates)
        masks = Masks.of(outputs)
        evidence.check_scale("inputs", masks.input[masks.input != 0], rates["dropout"])
        evidence.check_scale(
            "states", masks.recurrent[masks.recurrent != 0], rates["recurrent_dropout"]
        )
        evidence.check_equal("bias", outputs[:, :, :FEATURES], dropout_masks.undropped_mask())


@statistical("DropoutRNNCell", ONE_BATCH, paths=DROPOUT_PATHS, needs=DROPOUT_NEEDS)
def test_one_mask_is_used_at_every_step(evidence, path):
    large = dropout_masks.training_masks(
        path, features=LARGE, given=dropout_masks.probe_arguments(8, features=LARGE)
    )
    for what, mask in (*dropout_masks.training_masks(path).named(), *large.named()):
        evidence.check_equal(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))


@statistical("DropoutRNNCell", ONE_BATCH, paths=(EAGER, UNROLL), needs=DROPOUT_NEEDS | {"mask"})
def test_the_mask_stays_the_same_over_masked_steps(evidence, path):
    live = tf.constant([dropout_masks.STEP_MASK] * ROWS)
    masks = dropout_masks.training_masks(
        path, given={**dropout_masks.probe_arguments(), "mask": live}
    )
    for what, mask in masks.named():
        evidence.check_equal(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))


@statistical("DropoutRNNCell", ONE_BATCH, paths=DROPOUT_PATHS, needs=DROPOUT_NEEDS)
def test_each_call_draws_new_masks(evidence, path):
    first, second = (dropout_masks.training_masks(path, **EQUAL_RATES).kept() for _ in range(2))
    evidence.check_independence("inputs kept in two calls", first.input, second.input, P)
    evidence.check_independence("states kept in two calls", first.recurrent, second.recurrent, P)


@statistical("DropoutRNNCell", ONE_BATCH, paths=(EAGER, DYNAMIC_SHAPE, UNROLL), needs=DROPOUT_NEEDS)
def test_another_batch_size_draws_new_masks(evidence, path):
    few, many = (
        dropout_masks.training_masks(
            path, given=dropout_masks.probe_arguments(batch=rows), **EQUAL_RATES
        ).kept()
        for rows in (ROWS, 2 * ROWS)
    )
    evidence.check_independence("inputs kept", few.input, many.input[:ROWS], P)
    evidence.check_independence("states kept", few.recurrent, many.recurrent[:ROWS], P)


@statistical(
    "SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", paths=DROPOUT_PATHS, needs=DROPOUT_NEEDS
)
def test_rows_and_units_are_dropped_independently(evidence, path):
    kept = dropout_masks.training_masks(path, **EQUAL_RATES).kept()
    evidence.check_independent_entries("inputs", kept.input, P)
    evidence.check_independent_entries("states", kept.recurrent, P)


@statistical(
    "SimpleRNN", f"{DROPOUT} {RECURRENT_DROPOUT}", paths=(EAGER, DYNAMIC_SHAPE), needs=DROPOUT_NEEDS
)
def test_inputs_and_states_are_dropped_independently(evidence, path):
    kept = dropout_masks.training_masks(path, **EQUAL_RATES).kept()
    evidence.check_independence("inputs and states kept", kept.input, kept.recurrent, P)
    evidence.check_independence(
        "as many inputs as states", *dropout_masks.kept_with_equal_sizes(), 0.5
    )


@statistical(
    "DropoutRNNCell", ONE_BATCH, paths=(EAGER, DYNAMIC_SHAPE), needs=DROPOUT_NEEDS | {"cell"}
)
def test_each_stacked_cell_uses_one_dropout_mask(evidence, path):
    for place in (0, 1):
        (masks,) = dropout_masks.stacked_cell_masks(path, place)
        for what, mask in masks.named():
            evidence.check_equal(f"{what} of cell {place}", mask[:, 1:], mask[:, :-1])


@statistical(
    "DropoutRNNCell", ONE_BATCH, paths=(EAGER, DYNAMIC_SHAPE), needs=DROPOUT_NEEDS | {"cell"}
)
def test_stacked_cells_draw_new_masks_each_call(evidence, path):
    for place in (0, 1):
        first, second = (m.kept() for m in dropout_masks.stacked_cell_masks(path, place, calls=2))
        evidence.check_independence(f"inputs of cell {place} kept", first.input, second.input, P)
        evidence.check_independence(
            f"states of cell {place} kept", first.recurrent, second.recurrent, P
        )


@statistical(
    "SimpleRNN",
    TRAINING,
    paths=(EAGER, DYNAMIC_SHAPE, UNROLL, UNROLL_FUNCTION),
    needs=DROPOUT_NEEDS,
)
def test_training_drops_under_any_other_options(evidence, path):
    for other, kept in dropout_masks.masks_with_other_options(path):
        evidence.check_probability(f"inputs dropped {other}", ~kept.input, P)
        evidence.check_probability(f"states dropped {other}", ~kept.recurrent, P)


@statistical("DropoutRNNCell", ONE_BATCH, paths=(EAGER, UNROLL), needs=DROPOUT_NEEDS)
def test_each_call_draws_new_masks_under_any_options(evidence, path):
    for other, first, second in dropout_masks.masks_with_other_options(path, calls=2):
        evidence.check_independence(f"inputs kept {other}", first.input, second.input, P)
        evidence.check_independence(f"states kept {other}", first.recurrent, second.recurrent, P)


@statistical("SimpleRNN", TRAINING, paths=(EAGER, DYNAMIC_SHAPE, UNROLL), needs=DROPOUT_NEEDS)
def test_nothing_is_dropped_in_inference(evidence, path):
    for training, rates in itertools.product((False, None), (RATES, HIGH_RATES)):
        masks = Masks.of(dropout_masks.probe_outputs(path, training=training, **rates))
        for what, mask in masks.named():
            evidence.check_equal(what, mask, dropout_masks.undropped_mask())


@statistical("SimpleRNN", TRAINING, needs=DROPOUT_NEEDS)
def test_training_call_does_not_affect_next_inference(evidence, path):
    for what, mask in dropout_masks.masks_after_training(**RATES).named():
        evidence.check_equal(what, mask, dropout_masks.undropped_mask())


@statistical("Bidirectional", BACKWARD, needs=DROPOUT_NEEDS | {"go_backwards"})
def test_both_directions_drop_independently(evidence, path):
    evidence.check_independence("inputs kept", *dropout_masks.kept_in_both_directions(P), P)


@statistical("SimpleRNNCell", TRAINING, needs=DROPOUT_NEEDS | {"cell"})
def test_cell_without_training_argument_drops_nothing(evidence, path):
    for what, mask in dropout_masks.masks_of_cell_loop(**RATES).named():
        evidence.check_equal(what, mask, dropout_masks.undropped_mask())


@statistical("SimpleRNN", DROPOUT, paths=(EAGER, DYNAMIC_SHAPE, UNROLL), needs=DROPOUT_NEEDS)
def test_gradients_use_the_masks_of_the_run(evidence, path):
    outputs, by_input, by_state = dropout_masks.probe_outputs(
        path, around=dropout_masks.with_gradients, **RATES
    )
    masks = Masks.of(outputs)
    evidence.check_equal("gradient by the inputs", by_input, masks.input)
    evidence.check_equal("gradient by the state", by_state[:, :FEATURES], masks.recurrent[:, 0])


@statistical(
    "SimpleRNN", "return_state: ... the last state in addition to the output.", needs=DROPOUT_NEEDS
)
def test_last_output_is_the_state_in_training(evidence, path):
    outputs, state = dropout_masks.probe_outputs(path, return_state=True, **RATES)
    evidence.check_equal("state", state, outputs[:, -1])


@statistical("SimpleRNN", TRAINING, needs=DROPOUT_NEEDS)
def test_model_drops_only_in_training(evidence, path):
    inputs_kept, states_kept, predicted, evaluated = dropout_masks.one_training_step(
        features=400, **EQUAL_RATES
    )
    undropped = dropout_masks.undropped_predictions(features=400)
    evidence.check_probability("inputs dropped in training", ~inputs_kept, P)
    evidence.check_probability("states dropped in training", ~states_kept, P)
    evidence.check_equal("predicted", predicted, undropped)
    evidence.check_equal("evaluated", np.array([evaluated]), np.array([-np.sum(undropped)]))


@statistical("DropoutRNNCell", ONE_BATCH, needs=DROPOUT_NEEDS | {"cell"})
def test_retraced_cell_drops_again(evidence, path):
    for masks in dropout_masks.masks_of_retraced_cell(**EQUAL_RATES):
        evidence.check_probability("inputs dropped", ~masks.kept().input, P)
        evidence.check_probability("states dropped", ~masks.kept().recurrent, P)


@statistical("DropoutRNNCell", ONE_BATCH, needs=DROPOUT_NEEDS)
def test_failed_call_does_not_keep_its_mask(evidence, path):
    failed, after = dropout_masks.masks_after_failure(**EQUAL_RATES)
    evidence.check_independence("inputs kept", failed.kept().input, after.kept().input, P)
    evidence.check_independence("states kept", failed.kept().recurrent, after.kept().recurrent, P)


@statistical("DropoutRNNCell", ONE_BATCH, needs=DROPOUT_NEEDS)
def test_each_thread_has_its_own_masks(evidence, path):
    outer, inner = dropout_masks.masks_in_two_threads(**EQUAL_RATES)
    for what, mask in outer.named():
        evidence.check_equal(what, mask, np.repeat(mask[:, :1], STEPS, axis=1))
    evidence.check_independence("inputs kept", outer.kept().input, inner.kept().input, P)
    evidence.check_independence("states kept", outer.kept().recurrent, inner.kept().recurrent, P)
