"""Deliberately wrong layers. Each shows that the suite can fail, and where it fails first.

A fault is loaded as a user's layer is: `pytest --layer tests.selftest.faults:Transposed`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from packaging.specifiers import SpecifierSet

from tests.harness.releases import KERAS, KERAS_2, tf

SimpleRNN = tf.keras.layers.SimpleRNN


@dataclass(frozen=True)
class Fault:
    """A deliberate fault and the properties that find it.

    layer: what `--layer` is given. breaks: the properties that must fail; what rests on them may
    fail as well. plant: a context in which a fault stands elsewhere than in the layer. against: the
    sentences of `documentation.toml` that the fault contradicts, each as "Object: beginning of the
    sentence"; a beginning stands for every claimed sentence of the object that starts so. keras:
    the releases that can have the fault.
    """

    what: str
    layer: str
    breaks: tuple[str, ...]
    plant: Callable[[], AbstractContextManager] = nullcontext
    name: str = ""
    against: tuple[str, ...] = ()
    keras: str = ""

    def __str__(self) -> str:
        return self.name or self.layer.partition(":")[2]

    @property
    def applies(self) -> bool:
        """Whether the installed release can have it."""
        return SpecifierSet(self.keras, prereleases=True).contains(KERAS)

    def is_against(self, documented: str, sentence: str) -> bool:
        """Whether it contradicts that sentence about that object."""
        return any(f"{documented}: {sentence}".startswith(text) for text in self.against)


FAULTS: list[Fault] = []


def each(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """One text or several, as a tuple."""
    return (given,) if isinstance(given, str) else given


def fault(what: str, *breaks: str, against: str | tuple[str, ...] = (), keras="", among=FAULTS):
    """Register a wrong layer among others. breaks: without the `test_`. against, keras: as in
    Fault."""

    def register(cls):
        tests = tuple(f"test_{b}" for b in breaks)
        name = f"{cls.__module__}:{cls.__name__}"
        among.append(Fault(what, name, tests, against=each(against), keras=keras))
        return cls

    return register


class Wrong(SimpleRNN):
    """A SimpleRNN whose parts can be bent: `bend_cell` the step, `bend` the whole call."""

    def __init__(self, units, **options):
        super().__init__(units, **options)
        right = self.cell.call

        def step(inputs, states, training=None):
            return self.bend_cell(right, inputs, states)

        self.cell.call = step

    def bend_cell(self, right, inputs, states):
        return right(inputs, states)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        def right(inputs, mask=mask, initial_state=initial_state):
            return super(Wrong, self).call(
                inputs, mask=mask, training=training, initial_state=initial_state
            )

        return self.bend(right, sequences, mask, initial_state)

    def bend(self, right, inputs, mask, initial_state):
        return right(inputs)

    def activate(self, z):
        return z if self.activation is None else self.activation(z)

    def step(self, x, h, kernel=None, recurrent_kernel=None):
        """act(x W + h U + b) with weights of choice."""
        W = self.cell.kernel if kernel is None else kernel
        U = self.cell.recurrent_kernel if recurrent_kernel is None else recurrent_kernel
        z = tf.matmul(x, tf.convert_to_tensor(W)) + tf.matmul(h, tf.convert_to_tensor(U))
        if self.cell.bias is not None:
            z = z + tf.convert_to_tensor(self.cell.bias)
        h = self.activate(z)
        return h, [h]


@fault(
    "W_hh is transposed",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "each_documented_activation_is_the_one_that_is_named",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
    against="SimpleRNN: Fully-connected RNN",
)
class Transposed(Wrong):
    def bend_cell(self, right, inputs, states):
        U = tf.transpose(tf.convert_to_tensor(self.cell.recurrent_kernel))
        return self.step(inputs, states[0], recurrent_kernel=U)


@fault(
    "the lesson's sentence: h = x_i W_xh + h W_hh + b at each step, with the activation applied to "
    "the last value only",
    "each_documented_activation_is_the_one_that_is_named",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "the_last_element_of_the_sequence_is_the_final_state",
    "the_final_state_is_the_one_after_the_last_unmasked_step",
)
class ActivationOfTheLastValueOnly(Wrong):
    def bend_cell(self, right, inputs, states):
        z = tf.matmul(inputs, tf.convert_to_tensor(self.cell.kernel))
        z = z + tf.matmul(states[0], tf.convert_to_tensor(self.cell.recurrent_kernel))
        if self.cell.bias is not None:
            z = z + tf.convert_to_tensor(self.cell.bias)
        return self.activate(z), [z]


@fault(
    "outputs are off by one unit in the last place",
    "each_documented_activation_is_the_one_that_is_named",
    "integers_give_the_recurrence_exactly",
)
class OffByOneRounding(Wrong):
    def bend_cell(self, right, inputs, states):
        output, _ = right(inputs, states)
        if output.dtype == tf.float32:
            output = output * tf.constant(1 + 2.0**-23)
        return output, [output]


@fault(
    "the recurrent kernel is rounded to bfloat16, in which small integers are exact",
    "each_step_is_within_rounding_of_the_recurrence",
    "each_documented_activation_is_the_one_that_is_named",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
)
class RecurrentKernelInLess(Wrong):
    def bend_cell(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        U = tf.cast(tf.cast(U, tf.bfloat16), U.dtype)
        return self.step(inputs, states[0], recurrent_kernel=U)


@fault(
    "softsign is tanh",
    "each_step_is_within_rounding_of_the_recurrence",
    "each_documented_activation_is_the_one_that_is_named",
)
class SoftsignIsTanh(Wrong):
    def activate(self, z):
        return (
            tf.tanh(z)
            if self.cell.activation is tf.keras.activations.softsign
            else super().activate(z)
        )

    def bend_cell(self, right, inputs, states):
        return self.step(inputs, states[0])


@fault(
    "softmax runs over the batch",
    "each_documented_activation_is_the_one_that_is_named",
)
class SoftmaxOverTheBatch(Wrong):
    def bend_cell(self, right, inputs, states):
        if self.cell.activation is not tf.keras.activations.softmax:
            return right(inputs, states)
        self_activation = self.activate
        self.activate = lambda z: tf.nn.softmax(z, axis=0)
        try:
            return self.step(inputs, states[0])
        finally:
            self.activate = self_activation


class WrongResult(Wrong):
    """Outputs and state bent after a right run."""

    def bend(self, right, inputs, mask, initial_state):
        result = right(inputs)
        if not (self.return_sequences and self.return_state):
            return result
        outputs, state = result
        outputs, state = self.bend_result(outputs, state, inputs, mask)
        return [outputs, state]


@fault(
    "the state returned is one step late",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
    "integers_give_the_recurrence_exactly",
    "unrolled_and_cell_by_cell_give_what_the_loop_gives",
    "each_combination_returns_its_part_of_the_whole",
    "the_last_element_of_the_sequence_is_the_final_state",
    "the_final_state_is_the_one_after_the_last_unmasked_step",
    "a_run_split_anywhere_continues_from_the_state_handed_over",
)
class StateOneStepLate(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        return outputs, outputs[:, -2] if outputs.shape[1] > 1 else state


@fault(
    "right only up to 16 units",
    "permuting_the_units_permutes_the_results",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
)
class UpTo16Units(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        wrong = tf.cast(tf.range(outputs.shape[-1]) < 16, outputs.dtype)
        return outputs * wrong, state


@fault("NaN in a later step leaks into the first", "what_comes_later_changes_nothing_before")
class LaterStepsLeak(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        if mask is not None:
            return outputs, state
        return (outputs + 0 * tf.reduce_sum(inputs, axis=(1, 2))[:, None, None]), state


@fault("NaN in one row leaks into the others", "batch_rows_do_not_meet")
class RowsMeet(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        bad = tf.reduce_any(~tf.math.is_finite(inputs), axis=(1, 2))
        leak = tf.reduce_any(bad) & ~bad
        return outputs, state + tf.cast(tf.where(leak, np.nan, 0.0), state.dtype)[:, None]


@fault(
    "a masked step with NaN reaches the state",
    "what_stands_in_a_masked_step_changes_nothing",
    against="SimpleRNN: mask: An individual `True`",
)
class MaskedStepsLeak(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        if mask is None:
            return outputs, state
        return outputs, state + 0 * tf.reduce_sum(inputs, axis=(1, 2))[:, None]


@fault(
    "the kernel is a fifth beyond the glorot limit",
    "the_kernel_is_within_the_glorot_limit",
    "simple_rnn_of_four_units_gives_one_output_a_row",
)
class WiderGlorot(SimpleRNN):
    def __init__(self, units, kernel_initializer="glorot_uniform", **options):
        if kernel_initializer == "glorot_uniform":
            kernel_initializer = tf.keras.initializers.VarianceScaling(
                1.5, mode="fan_avg", distribution="uniform", seed=1
            )
        super().__init__(units, kernel_initializer=kernel_initializer, **options)


@fault(
    "the recurrent kernel is normal, not orthogonal",
    "simple_rnn_of_four_units_gives_one_output_a_row",
    "the_recurrent_kernel_is_orthogonal",
    against="Orthogonal: Initializer that generates",
)
class NormalRecurrentKernel(SimpleRNN):
    def __init__(self, units, recurrent_initializer="random_normal", **options):
        super().__init__(units, recurrent_initializer=recurrent_initializer, **options)


@fault(
    "the bias is not zero",
    "simple_rnn_of_four_units_gives_one_output_a_row",
    "the_bias_is_zero",
)
class BiasOfOnes(SimpleRNN):
    def __init__(self, units, bias_initializer="ones", **options):
        super().__init__(units, bias_initializer=bias_initializer, **options)


@fault(
    "an initial state that is not given is taken for ones",
    "each_documented_activation_is_the_one_that_is_named",
    "going_backwards_is_going_forwards_over_the_reversed_sequence",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "unrolled_and_cell_by_cell_give_what_the_loop_gives",
    "without_an_initial_state_it_is_zero",
)
class InitialOnes(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if initial_state is None and not self.go_backwards:
            ones = tf.ones((tf.shape(inputs)[0], self.units), inputs.dtype)
            return right(inputs, initial_state=[ones])
        return right(inputs)


@fault(
    "unrolled, the outputs are off by one unit in the last place",
    "unrolled_and_cell_by_cell_give_what_the_loop_gives",
)
class UnrolledOffByOne(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        if self.unroll and outputs.dtype == tf.float32:
            outputs = outputs * tf.constant(1 + 2.0**-23)
        return outputs, state


@fault(
    "the symbolic output has one unit too many",
    "symbolic_shapes_are_those_of_the_results",
    "compute_output_shape_gives_the_shapes_that_come",
)
class WrongSymbolicShape(Wrong):
    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        return (*sequences_shape[:-1], self.units + 1)

    def bend(self, right, inputs, mask, initial_state):
        result = right(inputs)
        if tf.executing_eagerly():
            return result
        return tf.nest.map_structure(lambda part: tf.concat([part, part], axis=-1), result)


@fault(
    "get_weights gives the recurrent kernel first",
    "weights_are_kernel_recurrent_kernel_and_bias_in_that_order",
    "the_kernel_is_within_the_glorot_limit",
    "the_recurrent_kernel_is_orthogonal",
    "simple_rnn_of_four_units_gives_one_output_a_row",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
)
class RecurrentKernelFirst(SimpleRNN):
    def get_weights(self):
        kernel, recurrent_kernel, *bias = super().get_weights()
        return [recurrent_kernel, kernel, *bias]


@fault(
    "a mask without a masked step masks the last",
    "a_mask_of_true_entries_masks_nothing",
    "without_sequences_zero_output_for_mask_is_not_used",
    against="SimpleRNN: mask: An individual `True`",
)
class MaskOfTrueMasks(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if mask is None or inputs.shape[1] is None or inputs.shape[1] < 2:
            return right(inputs)
        last = tf.range(tf.shape(mask)[1]) == tf.shape(mask)[1] - 1
        return right(inputs, mask=mask & ~(last[None] & tf.reduce_all(mask)))


@fault(
    "features from the 200th on are ignored",
    "permuting_the_features_changes_nothing",
    against=("SimpleRNN: inputs: A 3D tensor", "SimpleRNN: sequence: A 3D tensor"),
)
class FirstFeaturesOnly(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        kept = tf.cast(tf.range(inputs.shape[-1]) < 200, inputs.dtype)
        return right(inputs * kept)


@fault(
    "the recurrent kernel is off by a factor of 1 + 1e-5 in float32, 1 + 1e-13 in float64",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "each_documented_activation_is_the_one_that_is_named",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
)
class RecurrentKernelOff(Wrong):
    def bend_cell(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        off = 1e-13 if U.dtype == tf.float64 else 1e-5
        return self.step(inputs, states[0], recurrent_kernel=U * (1 + off))


class Without(SimpleRNN):
    """A SimpleRNN that takes an argument and forgets it."""

    forgotten = ""

    def __init__(self, units, **options):
        options.pop(self.forgotten, None)
        super().__init__(units, **options)


@fault(
    "constraints of the kernel are forgotten",
    "after_a_training_step_a_constraint_holds_for_its_own_weights",
)
class WithoutConstraint(Without):
    forgotten = "kernel_constraint"


@fault(
    "every layer is trainable",
    "a_layer_that_is_not_trainable_is_not_trained",
    "frozen_weights_stay_as_they_were",
)
class AlwaysTrainable(Without):
    forgotten = "trainable"


@fault(
    "go_backwards is forgotten",
    "bidirectional_runs_both_ways_and_merges",
    "going_backwards_is_going_forwards_over_the_reversed_sequence",
    against="SimpleRNN: go_backwards: If `True`",
)
class WithoutGoBackwards(Without):
    forgotten = "go_backwards"


@fault("return_state is forgotten", "bidirectional_takes_what_the_layer_takes")
class WithoutReturnState(Without):
    forgotten = "return_state"


@fault(
    "the configuration lacks go_backwards",
    "an_argument_is_kept",
    "arguments_are_kept_whatever_the_others_are",
    "a_copy_of_the_layer_gives_what_the_layer_gives",
)
class ConfigWithoutGoBackwards(SimpleRNN):
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "go_backwards"}


@fault(
    "traced, an initial state that is given is forgotten",
    "a_model_of_the_layer_gives_what_the_layer_gives",
)
class TracedWithoutInitialState(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(inputs) if tf.executing_eagerly() else right(inputs, initial_state=None)


@fault("there is no bias by default", "documented_defaults_are_the_defaults")
class NoBias(SimpleRNN):
    def __init__(self, units, use_bias=False, **options):
        super().__init__(units, use_bias=use_bias, **options)


@fault(
    "the regularizers of the two kernels are exchanged",
    "a_regularizer_gives_the_loss_of_its_own_weights",
)
class ExchangedRegularizers(SimpleRNN):
    def __init__(self, units, kernel_regularizer=None, recurrent_regularizer=None, **options):
        super().__init__(
            units,
            kernel_regularizer=recurrent_regularizer,
            recurrent_regularizer=kernel_regularizer,
            **options,
        )


@fault(
    "a layer of one's own forgets the activity regularizer",
    "the_activity_regularizer_gives_its_loss",
    against="SimpleRNN: activity_regularizer: Regularizer",
)
class OwnLayer(tf.keras.layers.RNN):
    def __init__(self, units, activation="tanh", activity_regularizer=None, **options):
        super().__init__(tf.keras.layers.SimpleRNNCell(units, activation), **options)


@fault("an unknown activation is taken for none", "a_wrong_value_is_refused")
class AnyActivation(SimpleRNN):
    def __init__(self, units, activation="tanh", **options):
        known = callable(activation) or hasattr(tf.keras.activations, str(activation))
        super().__init__(units, activation=activation if known else None, **options)


@fault(
    "a mask of too few steps is filled up",
    "what_has_the_wrong_shape_is_refused_and_changes_nothing",
    against="SimpleRNN: mask: Binary tensor",
)
class FillsMasks(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if mask is not None and mask.shape[1] is not None and inputs.shape[1] is not None:
            mask = tf.pad(mask, [[0, 0], [0, max(0, inputs.shape[1] - mask.shape[1])]])
        return right(inputs, mask=mask)


@fault(
    "in a graph the mask of a layer before is not looked at",
    "a_mask_of_a_layer_before_masks_as_one_that_is_given",
)
class BlindInAGraph(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        implied = getattr(inputs, "_keras_mask", None) is not None
        return right(inputs, mask=None if implied and not tf.executing_eagerly() else mask)


@fault(
    "under a mixed policy the weights are kept in half",
    "a_mixed_policy_computes_in_half_and_keeps_its_weights_in_float32",
)
class HalfWeights(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        dtype = dtype.removeprefix("mixed_") if isinstance(dtype, str) else dtype
        super().__init__(units, dtype=dtype, **options)


@fault("the dtype is not looked at", "the_weights_are_of_the_dtype_that_is_given")
class DtypeOfItsOwn(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        super().__init__(units, dtype="float32" if dtype == "float64" else dtype, **options)


@fault(
    "the global policy is not looked at",
    "a_layer_that_is_given_no_dtype_keeps_the_policy_that_was_global",
)
class AlwaysFloat32(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        super().__init__(units, dtype=dtype or "float32", **options)


@fault("inputs of another dtype are taken for ones", "inputs_of_another_dtype_are_cast")
class OtherDtypesAreOnes(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        if tf.as_dtype(inputs.dtype).name != self.compute_dtype:
            inputs = tf.ones_like(inputs)
        return super().__call__(inputs, *args, **more)


@fault(
    "a mask of numbers masks nothing",
    "a_mask_may_be_of_any_dtype_and_of_one_number_a_step",
    against="SimpleRNN: mask: Binary tensor",
)
class MasksOfNumbers(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(inputs, mask=mask if mask is None or mask.dtype == tf.bool else None)


@fault(
    "a mask that comes with the inputs is ignored",
    "a_mask_of_a_layer_before_masks_as_one_that_is_given",
)
class IgnoresMasksOfInputs(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        inputs = tf.identity(inputs) if isinstance(inputs, tf.Tensor) else inputs
        return super().__call__(inputs, *args, **more)


@fault("the mask is not handed on", "a_mask_is_handed_on_to_the_layer_behind")
class KeepsMasks(SimpleRNN):
    def compute_mask(self, inputs, mask=None):
        return None


class NegativeState(tf.keras.layers.SimpleRNNCell):
    def call(self, *args, **more):
        output, _ = super().call(*args, **more)
        return output, [-output]


@fault("the cell's state is minus its output", "cells_are_stacked_on_top_of_each_other")
class OfNegativeState(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = NegativeState


@fault("a reset leaves the state as it was", "a_stateful_layer_goes_on_from_its_last_state")
class NeverReset(SimpleRNN):
    def reset_state(self):
        pass

    def reset_states(self, states=None):
        pass


@fault(
    "inputs of float64 are cast by way of half",
    "inputs_of_float64_keep_the_digits_that_the_layer_has",
)
class CastsByWayOfHalf(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        if inputs.dtype == tf.float64 and self.compute_dtype == "float32":
            inputs = tf.cast(inputs, tf.float16)
        return super().__call__(inputs, *args, **more)


@fault("a reset multiplies the state by zero", "a_reset_forgets_even_what_is_no_number")
class ResetByZero(SimpleRNN):
    def reset_state(self):
        self.states[0].assign(self.states[0] * 0)

    def reset_states(self, states=None):
        super().reset_states(states) if states is not None else ResetByZero.reset_state(self)


@fault("a mask is lost in a cast", "a_mask_reaches_a_layer_of_another_dtype")
class LosesMaskInCast(SimpleRNN):
    def __call__(self, inputs, **more):
        same = inputs.dtype == self.compute_dtype
        return super().__call__(inputs if same else tf.cast(inputs, self.compute_dtype), **more)


@fault("a given mask is not handed on", "a_mask_that_is_given_is_handed_on_too")
class KeepsGivenMask(SimpleRNN):
    def __call__(self, inputs, mask=None, **more):
        results = super().__call__(inputs, mask=mask, **more)
        return results if mask is None else tf.nest.map_structure(tf.identity, results)


@fault("a state that is no list is forgotten", "an_initial_state_may_have_any_form")
class WithoutBareState(SimpleRNN):
    def __call__(self, inputs, initial_state=None, **more):
        listed = initial_state if isinstance(initial_state, list) else None
        return super().__call__(inputs, initial_state=listed, **more)


@fault("once trainable, always trainable", "trainable_may_be_set_at_any_time")
class TrainableForEver(SimpleRNN):
    @property
    def trainable_weights(self):
        return list(self.weights)


@fault("the last output has a mask", "a_mask_is_handed_on_with_a_sequence_and_with_nothing_else")
class MaskOfLastOutput(SimpleRNN):
    def compute_mask(self, inputs, mask):
        masks = super().compute_mask(inputs, mask)
        return masks if self.return_state else mask


@fault("the state is trained", "training_trains_the_weights_and_not_the_state")
class TrainedState(SimpleRNN):
    def build(self, *shapes, **more):
        super().build(*shapes, **more)
        if self.stateful and not KERAS_2:
            self.states[0].trainable = True
            self._track_variable(self.states[0])

    @property
    def trainable_weights(self):
        known = {id(weight): weight for weight in super().trainable_weights}
        kept = self.states if self.stateful and self.built else []
        return list({**known, **{id(state): state for state in kept}}.values())


@fault(
    "a stateful layer repeats the first row of a batch of another size",
    "a_stateful_layer_refuses_another_batch_size",
)
class AnyBatch(Wrong):
    def __call__(self, inputs, **more):
        if self.stateful and self.states is not None:
            rows = self.states[0].shape[0]
            if inputs.shape[0] not in (None, rows):
                inputs = tf.repeat(inputs[:1], rows, axis=0)
        return super().__call__(inputs, **more)


@fault(
    "traced for a batch and time that are known, every output is one too large",
    "a_converted_layer_gives_what_the_layer_gives",
)
class WrongForAFixedShape(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        fixed = not tf.executing_eagerly() and None not in inputs.shape
        return (outputs + 1 if fixed else outputs), state


@fault(
    "traced, each batch begins at zero",
    "predict_and_fit_carry_the_state_from_batch_to_batch",
)
class TracedFromZero(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if tf.executing_eagerly() or not self.stateful:
            return right(inputs)
        zero = tf.zeros((inputs.shape[0], self.units), inputs.dtype)
        return right(inputs, initial_state=[zero])


@fault(
    "in training the outputs are a little larger",
    "training_changes_nothing_where_nothing_is_dropped",
    against="SimpleRNN: training: This is only relevant",
)
class LargerInTraining(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        grown = 1.0625 if training else 1.0
        return tf.nest.map_structure(lambda part: part * tf.cast(grown, part.dtype), results)


@fault(
    "a call grows the bias",
    "the_same_call_twice_gives_the_same_and_changes_no_variable",
)
class GrowsItsBias(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        results = right(inputs)
        if self.cell.bias is not None:
            self.cell.bias.assign(tf.convert_to_tensor(self.cell.bias) + 1)
        return results


@fault(
    "the inputs of a call are kept in the layer while others may call it",
    "calls_from_many_threads_give_what_one_thread_gives",
)
class OneCallAtATime(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        self.__dict__["inputs_of_the_call"] = inputs
        time.sleep(0.01)
        return right(self.__dict__["inputs_of_the_call"])


@fault("every result is kept", "calls_leave_nothing_behind")
class KeepsEveryResult(Wrong):
    kept: ClassVar[list] = []

    def bend(self, right, inputs, mask, initial_state):
        results = right(inputs)
        self.kept.append(results)
        return results


class InitialOnesCell(tf.keras.layers.SimpleRNNCell):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(tf.ones_like, super().get_initial_state(*args, **more))

    def call(self, inputs, states, training=None):
        bare = not isinstance(states, (list, tuple))
        output, after = super().call(inputs, states)
        return (output + 1, after) if bare else (output, after)


@fault(
    "the cell starts from ones, and adds one to its output if its state is a bare tensor",
    "the_initial_state_of_a_cell_is_zero_in_its_dtype",
    "a_cell_takes_one_step",
)
class OfInitialOnes(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = InitialOnesCell


@fault(
    "Bidirectional gets the layer itself",
    "bidirectional_has_weights_of_its_own",
    against="Bidirectional: Note: instantiating",
)
class SharesItself(SimpleRNN):
    asked = None

    def get_config(self):
        type(self).asked = self
        return super().get_config()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return super().from_config(config) if config["go_backwards"] else cls.asked


@fault(
    "the recurrent kernel is off by a factor of 1 + 1e-13, in float64 alone",
    "each_step_is_within_rounding_of_the_recurrence",
)
class OffInFloat64(Wrong):
    def bend_cell(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        return self.step(
            inputs, states[0], recurrent_kernel=U * (1 + 1e-13) if U.dtype == tf.float64 else U
        )


@fault("right only up to 32 steps", "integers_give_the_recurrence_exactly")
class UpTo32Steps(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 32, outputs.dtype)
        return outputs * right[:, None], state


@fault("right only up to 256 steps", "a_long_sequence_is_processed_to_its_end")
class UpTo256Steps(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 256, outputs.dtype)
        return outputs * right[:, None], state


@fault("each row gets the outputs of the first", "integers_give_the_recurrence_exactly")
class FirstRowOnly(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        return tf.gather(outputs, tf.zeros_like(tf.range(tf.shape(outputs)[0]))), state


@fault("unrolled, right only up to 64 steps", "a_long_sequence_is_processed_to_its_end")
class UnrolledUpTo64Steps(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 64, outputs.dtype)
        return (outputs * right[:, None] if self.unroll else outputs), state


@fault("right only up to 256 rows", "integers_give_the_recurrence_exactly")
class UpTo256Rows(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[0]) < 256, outputs.dtype)
        return outputs * right[:, None, None], state


@fault("right only up to 256 units", "integers_give_the_recurrence_exactly")
class UpTo256Units(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(self.units) < 256, outputs.dtype)
        return outputs * right, state


@fault("outputs near zero are zero", "each_step_is_within_rounding_of_the_recurrence")
class NearZeroIsZero(Wrong):
    def bend_cell(self, right, inputs, states):
        output, _ = right(inputs, states)
        output = tf.where(tf.abs(output) < 1e-7, tf.zeros_like(output), output)
        return output, [output]


@fault(
    "NaN in the inputs is hidden",
    "what_is_no_finite_number_goes_where_the_recurrence_takes_it",
)
class HidesNaN(Wrong):
    def bend_cell(self, right, inputs, states):
        return right(tf.where(tf.math.is_nan(inputs), tf.zeros_like(inputs), inputs), states)


@fault(
    "a layer that is called again in a graph has the mask of the first call",
    "a_layer_that_is_shared_gives_each_input_its_own",
)
class FirstMaskOfAGraph(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if not tf.executing_eagerly() and mask is not None:
            tf.compat.v1.add_to_collection(self.name, mask)
            mask = tf.compat.v1.get_collection(self.name)[0]
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "a stateless call takes the weights of the layer and not those it is given",
    "integers_give_the_recurrence_exactly",
)
class StatelessWithItsOwnWeights(SimpleRNN):
    def stateless_call(self, trainable_variables, non_trainable_variables, *args, **more):
        return self(*args, **more), non_trainable_variables


@fault("the state is kept in half", "the_state_is_kept_in_a_dtype_of_the_layer")
class StateInHalf(SimpleRNN):
    def build(self, *args, **more):
        super().build(*args, **more)
        if self.stateful:
            self.states = [tf.Variable(tf.zeros(s.shape, tf.float16)) for s in self.states]


@fault(
    "unrolled, a new stateful layer has a state of ones",
    "a_new_stateful_layer_has_a_state_of_zeros",
)
class NewStateOfOnes(SimpleRNN):
    def build(self, *shapes):
        super().build(*shapes)
        if self.unroll and self.stateful:
            self.states[0].assign(tf.ones_like(self.states[0]))


@fault("a trace forgets how many units come", "a_trace_knows_the_shapes_of_the_results")
class ForgetsShapes(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if tf.executing_eagerly():
            return results
        forget = tf.compat.v1.placeholder_with_default
        return tf.nest.map_structure(lambda part: forget(part, [None] * len(part.shape)), results)


@fault(
    "without sequences, a stateful layer forgets its state where steps are masked",
    "a_stateful_layer_goes_on_from_its_last_state",
    against="SimpleRNN: stateful: If",
)
class ForgetsItsStateWithAMask(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        before = [tf.identity(state) for state in self.states or ()]
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if self.stateful and mask is not None and not self.return_sequences:
            for state, old in zip(self.states, before, strict=True):
                state.assign(old)
        return results


@fault(
    "a mask is remembered for the next call of that size",
    "a_call_leaves_no_mask_and_no_state_to_the_next",
)
class RemembersItsMask(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if tf.executing_eagerly():
            self.__dict__.setdefault("masks_of_sizes", {}).setdefault(sequences.shape[:2], mask)
            mask = self.__dict__["masks_of_sizes"][sequences.shape[:2]] if mask is None else mask
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "the configuration of an unrolled layer has no bias",
    "arguments_are_kept_whatever_the_others_are",
)
class UnrolledWithoutBias(SimpleRNN):
    def get_config(self):
        config = super().get_config()
        return {**config, "use_bias": config["use_bias"] and not self.unroll}


@fault(
    "inputs are clipped at 100",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
)
class ClipsLargeInputs(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(tf.clip_by_value(inputs, -100, 100))


@fault(
    "inputs below 1e-3 count as zero",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
)
class DropsSmallInputs(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(tf.where(abs(inputs) < 1e-3, tf.zeros_like(inputs), inputs))


@fault(
    "a step whose inputs are all zero leaves the state as it was",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
)
class SkipsZeroSteps(Wrong):
    def bend_cell(self, right, inputs, states):
        output, _ = right(inputs, states)
        output = tf.where(tf.reduce_all(inputs == 0, axis=1)[:, None], states[0], output)
        return output, [output]


@fault(
    "a step of the inputs of the step before is left out",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
)
class SkipsRepeatedSteps(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        new = tf.reduce_any(inputs[:, 1:] != inputs[:, :-1], axis=2)
        new = tf.pad(new, [[0, 0], [1, 0]], constant_values=True)
        return right(inputs, mask=new if mask is None else tf.logical_and(mask, new))


FAULTS += [
    Fault(
        f"wrong at {size} {dimension} alone",
        f"tests.selftest.one_size:{dimension}_{size}",
        (f"test_{swept}_gives_the_recurrence",),
    )
    for dimension, size, swept in (
        ("units", 64, "every_number_of_units_and_features"),
        ("features", 12, "every_number_of_units_and_features"),
        ("batch", 77, "every_batch_and_time"),
        ("time", 101, "every_batch_and_time"),
    )
]
