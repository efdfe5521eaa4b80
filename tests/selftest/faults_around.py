"""Deliberate faults of what is around the layer: RNN, Bidirectional, stacked cells, initializers.

The layer is TensorFlow's own while one of these is planted in another class of its Keras.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from unittest import mock

from tests.harness.layer import DEFAULT
from tests.harness.releases import KERAS_2, tf
from tests.selftest import faults
from tests.selftest.faults import Fault, SimpleRNN, Without

RNN, Bidirectional = tf.keras.layers.RNN, tf.keras.layers.Bidirectional
StackedRNNCells = tf.keras.layers.StackedRNNCells
SimpleRNNCell = tf.keras.layers.SimpleRNNCell
RESET = "reset_states" if KERAS_2 else "reset_state"

FAULTS_AROUND: list[Fault] = []
fault = partial(faults.fault, among=FAULTS_AROUND)


def planted(what: str, where, name: str, *breaks: str, against=(), keras="", among=FAULTS_AROUND):
    """Register a function of (right, ...) that is to take the place of an attribute `right`.

    breaks: the properties that must fail, without the `test_`. against, keras: as in Fault.
    """

    def register(wrong: Callable) -> Callable:
        right = inspect.getattr_static(where, name)

        def plant() -> AbstractContextManager:
            return mock.patch.object(where, name, wrong(right))

        tests = tuple(f"test_{b}" for b in breaks)
        among.append(
            Fault(what, DEFAULT, tests, plant, wrong.__name__, faults.each(against), keras)
        )
        return wrong

    return register


@planted(
    "a cell without an initial state starts from ones",
    RNN,
    "get_initial_state",
    "a_cell_of_ones_own_is_run_as_the_layers_is",
    against=(
        "RNN: cell: For backward compatibility, if this method is not implemented",
        "RNN: cell: If this method is not implemented",
        "RNN: cell: A RNN cell instance",
    ),
)
def starts_from_ones(right):
    def get_initial_state(self, *args, **more):
        states = right(self, *args, **more)
        known = hasattr(self.cell, "get_initial_state")
        return states if known else tf.nest.map_structure(tf.ones_like, states)

    return get_initial_state


@planted(
    "the shapes of two states are exchanged",
    RNN,
    "compute_output_shape",
    "shapes_are_computed_for_a_cell_of_any_kind",
)
def exchanged_shapes(right):
    def compute_output_shape(self, *args, **more):
        shapes = right(self, *args, **more)
        return [shapes[0], *reversed(shapes[1:])] if self.return_state else shapes

    return compute_output_shape


@planted(
    "a number of inputs or outputs is taken to be two at least",
    tf.keras.initializers.VarianceScaling,
    "__call__",
    "one_input_or_one_output_is_a_number_of_them_like_others",
)
def two_at_least(right):
    def call(self, shape, *args, **more):
        one = {"fan_in": shape[0], "fan_out": shape[-1]}.get(self.mode) == 1
        drawn = right(self, shape, *args, **more)
        return drawn / tf.cast(2.0, drawn.dtype) ** 0.5 if one else drawn

    return call


@planted(
    "an RNN of a cell is unrolled by default",
    RNN,
    "__init__",
    "documented_defaults_are_those_of_an_rnn_of_a_cell",
)
def unrolled_by_default(right):
    def __init__(self, cell, unroll=True, **more):
        right(self, cell, unroll=unroll, **more)

    return __init__


@planted(
    "the configuration of an RNN lacks unroll",
    RNN,
    "get_config",
    "an_argument_of_an_rnn_of_a_cell_is_kept",
)
def config_without_unroll(right):
    def get_config(self):
        return {k: v for k, v in right(self).items() if k != "unroll"}

    return get_config


@planted(
    "a cell starts from a state of float32",
    SimpleRNNCell,
    "get_initial_state",
    "the_initial_state_of_a_cell_is_zero_in_its_dtype",
)
def starts_in_float32(right):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(lambda s: tf.cast(s, "float32"), right(self, *args, **more))

    return get_initial_state


@planted(
    "both directions drop the same",
    Bidirectional,
    "__init__",
    "both_directions_drop_independently",
)
def drops_twice_the_same(right):
    def __init__(self, *args, **more):
        right(self, *args, **more)
        seed = self.forward_layer.cell.seed_generator.state
        self.backward_layer.cell.seed_generator.state.assign(seed)

    return __init__


@planted(
    "the cell calls its states by another name",
    SimpleRNNCell,
    "call",
    "call_arguments_have_the_names_of_the_documentation",
)
def states_by_another_name(right):
    def call(self, sequence, previous, training=False):
        return right(self, sequence, previous, training=training)

    return call


@planted(
    "a Sequential model forgets the masks of its layers",
    tf.keras.Sequential,
    "call",
    "a_mask_reaches_a_layer_in_a_model",
)
def forgetful_model(right):
    def call(self, inputs, training=None, mask=None):
        for layer in self.layers:
            inputs = tf.identity(layer(inputs, **({"mask": mask} if mask is not None else {})))
            mask = None
        return inputs

    return call


@planted(
    "a Sequential model forgets the mask that it is given",
    tf.keras.Sequential,
    "call",
    "a_mask_given_to_a_model_reaches_its_first_layer",
)
def model_without_its_mask(right):
    def call(self, inputs, training=None, mask=None):
        return right(self, inputs, training=training)

    return call


@planted(
    "in a graph, Bidirectional adds where it should average",
    Bidirectional,
    "call",
    "bidirectional_runs_both_ways_and_merges",
    against="Bidirectional: merge_mode: Mode by which",
)
def adds_in_a_graph(right):
    def call(self, *args, **more):
        merged = right(self, *args, **more)
        if self.merge_mode != "ave" or tf.executing_eagerly():
            return merged
        return [2 * merged[0], *merged[1:]] if self.return_state else 2 * merged

    return call


@planted(
    "in a graph, an index of zero is not masked",
    tf.keras.layers.Embedding,
    "compute_mask",
    "a_mask_of_a_layer_before_masks_as_one_that_is_given",
    against=("Embedding: mask_zero: Boolean", "Embedding: mask_zero: If `mask_zero` is set"),
)
def index_not_masked(right):
    def compute_mask(self, *args, **more):
        return right(self, *args, **more) if tf.executing_eagerly() else None

    return compute_mask


@planted(
    "a step is masked by its first feature",
    tf.keras.layers.Masking,
    "call",
    "a_step_in_which_one_value_is_another_is_not_masked",
    against="Masking: For each timestep",
)
def masked_by_the_first(right):
    def call(self, inputs):
        return right(self, tf.where(inputs[..., :1] == self.mask_value, self.mask_value, inputs))

    return call


@planted(
    "any merge_mode is taken for concat",
    Bidirectional,
    "__init__",
    "bidirectional_refuses_what_is_no_layer_and_no_merge_mode",
    against=("Bidirectional: merge_mode: One of", "Bidirectional: ValueError: In case of invalid"),
)
def any_merge_mode(right):
    def __init__(self, layer, merge_mode="concat", **more):
        known = merge_mode in ("sum", "mul", "ave", None)
        right(self, layer, merge_mode=merge_mode if known else "concat", **more)

    return __init__


@planted(
    "no gradient flows to the inputs of Bidirectional",
    Bidirectional,
    "call",
    "gradients_flow_through_both_directions",
)
def stops_gradients(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        more = {"initial_state": initial_state, "mask": mask, "training": training}
        return right(self, tf.stop_gradient(sequences), **more)

    return call


def of_few_digits(x):
    return tf.cast(tf.cast(x, "bfloat16"), x.dtype)


@planted(
    "the outputs of Bidirectional have but the digits of bfloat16",
    Bidirectional,
    "call",
    "bidirectional_loses_no_digits",
)
def loses_digits(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        more = {"initial_state": initial_state, "mask": mask, "training": training}
        results = right(self, sequences, **more)
        return tf.nest.map_structure(of_few_digits, results)

    return call


@planted(
    "of the states of stacked cells both directions take the first alone",
    Bidirectional,
    "call",
    "each_direction_takes_its_half_of_the_states_of_stacked_cells",
    against="Bidirectional: Beware",
)
def takes_the_first(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if initial_state is not None and len(initial_state) == 4:
            initial_state = [*initial_state[:2], *initial_state[:2]]
        more = {"initial_state": initial_state, "mask": mask, "training": training}
        return right(self, sequences, **more)

    return call


@planted(
    "the bias is a weight without a name",
    SimpleRNNCell,
    "add_weight",
    "weights_have_the_names_of_the_documentation",
)
def bias_without_a_name(right):
    def add_weight(self, *args, name=None, **more):
        return right(self, *args, name=None if name == "bias" else name, **more)

    return add_weight


@planted(
    "trainable is set of a wrapper, and not of what it wraps",
    tf.keras.layers.Layer,
    "trainable",
    "a_wrapper_that_is_not_trainable_is_not_trained",
)
def set_of_the_wrapper_alone(right):
    def set_trainable(self, value):
        if type(self) in (RNN, Bidirectional):
            self._trainable = value
        else:
            right.fset(self, value)

    return property(right.fget, set_trainable)


@planted(
    "Bidirectional takes an RNN alone",
    Bidirectional,
    "__init__",
    "bidirectional_takes_a_layer_that_meets_its_criteria",
    against="Bidirectional: layer: It could also be",
)
def of_an_rnn_alone(right):
    def __init__(self, layer, *args, **more):
        if not isinstance(layer, RNN):
            raise ValueError("no RNN")
        right(self, layer, *args, **more)

    return __init__


@planted(
    "stacked cells say that their output is of the size of the first one's",
    StackedRNNCells,
    "output_size",
    "shapes_are_computed_for_cells_of_unlike_sizes",
)
def of_the_first_size(right):
    return property(lambda self: right.fget(StackedRNNCells(self.cells[:1])))


@planted(
    "of three stacked cells the last two exchange their states",
    StackedRNNCells,
    "call",
    "three_cells_of_any_sizes_are_stacked_in_order",
    against="RNN: cell: In the case that `cell` is a list",
)
def exchanged_states(right):
    def call(self, inputs, states, *args, **more):
        outputs, (first, *others) = right(self, inputs, states, *args, **more)
        return outputs, [first, *reversed(others)]

    return call


@planted(
    "Bidirectional takes any backward layer",
    Bidirectional,
    "_verify_layer_config",
    "bidirectional_refuses_a_backward_layer_that_does_not_match",
    against=(
        "Bidirectional: backward_layer: A `ValueError`",
        "Bidirectional: ValueError: If `backward_layer` has mismatched",
    ),
)
def takes_any_backward_layer(right):
    return lambda self: None


@planted(
    "the layers of Bidirectional have kernels of zeros",
    Bidirectional,
    "__init__",
    "both_directions_have_the_arguments_of_the_layer",
    against="Bidirectional: backward_layer: If `backward_layer` is not provided",
)
def kernels_of_zeros(right):
    def __init__(self, layer, **more):
        right(self, layer, **more)
        self.backward_layer.cell.kernel_initializer = tf.keras.initializers.get("zeros")

    return __init__


@planted(
    "training is not handed on by Bidirectional",
    Bidirectional,
    "call",
    "bidirectional_drops_in_training_and_only_then",
    against="Bidirectional: The call arguments",
)
def forgets_training(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        return right(self, sequences, initial_state=initial_state, mask=mask)

    return call


@planted(
    "the backward layer of Bidirectional is never reset",
    Bidirectional,
    RESET,
    "bidirectional_goes_on_from_both_states",
)
def resets_one(right):
    def reset(self):
        getattr(self.forward_layer, RESET)()

    return reset


@planted(
    "Bidirectional keeps the mask to itself",
    Bidirectional,
    "compute_mask",
    "bidirectional_hands_the_mask_on",
)
def keeps_the_mask(right):
    def compute_mask(self, *args, **more):
        return None

    return compute_mask


@planted(
    "Bidirectional that returns states keeps the mask to itself",
    Bidirectional,
    "compute_mask",
    "bidirectional_hands_the_mask_on",
)
def keeps_the_mask_with_states(right):
    def compute_mask(self, *args, **more):
        return None if self.return_state else right(self, *args, **more)

    return compute_mask


@planted(
    "the outputs of Bidirectional are said to be as wide as those of one direction",
    Bidirectional,
    "compute_output_shape",
    "shapes_are_computed_for_both_directions",
)
def of_one_direction(right):
    def compute_output_shape(self, shape, *args, **more):
        return self.forward_layer.compute_output_shape(shape)

    return compute_output_shape


@planted(
    "a copy of Bidirectional has the default backward layer",
    Bidirectional,
    "from_config",
    "a_backward_layer_of_ones_own_is_kept_in_a_copy",
)
def forgets_the_backward_layer(right):
    def from_config(cls, config, *args, **more):
        return right.__func__(cls, {**config, "backward_layer": None}, *args, **more)

    return classmethod(from_config)


@planted(
    "activation and use_bias change places",
    SimpleRNN,
    "__init__",
    "arguments_may_be_given_by_position",
)
def other_order(right):
    def __init__(self, units, use_bias=True, activation="tanh", *others, **more):
        right(self, units, activation, use_bias, *others, **more)

    return __init__


@planted(
    "no gradient flows through Masking",
    tf.keras.layers.Masking,
    "call",
    "gradients_reach_what_stands_before_the_layer_that_masks",
)
def stops_gradients_of_masking(right):
    return lambda self, inputs: right(self, tf.stop_gradient(inputs))


@planted(
    "a model drops when it is evaluated",
    tf.keras.Model,
    "test_step",
    "a_model_drops_when_it_trains_and_not_when_it_predicts",
)
def evaluates_as_it_trains(right):
    def test_step(self, data):
        x, y = data[:2]
        return {"loss": self.compute_loss(x=x, y=y, y_pred=self(x, training=True))}

    return test_step


@planted(
    "clone_model gives the model itself",
    tf.keras.models,
    "clone_model",
    "a_copy_shares_no_weights_with_the_layer",
)
def clones_nothing(right):
    return lambda model, **more: model


@planted(
    "a cell drops unless it is told that it does not train",
    SimpleRNNCell,
    "call",
    "a_cell_called_by_itself_drops_nothing_unless_it_trains",
)
def drops_unless_told(right):
    def call(self, inputs, states, training=True):
        return right(self, inputs, states, training=training)

    return call


@planted(
    "no gradient flows from one of the stacked cells to the one below",
    StackedRNNCells,
    "call",
    "gradients_flow_through_stacked_cells",
)
def stops_gradients_of_cells(right):
    def call(self, inputs, states, training=None, **more):
        return right(self, tf.stop_gradient(inputs), states, training=training, **more)

    return call


@planted(
    "stacked cells draw their masks at each step",
    StackedRNNCells,
    "call",
    "each_of_the_stacked_cells_uses_one_mask_at_every_step",
)
def draws_at_each_step(right):
    def call(self, inputs, states, training=None, **more):
        for cell in self.cells:
            cell.reset_dropout_mask()
            cell.reset_recurrent_dropout_mask()
        return right(self, inputs, states, training=training, **more)

    return call


@planted(
    "stacked cells keep their masks for the next call",
    RNN,
    "_maybe_reset_cell_dropout_mask" if KERAS_2 else "_maybe_reset_dropout_masks",
    "each_call_draws_new_masks_for_each_of_the_stacked_cells",
)
def keeps_masks_of_stacked_cells(right):
    def reset(self, cell):
        if not isinstance(self.cell, StackedRNNCells):
            right(self, cell)

    return reset


@planted(
    "the inputs of stacked cells have but the digits of bfloat16",
    StackedRNNCells,
    "call",
    "stacked_cells_lose_no_digits",
    against="RNN: cell: In the case that `cell` is a list",
)
def loses_digits_of_inputs(right):
    def call(self, inputs, states, *args, **more):
        return right(self, of_few_digits(inputs), states, *args, **more)

    return call


@planted(
    "the inputs of a cell of one's own have but the digits of bfloat16",
    RNN,
    "call",
    "a_cell_of_ones_own_is_run_as_the_layers_is",
)
def loses_digits_of_inputs_for_cells(right):
    def call(self, inputs, *args, **more):
        known = isinstance(self.cell, (SimpleRNNCell, StackedRNNCells))
        return right(self, inputs if known else of_few_digits(inputs), *args, **more)

    return call


@planted(
    "training is not handed on to stacked cells",
    StackedRNNCells,
    "call",
    "each_of_the_stacked_cells_drops_in_training_and_only_then",
)
def forgets_training_of_cells(right):
    def call(self, inputs, states, training=None, **more):
        return right(self, inputs, states, training=False, **more)

    return call


@planted(
    "of the states of stacked cells the first alone is kept",
    RNN,
    "call",
    "stacked_cells_go_on_from_all_their_states",
)
def keeps_one_state(right):
    def call(self, inputs, *args, **more):
        others = tf.nest.flatten(self.states)[1:] if self.stateful else []
        before = [tf.identity(state) for state in others]
        results = right(self, inputs, *args, **more)
        for state, value in zip(others, before, strict=True):
            state.assign(value)
        return results

    return call


@planted(
    "an RNN of a cell adds its activity loss twice",
    RNN,
    "losses",
    "the_activity_regularizer_of_an_rnn_of_a_cell_gives_its_loss",
)
def adds_twice(right):
    return property(lambda self: [2 * loss for loss in right.fget(self)])


@planted(
    "glorot_uniform is GlorotNormal",
    tf.keras.initializers,
    "glorot_uniform",
    "the_shortcut_of_an_initializer_is_that_initializer",
    against="GlorotUniform: Also available",
)
def other_initializer(right):
    return tf.keras.initializers.GlorotNormal


class CellWithoutBias(SimpleRNNCell):
    def __init__(self, units, activation="tanh", use_bias=False, **options):
        super().__init__(units, activation=activation, use_bias=use_bias, **options)

    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "dropout"}


@fault(
    "a cell made by itself has no bias, and its configuration no dropout",
    "documented_defaults_are_those_of_a_cell_made_by_itself",
    "an_argument_of_a_cell_is_kept",
)
class OfCellWithoutBias(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = CellWithoutBias


@fault("stateful is forgotten", "a_stateful_layer_keeps_a_state_for_each_row_of_the_batch")
class WithoutState(Without):
    forgotten = "stateful"


def of_a_cell(rnn) -> bool:
    """Whether it is an RNN that is given a cell, and no SimpleRNN."""
    return type(rnn) is RNN


@planted(
    "an RNN of a cell begins with zeros, whatever state it is given",
    RNN,
    "call",
    "new_cell_gets_the_initial_state_at_step_0",
    against="SimpleRNNCell: states: For timestep 0",
)
def begins_with_zeros(right):
    def call(self, inputs, initial_state=None, **more):
        given = None if of_a_cell(self) else initial_state
        return right(self, inputs, initial_state=given, **more)

    return call
