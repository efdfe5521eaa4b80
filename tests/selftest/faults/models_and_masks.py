"""Faults in classes around the layer: RNN, Bidirectional, stacked cells, models, initializers.

Each is planted in a class of the installed Keras; the layer under test is TensorFlow's.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest import mock

from tests.harness.target.layer import DEFAULT
from tests.harness.target.releases import KERAS_2, tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, IgnoresArgument, SimpleRNN

RNN, Bidirectional = tf.keras.layers.RNN, tf.keras.layers.Bidirectional
StackedRNNCells = tf.keras.layers.StackedRNNCells
SimpleRNNCell: Any = tf.keras.layers.SimpleRNNCell
RESET = "reset_states" if KERAS_2 else "reset_state"

FAULTS_AROUND: list[Fault] = []
fault = partial(faults.fault, among=FAULTS_AROUND)


def plant_in_attribute(
    what: str, where, name: str, *breaks: str, against=(), keras="", among=FAULTS_AROUND
):
    """Decorate a function from the correct value of an attribute to a wrong one, to register it.

    where, name: the class and its attribute. The other arguments: as in `fault`.
    """

    def register(wrong: Callable) -> Callable:
        right = inspect.getattr_static(where, name)

        def plant() -> AbstractContextManager:
            return mock.patch.object(where, name, wrong(right))

        tests = tuple(f"test_{b}" for b in breaks)
        among.append(
            Fault(what, DEFAULT, tests, plant, wrong.__name__, faults.as_tuple(against), keras)
        )
        return wrong

    return register


def plant_through(wrap: Callable, what: str, where, name: str, *breaks: str, **more):
    """Decorate a function to plant `wrap(function, correct value)` in an attribute.

    The fault has the name of the function. The other arguments: as in `plant_in_attribute`.
    """

    def register(alter: Callable) -> Callable:
        def wrong(right):
            return wrap(alter, right)

        wrong.__name__ = alter.__name__
        plant_in_attribute(what, where, name, *breaks, **more)(wrong)
        return alter

    return register


@plant_in_attribute(
    "a cell without an initial state starts from ones",
    RNN,
    "get_initial_state",
    "custom_cell_matches_the_builtin_cell",
    against=(
        "RNN: cell: For backward compatibility, if this method is not implemented",
        "RNN: cell: If this method is not implemented",
        "RNN: cell: A RNN cell instance",
    ),
)
def default_state_is_ones(right):
    def get_initial_state(self, *args, **more):
        states = right(self, *args, **more)
        known = hasattr(self.cell, "get_initial_state")
        return states if known else tf.nest.map_structure(tf.ones_like, states)

    return get_initial_state


@plant_in_attribute(
    "the shapes of two states are exchanged",
    RNN,
    "compute_output_shape",
    "shapes_are_computed_for_custom_cells",
)
def swapped_state_shapes(right):
    def compute_output_shape(self, *args, **more):
        shapes = right(self, *args, **more)
        return [shapes[0], *reversed(shapes[1:])] if self.return_state else shapes

    return compute_output_shape


@plant_in_attribute(
    "the fans of an initializer are at least 2",
    tf.keras.initializers.VarianceScaling,
    "__call__",
    "variance_scaling_handles_one_input_or_output",
)
def fans_at_least_two(right):
    def call(self, shape, *args, **more):
        one = {"fan_in": shape[0], "fan_out": shape[-1]}.get(self.mode) == 1
        drawn = right(self, shape, *args, **more)
        return drawn / tf.cast(2.0, drawn.dtype) ** 0.5 if one else drawn

    return call


@plant_in_attribute(
    "an RNN of a cell is unrolled by default",
    RNN,
    "__init__",
    "rnn_has_the_documented_defaults",
)
def unrolled_by_default(right):
    def __init__(self, cell, unroll=True, **more):
        right(self, cell, unroll=unroll, **more)

    return __init__


@plant_in_attribute(
    "the configuration of an RNN lacks unroll",
    RNN,
    "get_config",
    "rnn_config_keeps_each_argument",
)
def config_loses_unroll(right):
    def get_config(self):
        return {k: v for k, v in right(self).items() if k != "unroll"}

    return get_config


@plant_in_attribute(
    "a cell starts from a state of float32",
    SimpleRNNCell,
    "get_initial_state",
    "cell_initial_state_is_zero_in_its_dtype",
)
def initial_state_in_float32(right):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(lambda s: tf.cast(s, "float32"), right(self, *args, **more))

    return get_initial_state


@plant_in_attribute(
    "both directions use the same dropout masks",
    Bidirectional,
    "__init__",
    "both_directions_drop_independently",
)
def directions_share_dropout(right):
    def __init__(self, *args, **more):
        right(self, *args, **more)
        seed = self.forward_layer.cell.seed_generator.state
        self.backward_layer.cell.seed_generator.state.assign(seed)

    return __init__


@plant_in_attribute(
    "the states of a cell have an undocumented name",
    SimpleRNNCell,
    "call",
    "call_arguments_have_the_documented_names",
)
def cell_renames_states_argument(right):
    def call(self, sequence, previous, training=False):
        return right(self, sequence, previous, training=training)

    return call


@plant_in_attribute(
    "a Sequential model loses the masks of its layers",
    tf.keras.Sequential,
    "call",
    "mask_propagates_into_a_model",
)
def sequential_loses_layer_masks(right):
    def call(self, inputs, training=None, mask=None):
        for layer in self.layers:
            inputs = tf.identity(layer(inputs, **({"mask": mask} if mask is not None else {})))
            mask = None
        return inputs

    return call


@plant_in_attribute(
    "a Sequential model ignores its mask argument",
    tf.keras.Sequential,
    "call",
    "model_mask_reaches_its_first_layer",
)
def sequential_ignores_given_mask(right):
    def call(self, inputs, training=None, mask=None):
        return right(self, inputs, training=training)

    return call


@plant_in_attribute(
    "in a graph, Bidirectional adds instead of averaging",
    Bidirectional,
    "call",
    "bidirectional_runs_and_merges_both_directions",
    against="Bidirectional: merge_mode: Mode by which",
)
def traced_ave_is_sum(right):
    def call(self, *args, **more):
        merged = right(self, *args, **more)
        if self.merge_mode != "ave" or tf.executing_eagerly():
            return merged
        return [2 * merged[0], *merged[1:]] if self.return_state else 2 * merged

    return call


@plant_in_attribute(
    "in a graph, the index 0 is not masked",
    tf.keras.layers.Embedding,
    "compute_mask",
    "implicit_mask_equals_an_explicit_mask",
    against=("Embedding: mask_zero: Boolean", "Embedding: mask_zero: If `mask_zero` is set"),
)
def traced_index_zero_not_masked(right):
    def compute_mask(self, *args, **more):
        return right(self, *args, **more) if tf.executing_eagerly() else None

    return compute_mask


@plant_in_attribute(
    "a step is masked by its first feature",
    tf.keras.layers.Masking,
    "call",
    "partly_matching_step_is_not_masked",
    against="Masking: For each timestep",
)
def masks_by_first_feature(right):
    def call(self, inputs):
        return right(self, tf.where(inputs[..., :1] == self.mask_value, self.mask_value, inputs))

    return call


@plant_in_attribute(
    "every merge_mode means concat",
    Bidirectional,
    "__init__",
    "bidirectional_rejects_invalid_layers_and_modes",
    against=("Bidirectional: merge_mode: One of", "Bidirectional: ValueError: In case of invalid"),
)
def accepts_any_merge_mode(right):
    def __init__(self, layer, merge_mode="concat", **more):
        known = merge_mode in ("sum", "mul", "ave", None)
        right(self, layer, merge_mode=merge_mode if known else "concat", **more)

    return __init__


@plant_in_attribute(
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


@plant_in_attribute(
    "the outputs of Bidirectional are rounded to bfloat16",
    Bidirectional,
    "call",
    "bidirectional_keeps_full_precision",
)
def outputs_rounded_to_bfloat16(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        more = {"initial_state": initial_state, "mask": mask, "training": training}
        results = right(self, sequences, **more)
        return tf.nest.map_structure(of_few_digits, results)

    return call


@plant_in_attribute(
    "both directions use only the first state of stacked cells",
    Bidirectional,
    "call",
    "directions_split_stacked_initial_states",
    against="Bidirectional: Beware",
)
def directions_share_first_state(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if initial_state is not None and len(initial_state) == 4:
            initial_state = [*initial_state[:2], *initial_state[:2]]
        more = {"initial_state": initial_state, "mask": mask, "training": training}
        return right(self, sequences, **more)

    return call


@plant_in_attribute(
    "the bias has no name",
    SimpleRNNCell,
    "add_weight",
    "weights_have_the_documented_names",
)
def unnamed_bias(right):
    def add_weight(self, *args, name=None, **more):
        return right(self, *args, name=None if name == "bias" else name, **more)

    return add_weight


@plant_in_attribute(
    "trainable of a wrapper does not apply to the wrapped layer",
    tf.keras.layers.Layer,
    "trainable",
    "non_trainable_wrapper_is_not_trained",
)
def trainable_not_passed_to_wrapped(right):
    def set_trainable(self, value):
        if type(self) in (RNN, Bidirectional):
            self._trainable = value
        else:
            right.fset(self, value)

    return property(right.fget, set_trainable)


@plant_in_attribute(
    "Bidirectional rejects a layer that is not an RNN",
    Bidirectional,
    "__init__",
    "bidirectional_accepts_a_layer_meeting_its_criteria",
    against="Bidirectional: layer: It could also be",
)
def rejects_non_rnn_layers(right):
    def __init__(self, layer, *args, **more):
        if not isinstance(layer, RNN):
            raise ValueError("no RNN")
        right(self, layer, *args, **more)

    return __init__


@plant_in_attribute(
    "the output size of stacked cells is that of the first cell",
    StackedRNNCells,
    "output_size",
    "shapes_are_computed_for_stacked_cells",
)
def stacked_shape_of_first_cell(right):
    return property(lambda self: right.fget(StackedRNNCells(self.cells[:1])))


@plant_in_attribute(
    "the last two of three stacked cells exchange their states",
    StackedRNNCells,
    "call",
    "three_stacked_cells_run_in_order",
    against="RNN: cell: In the case that `cell` is a list",
)
def last_two_states_swapped(right):
    def call(self, inputs, states, *args, **more):
        outputs, (first, *others) = right(self, inputs, states, *args, **more)
        return outputs, [first, *reversed(others)]

    return call


@plant_in_attribute(
    "Bidirectional accepts any backward layer",
    Bidirectional,
    "_verify_layer_config",
    "bidirectional_rejects_a_mismatched_backward_layer",
    against=(
        "Bidirectional: backward_layer: A `ValueError`",
        "Bidirectional: ValueError: If `backward_layer` has mismatched",
    ),
)
def accepts_any_backward_layer(right):
    return lambda self: None


@plant_in_attribute(
    "the layers of Bidirectional have zeros as kernels",
    Bidirectional,
    "__init__",
    "both_directions_keep_the_layer_arguments",
    against="Bidirectional: backward_layer: If `backward_layer` is not provided",
)
def bidirectional_zero_kernels(right):
    def __init__(self, layer, **more):
        right(self, layer, **more)
        self.backward_layer.cell.kernel_initializer = tf.keras.initializers.get("zeros")

    return __init__


@plant_in_attribute(
    "Bidirectional does not pass training on",
    Bidirectional,
    "call",
    "bidirectional_drops_only_in_training",
    against="Bidirectional: The call arguments",
)
def bidirectional_ignores_training(right):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        return right(self, sequences, initial_state=initial_state, mask=mask)

    return call


@plant_in_attribute(
    "the backward layer of Bidirectional is never reset",
    Bidirectional,
    RESET,
    "stateful_bidirectional_carries_both_states",
)
def backward_layer_never_reset(right):
    def reset(self):
        getattr(self.forward_layer, RESET)()

    return reset


@plant_in_attribute(
    "Bidirectional does not propagate the mask",
    Bidirectional,
    "compute_mask",
    "bidirectional_propagates_the_mask",
)
def bidirectional_drops_mask(right):
    def compute_mask(self, *args, **more):
        return None

    return compute_mask


@plant_in_attribute(
    "Bidirectional with states does not propagate the mask",
    Bidirectional,
    "compute_mask",
    "bidirectional_propagates_the_mask",
)
def bidirectional_drops_mask_with_states(right):
    def compute_mask(self, *args, **more):
        return None if self.return_state else right(self, *args, **more)

    return compute_mask


@plant_in_attribute(
    "the computed width of Bidirectional is that of one direction",
    Bidirectional,
    "compute_output_shape",
    "bidirectional_computes_its_output_shapes",
)
def shape_of_one_direction(right):
    def compute_output_shape(self, shape, *args, **more):
        return self.forward_layer.compute_output_shape(shape)

    return compute_output_shape


@plant_in_attribute(
    "a copy of Bidirectional has the default backward layer",
    Bidirectional,
    "from_config",
    "copied_bidirectional_keeps_its_backward_layer",
)
def copy_loses_backward_layer(right):
    def from_config(cls, config, *args, **more):
        return right.__func__(cls, {**config, "backward_layer": None}, *args, **more)

    return classmethod(from_config)


@plant_in_attribute(
    "activation and use_bias are exchanged",
    SimpleRNN,
    "__init__",
    "positional_arguments_follow_documented_order",
)
def swapped_positional_arguments(right):
    def __init__(self, units, use_bias=True, activation="tanh", *others, **more):
        right(self, units, activation, use_bias, *others, **more)

    return __init__


@plant_in_attribute(
    "no gradient flows through Masking",
    tf.keras.layers.Masking,
    "call",
    "gradients_flow_through_a_masking_layer",
)
def stops_gradients_of_masking(right):
    return lambda self, inputs: right(self, tf.stop_gradient(inputs))


@plant_in_attribute(
    "a model drops in evaluation",
    tf.keras.Model,
    "test_step",
    "model_drops_only_in_training",
)
def evaluates_in_training_mode(right):
    def test_step(self, data):
        x, y = data[:2]
        return {"loss": self.compute_loss(x=x, y=y, y_pred=self(x, training=True))}

    return test_step


@plant_in_attribute(
    "clone_model returns the model itself",
    tf.keras.models,
    "clone_model",
    "copy_does_not_share_weights",
)
def clone_returns_original(right):
    return lambda model, **more: model


@plant_in_attribute(
    "a cell without the argument training drops",
    SimpleRNNCell,
    "call",
    "cell_without_training_argument_drops_nothing",
)
def drops_by_default(right):
    def call(self, inputs, states, training=True):
        return right(self, inputs, states, training=training)

    return call


@plant_in_attribute(
    "no gradient flows between stacked cells",
    StackedRNNCells,
    "call",
    "gradients_flow_through_stacked_cells",
)
def stops_gradients_of_cells(right):
    def call(self, inputs, states, training=None, **more):
        return right(self, tf.stop_gradient(inputs), states, training=training, **more)

    return call


@plant_in_attribute(
    "stacked cells draw new masks at each step",
    StackedRNNCells,
    "call",
    "each_stacked_cell_uses_one_dropout_mask",
)
def stacked_masks_per_step(right):
    def call(self, inputs, states, training=None, **more):
        for cell in self.cells:
            cell.reset_dropout_mask()
            cell.reset_recurrent_dropout_mask()
        return right(self, inputs, states, training=training, **more)

    return call


@plant_in_attribute(
    "stacked cells use their masks again in the next call",
    RNN,
    "_maybe_reset_cell_dropout_mask" if KERAS_2 else "_maybe_reset_dropout_masks",
    "stacked_cells_draw_new_masks_each_call",
)
def stacked_cells_reuse_masks(right):
    def reset(self, cell):
        if not isinstance(self.cell, StackedRNNCells):
            right(self, cell)

    return reset


@plant_in_attribute(
    "the inputs of stacked cells are rounded to bfloat16",
    StackedRNNCells,
    "call",
    "stacked_cells_keep_full_precision",
    against="RNN: cell: In the case that `cell` is a list",
)
def stacked_inputs_rounded_to_bfloat16(right):
    def call(self, inputs, states, *args, **more):
        return right(self, of_few_digits(inputs), states, *args, **more)

    return call


@plant_in_attribute(
    "the inputs of a custom cell are rounded to bfloat16",
    RNN,
    "call",
    "custom_cell_matches_the_builtin_cell",
)
def custom_cell_inputs_rounded_to_bfloat16(right):
    def call(self, inputs, *args, **more):
        known = isinstance(self.cell, (SimpleRNNCell, StackedRNNCells))
        return right(self, inputs if known else of_few_digits(inputs), *args, **more)

    return call


@plant_in_attribute(
    "training is not passed to stacked cells",
    StackedRNNCells,
    "call",
    "each_stacked_cell_drops_only_in_training",
)
def stacked_cells_ignore_training(right):
    def call(self, inputs, states, training=None, **more):
        return right(self, inputs, states, training=False, **more)

    return call


@plant_in_attribute(
    "only the first state of stacked cells is kept",
    RNN,
    "call",
    "stateful_stacked_cells_carry_all_states",
)
def stacked_cells_keep_first_state(right):
    def call(self, inputs, *args, **more):
        others = tf.nest.flatten(self.states)[1:] if self.stateful else []
        before = [tf.identity(state) for state in others]
        results = right(self, inputs, *args, **more)
        for state, value in zip(others, before, strict=True):
            state.assign(value)
        return results

    return call


@plant_in_attribute(
    "an RNN of a cell adds its activity loss twice",
    RNN,
    "losses",
    "rnn_activity_regularizer_adds_its_loss",
)
def activity_loss_added_twice(right):
    return property(lambda self: [2 * loss for loss in right.fget(self)])


@plant_in_attribute(
    "the name glorot_uniform gives GlorotNormal",
    tf.keras.initializers,
    "glorot_uniform",
    "shortcut_function_gives_the_same_initializer",
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
    "a cell has no bias, and its configuration has no dropout",
    "cell_has_the_documented_defaults",
    "cell_config_keeps_each_argument",
)
class CopiedCellLosesBias(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = CellWithoutBias


@fault("the layer ignores stateful", "stateful_layer_keeps_a_state_per_row")
class IgnoresStateful(IgnoresArgument):
    forgotten = "stateful"


def of_a_cell(rnn) -> bool:
    """Return whether the layer is an RNN that is not a SimpleRNN."""
    return type(rnn) is RNN


@plant_in_attribute(
    "an RNN of a cell ignores its initial state",
    RNN,
    "call",
    "new_cell_receives_initial_state_at_step_0",
    against="SimpleRNNCell: states: For timestep 0",
)
def rnn_ignores_given_state(right):
    def call(self, inputs, initial_state=None, **more):
        given = None if of_a_cell(self) else initial_state
        return right(self, inputs, initial_state=given, **more)

    return call
