"""Faults of stateful models, of TimeDistributed, and of transformed layers."""

from functools import partial

from tests.harness.target.releases import KERAS_2, tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults import models_and_masks as faults_around
from tests.selftest.faults.layer import Fault, FaultyRNN, SimpleRNN
from tests.selftest.faults.models_and_masks import RNN, Bidirectional, of_few_digits

STATE_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=STATE_FAULTS)
planted = partial(faults_around.plant_in_attribute, among=STATE_FAULTS)
TimeDistributed = tf.keras.layers.TimeDistributed

SERVED = "served_pieces_equal_the_whole_sequence"
TRAINS = "stateful_model_trains_from_any_source"
RESET = "reset_layer_equals_a_new_one"
COPIED = "copied_stateful_model_starts_as_documented"
CONSTANT = "functional_model_starts_from_constant_states"
DIRECTIONS = "stateful_directions_match_the_reference"
WRONG_STATES = "wrapper_rejects_states_of_wrong_form"
SLICES = "each_slice_equals_the_layer_result"
ROUNDED_SLICES = "slices_are_within_rounding"
MIXED_SLICES = "slices_follow_a_mixed_policy"
MASKED_SLICES = "slices_receive_a_mask_made_inside"
BEHIND = "layer_behind_time_distributed_is_exact"
TRANSFORMED = "transformed_layer_is_exact"
GRADIENTS = "transformed_gradients_are_exact"


def clear(states) -> None:
    """Set the states that there are to zero."""
    for state in tf.nest.flatten(states or []):
        if state is not None:
            state.assign(tf.zeros_like(tf.convert_to_tensor(state)))


@fault(
    "a stateful layer of one row starts each call from zero",
    SERVED,
    TRAINS,
    COPIED,
    "stateful_layer_carries_the_state_over",
    against="SimpleRNN: stateful: If `True`",
)
class ForgetsStateOfOneRow(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if self.stateful and sequences.shape[0] == 1 and initial_state is None:
            clear(self.states)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


def reset_to_ones(right):
    def reset(self, *given):
        right(self, *given)
        for state in tf.nest.flatten(self.states):
            state.assign(tf.ones_like(tf.convert_to_tensor(state)))

    return reset


planted("a reset sets the state to ones", RNN, faults_around.RESET, RESET)(reset_to_ones)


@fault("an initial state that is no input of a model is forgotten", CONSTANT)
class ForgetsConstantStates(SimpleRNN):
    def __call__(self, inputs, initial_state=None, **more):
        if not all(tf.keras.backend.is_keras_tensor(s) for s in tf.nest.flatten(initial_state)):
            initial_state = None
        return super().__call__(inputs, initial_state=initial_state, **more)


@planted("the backward layer starts each call from zero", Bidirectional, "call", DIRECTIONS)
def backward_layer_starts_anew(right):
    def call(self, sequences, *args, **more):
        if self.stateful:
            clear(self.backward_layer.states)
        return right(self, sequences, *args, **more)

    return call


@planted(
    "Bidirectional repeats or drops initial states until there are two",
    Bidirectional,
    "call",
    WRONG_STATES,
    keras=">=3.0",
)
def accepts_any_number_of_states(right):
    def call(self, sequences, initial_state=None, **more):
        if initial_state is not None:
            initial_state = (2 * list(initial_state))[:2]
        return right(self, sequences, initial_state=initial_state, **more)

    return call


@planted(
    "each slice is taken for the first one",
    TimeDistributed,
    "call",
    SLICES,
    ROUNDED_SLICES,
    MIXED_SLICES,
    BEHIND,
    against=(
        "TimeDistributed: This wrapper allows",
        "TimeDistributed: You can then use",
        "TimeDistributed: Every input should be",
        "TimeDistributed: inputs: Input tensor",
    ),
)
def repeats_the_first_slice(right):
    def call(self, inputs, *args, **more):
        first = tf.repeat(inputs[:, :1], tf.shape(inputs)[1], axis=1)
        return right(self, tf.ensure_shape(first, inputs.shape), *args, **more)

    return call


@planted(
    "what is wrapped gets inputs with the digits of bfloat16",
    TimeDistributed,
    "call",
    ROUNDED_SLICES,
)
def slices_rounded_to_bfloat16(right):
    return lambda self, inputs, *args, **more: right(self, of_few_digits(inputs), *args, **more)


@planted(
    "the weights change from slice to slice",
    TimeDistributed,
    "call",
    SLICES,
    against="TimeDistributed: Because `TimeDistributed` applies",
)
def weights_change_by_slice(right):
    def call(self, inputs, *args, **more):
        outputs = right(self, inputs, *args, **more)
        sign = 1 - 2 * (tf.range(tf.shape(inputs)[1]) % 2)
        shape = [1, -1, *[1] * (outputs.shape.rank - 2)]
        return outputs * tf.cast(tf.reshape(sign, shape), outputs.dtype)

    return call


@planted(
    "a mask is not handed to what is wrapped",
    TimeDistributed,
    "call",
    SLICES,
    against="TimeDistributed: mask: This argument is passed",
)
def mask_not_passed_to_wrapped(right):
    def call(self, inputs, training=None, mask=None):
        return right(self, inputs, training=training)

    return call


if KERAS_2:

    @planted(
        "TimeDistributed makes no mask",
        TimeDistributed,
        "compute_mask",
        MASKED_SLICES,
        against="Embedding: mask_zero: Boolean",
    )
    def makes_no_mask(right):
        return lambda self, *args, **more: None


@fault("a batch of one row gives minus its outputs", TRANSFORMED, GRADIENTS)
class NegatesOneRow(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        sign = -1 if inputs.shape[0] == 1 else 1
        return tf.nest.map_structure(lambda part: sign * part, right(inputs))


@fault(
    "no gradient leaves a compiled function",
    GRADIENTS,
)
class StopsGradientsInFunctions(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        traced = not tf.executing_eagerly()
        return right(tf.stop_gradient(inputs) if traced else inputs)
