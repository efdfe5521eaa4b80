"""Deliberately wrong layers. Each proves that the properties it names can fail.

A fault is loaded like a custom layer: `pytest --layer tests.selftest.faults.layer:Transposed`.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from packaging.specifiers import SpecifierSet

from tests.harness.target.releases import KERAS, KERAS_2, tf

SimpleRNN: Any = tf.keras.layers.SimpleRNN


@dataclass(frozen=True)
class Fault:
    """A deliberate fault and the properties that detect it.

    description: what the fault does. layer: the value of `--layer`. detected_by: the properties
    that must fail; others may fail, too. plant: a context in which a class of Keras has the fault.
    name: the id of the fault, if not the name of the class. against: the sentences of
    `documentation.toml` that the fault contradicts, each as "Object: beginning of the sentence",
    which means every claimed sentence with this beginning. keras: the releases that can have the
    fault.
    """

    description: str
    layer: str
    detected_by: tuple[str, ...]
    plant: Callable[[], AbstractContextManager] = nullcontext
    name: str = ""
    against: tuple[str, ...] = ()
    keras: str = ""

    def __str__(self) -> str:
        return self.name or self.layer.partition(":")[2]

    @property
    def applies(self) -> bool:
        """Whether the installed release can have the fault."""
        return SpecifierSet(self.keras, prereleases=True).contains(KERAS)

    def is_against(self, documented: str, sentence: str) -> bool:
        """Return whether the fault contradicts that sentence about that object."""
        return any(f"{documented}: {sentence}".startswith(text) for text in self.against)


FAULTS: list[Fault] = []


def as_tuple(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one text or several texts as a tuple."""
    return (given,) if isinstance(given, str) else given


def fault(what: str, *breaks: str, against: str | tuple[str, ...] = (), keras="", among=FAULTS):
    """Decorate a wrong layer to register it.

    what: the description. breaks: the properties that detect it, without `test_`. against, keras:
    as in Fault. among: the list of faults.
    """

    def register(cls):
        tests = tuple(f"test_{b}" for b in breaks)
        name = f"{cls.__module__}:{cls.__name__}"
        among.append(Fault(what, name, tests, against=as_tuple(against), keras=keras))
        return cls

    return register


class FaultyRNN(SimpleRNN):
    """A correct SimpleRNN; faults override `alter_step` for the step or `alter` for the call."""

    def __init__(self, units, **options):
        super().__init__(units, **options)
        right = self.cell.call

        def step(inputs, states, training=None):
            return self.alter_step(right, inputs, states)

        self.cell.call = step

    def alter_step(self, right, inputs, states):
        return right(inputs, states)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        def right(inputs, mask=mask, initial_state=initial_state):
            return super(FaultyRNN, self).call(
                inputs, mask=mask, training=training, initial_state=initial_state
            )

        return self.alter(right, sequences, mask, initial_state)

    def alter(self, right, inputs, mask, initial_state):
        return right(inputs)

    def activate(self, z):
        return z if self.activation is None else self.activation(z)

    def step(self, x, h, kernel=None, recurrent_kernel=None):
        """Return act(x W + h U + b), with the given weights in place of the layer's."""
        W = self.cell.kernel if kernel is None else kernel
        U = self.cell.recurrent_kernel if recurrent_kernel is None else recurrent_kernel
        z = tf.matmul(x, tf.convert_to_tensor(W)) + tf.matmul(h, tf.convert_to_tensor(U))
        if self.cell.bias is not None:
            z = z + tf.convert_to_tensor(self.cell.bias)
        h = self.activate(z)
        return h, [h]


@fault(
    "W_hh is transposed",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
    "layer_applies_the_named_activation",
    "layer_returns_all_outputs_and_last_state",
    against="SimpleRNN: Fully-connected RNN",
)
class Transposed(FaultyRNN):
    def alter_step(self, right, inputs, states):
        U = tf.transpose(tf.convert_to_tensor(self.cell.recurrent_kernel))
        return self.step(inputs, states[0], recurrent_kernel=U)


@fault(
    "the lesson's sentence: h = x_i W_xh + h W_hh + b at each step, with the activation applied to "
    "the last value only",
    "layer_applies_the_named_activation",
    "layer_returns_all_outputs_and_last_state",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
    "last_output_is_the_final_state",
    "final_state_follows_the_last_unmasked_step",
)
class ActivatesOnlyTheLastStep(FaultyRNN):
    def alter_step(self, right, inputs, states):
        z = tf.matmul(inputs, tf.convert_to_tensor(self.cell.kernel))
        z = z + tf.matmul(states[0], tf.convert_to_tensor(self.cell.recurrent_kernel))
        if self.cell.bias is not None:
            z = z + tf.convert_to_tensor(self.cell.bias)
        return self.activate(z), [z]


@fault(
    "outputs are off by one unit in the last place",
    "layer_applies_the_named_activation",
    "outputs_are_exact_on_integers",
)
class OffByOneRounding(FaultyRNN):
    def alter_step(self, right, inputs, states):
        output, _ = right(inputs, states)
        if output.dtype == tf.float32:
            output = output * tf.constant(1 + 2.0**-23)
        return output, [output]


@fault(
    "the recurrent kernel is rounded to bfloat16, in which small integers are exact",
    "each_step_is_within_rounding_of_the_recurrence",
    "layer_applies_the_named_activation",
    "layer_returns_all_outputs_and_last_state",
)
class RecurrentKernelRoundedToBfloat16(FaultyRNN):
    def alter_step(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        U = tf.cast(tf.cast(U, tf.bfloat16), U.dtype)
        return self.step(inputs, states[0], recurrent_kernel=U)


@fault(
    "the layer uses tanh instead of softsign",
    "each_step_is_within_rounding_of_the_recurrence",
    "layer_applies_the_named_activation",
)
class SoftsignIsTanh(FaultyRNN):
    def activate(self, z):
        return (
            tf.tanh(z)
            if self.cell.activation is tf.keras.activations.softsign
            else super().activate(z)
        )

    def alter_step(self, right, inputs, states):
        return self.step(inputs, states[0])


@fault(
    "softmax normalizes over the batch",
    "layer_applies_the_named_activation",
)
class SoftmaxOverBatch(FaultyRNN):
    def alter_step(self, right, inputs, states):
        if self.cell.activation is not tf.keras.activations.softmax:
            return right(inputs, states)
        self_activation = self.activate
        self.activate = lambda z: tf.nn.softmax(z, axis=0)
        try:
            return self.step(inputs, states[0])
        finally:
            self.activate = self_activation


class RNNWithFaultyResult(FaultyRNN):
    """A layer that changes its outputs and state after a correct run."""

    def alter(self, right, inputs, mask, initial_state):
        result = right(inputs)
        if not (self.return_sequences and self.return_state):
            return result
        outputs, state = result
        outputs, state = self.alter_result(outputs, state, inputs, mask)
        return [outputs, state]


@fault(
    "the returned state is one step late",
    "layer_returns_all_outputs_and_last_state",
    "outputs_are_exact_on_integers",
    "unrolled_and_cell_loops_match_eager",
    "return_flags_select_the_results",
    "last_output_is_the_final_state",
    "final_state_follows_the_last_unmasked_step",
    "split_run_continues_from_the_returned_state",
)
class StateDelayedByOneStep(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        return outputs, outputs[:, -2] if outputs.shape[1] > 1 else state


@fault(
    "right only up to 16 units",
    "permuting_the_units_permutes_the_results",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
)
class UpTo16Units(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        wrong = tf.cast(tf.range(outputs.shape[-1]) < 16, outputs.dtype)
        return outputs * wrong, state


@fault("NaN in a later step leaks into the first", "later_inputs_do_not_affect_earlier_outputs")
class LaterNaNReachesFirstStep(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        if mask is not None:
            return outputs, state
        return (outputs + 0 * tf.reduce_sum(inputs, axis=(1, 2))[:, None, None]), state


@fault("an infinity in one row makes all rows NaN", "infinite_row_affects_no_other_row")
class InfinityLeaksAcrossRows(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(inputs) + tf.reduce_sum(0 * inputs)


@fault("NaN in one row leaks into the others", "batch_rows_are_independent")
class NaNLeaksAcrossRows(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        bad = tf.reduce_any(~tf.math.is_finite(inputs), axis=(1, 2))
        leak = tf.reduce_any(bad) & ~bad
        return outputs, state + tf.cast(tf.where(leak, np.nan, 0.0), state.dtype)[:, None]


@fault(
    "a masked step with NaN reaches the state",
    "masked_inputs_have_no_effect",
    against="SimpleRNN: mask: An individual `True`",
)
class MaskedNaNReachesState(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        if mask is None:
            return outputs, state
        return outputs, state + 0 * tf.reduce_sum(inputs, axis=(1, 2))[:, None]


@fault(
    "the kernel exceeds the Glorot limit by a fifth",
    "the_kernel_is_within_the_glorot_limit",
    "layer_returns_one_output_for_each_row",
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
    "layer_returns_one_output_for_each_row",
    "the_recurrent_kernel_is_orthogonal",
    against="Orthogonal: Initializer that generates",
)
class NormalRecurrentKernel(SimpleRNN):
    def __init__(self, units, recurrent_initializer="random_normal", **options):
        super().__init__(units, recurrent_initializer=recurrent_initializer, **options)


@fault(
    "the bias is not zero",
    "layer_returns_one_output_for_each_row",
    "the_bias_is_zero",
)
class BiasOfOnes(SimpleRNN):
    def __init__(self, units, bias_initializer="ones", **options):
        super().__init__(units, bias_initializer=bias_initializer, **options)


@fault(
    "the default initial state is ones",
    "layer_applies_the_named_activation",
    "go_backwards_equals_running_the_reversed_sequence",
    "layer_returns_all_outputs_and_last_state",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
    "unrolled_and_cell_loops_match_eager",
    "initial_state_defaults_to_zero",
)
class InitialStateOfOnes(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if initial_state is None and not self.go_backwards:
            ones = tf.ones((tf.shape(inputs)[0], self.units), inputs.dtype)
            return right(inputs, initial_state=[ones])
        return right(inputs)


@fault(
    "unrolled outputs are off by one unit in the last place",
    "unrolled_and_cell_loops_match_eager",
)
class UnrolledOffByOne(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        if self.unroll and outputs.dtype == tf.float32:
            outputs = outputs * tf.constant(1 + 2.0**-23)
        return outputs, state


@fault(
    "the symbolic output has one unit too many",
    "symbolic_shapes_match_the_results",
    "compute_output_shape_matches_the_results",
)
class SymbolicShapeOneUnitLarger(FaultyRNN):
    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        return (*sequences_shape[:-1], self.units + 1)

    def alter(self, right, inputs, mask, initial_state):
        result = right(inputs)
        if tf.executing_eagerly():
            return result
        return tf.nest.map_structure(lambda part: tf.concat([part, part], axis=-1), result)


@fault(
    "get_weights returns the recurrent kernel first",
    "weights_have_documented_order_and_shapes",
    "the_kernel_is_within_the_glorot_limit",
    "the_recurrent_kernel_is_orthogonal",
    "layer_returns_one_output_for_each_row",
    "layer_returns_all_outputs_and_last_state",
)
class RecurrentKernelFirst(SimpleRNN):
    def get_weights(self):
        kernel, recurrent_kernel, *bias = super().get_weights()
        return [recurrent_kernel, kernel, *bias]


@fault(
    "an all-true mask masks the last step",
    "all_true_mask_has_no_effect",
    "zero_output_for_mask_requires_return_sequences",
    against="SimpleRNN: mask: An individual `True`",
)
class AllTrueMaskMasksLastStep(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if mask is None or inputs.shape[1] is None or inputs.shape[1] < 2:
            return right(inputs)
        last = tf.range(tf.shape(mask)[1]) == tf.shape(mask)[1] - 1
        return right(inputs, mask=mask & ~(last[None] & tf.reduce_all(mask)))


@fault(
    "the layer ignores features from the 200th on",
    "permuting_the_features_changes_nothing",
    against=("SimpleRNN: inputs: A 3D tensor", "SimpleRNN: sequence: A 3D tensor"),
)
class IgnoresFeaturesFrom200(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        kept = tf.cast(tf.range(inputs.shape[-1]) < 200, inputs.dtype)
        return right(inputs * kept)


@fault(
    "the recurrent kernel is off by a factor of 1 + 1e-5 in float32, 1 + 1e-13 in float64",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
    "layer_applies_the_named_activation",
    "layer_returns_all_outputs_and_last_state",
)
class RecurrentKernelSlightlyWrong(FaultyRNN):
    def alter_step(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        off = 1e-13 if U.dtype == tf.float64 else 1e-5
        return self.step(inputs, states[0], recurrent_kernel=U * (1 + off))


class IgnoresArgument(SimpleRNN):
    """A SimpleRNN that accepts an argument and ignores it."""

    forgotten = ""

    def __init__(self, units, **options):
        options.pop(self.forgotten, None)
        super().__init__(units, **options)


@fault(
    "the layer ignores the constraint of the kernel",
    "constraint_holds_for_its_weight_only",
)
class IgnoresKernelConstraint(IgnoresArgument):
    forgotten = "kernel_constraint"


@fault(
    "the layer ignores `trainable=False`",
    "non_trainable_layer_is_not_trained",
    "frozen_weights_do_not_change",
)
class AlwaysTrainable(IgnoresArgument):
    forgotten = "trainable"


@fault(
    "the layer ignores go_backwards",
    "bidirectional_runs_and_merges_both_directions",
    "go_backwards_equals_running_the_reversed_sequence",
    against="SimpleRNN: go_backwards: If `True`",
)
class IgnoresGoBackwards(IgnoresArgument):
    forgotten = "go_backwards"


@fault("the layer ignores return_state", "bidirectional_accepts_the_layer_call_arguments")
class IgnoresReturnState(IgnoresArgument):
    forgotten = "return_state"


@fault(
    "the configuration lacks go_backwards",
    "each_argument_is_kept",
    "combined_arguments_are_kept",
    "copied_layer_matches_the_reference",
)
class ConfigWithoutGoBackwards(SimpleRNN):
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "go_backwards"}


@fault(
    "a trace ignores the initial state",
    "model_matches_the_reference",
)
class TraceIgnoresInitialState(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(inputs) if tf.executing_eagerly() else right(inputs, initial_state=None)


@fault("the layer has no bias by default", "layer_has_the_documented_defaults")
class DefaultsToNoBias(SimpleRNN):
    def __init__(self, units, use_bias=False, **options):
        super().__init__(units, use_bias=use_bias, **options)


@fault(
    "the regularizers of the two kernels are exchanged",
    "regularizer_penalizes_its_weight_only",
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
    "a custom layer ignores the activity regularizer",
    "activity_regularizer_adds_its_loss",
    against="SimpleRNN: activity_regularizer: Regularizer",
)
class CustomLayerWithoutActivityRegularizer(tf.keras.layers.RNN):
    def __init__(self, units, activation="tanh", activity_regularizer=None, **options):
        super().__init__(tf.keras.layers.SimpleRNNCell(units, activation), **options)


@fault("an unknown activation name means no activation", "layer_rejects_an_invalid_value")
class AcceptsUnknownActivations(SimpleRNN):
    def __init__(self, units, activation="tanh", **options):
        known = callable(activation) or hasattr(tf.keras.activations, str(activation))
        super().__init__(units, activation=activation if known else None, **options)


@fault(
    "the layer pads a mask with too few steps",
    "wrong_shape_is_rejected_without_side_effects",
    against="SimpleRNN: mask: Binary tensor",
)
class PadsShortMasks(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if mask is not None and mask.shape[1] is not None and inputs.shape[1] is not None:
            mask = tf.pad(mask, [[0, 0], [0, max(0, inputs.shape[1] - mask.shape[1])]])
        return right(inputs, mask=mask)


@fault(
    "a graph ignores the mask of the previous layer",
    "implicit_mask_equals_an_explicit_mask",
)
class TraceIgnoresImplicitMask(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        implied = getattr(inputs, "_keras_mask", None) is not None
        return right(inputs, mask=None if implied and not tf.executing_eagerly() else mask)


@fault(
    "with a mixed policy, the weights have a half dtype",
    "mixed_policy_uses_half_compute_and_float32_weights",
)
class HalfWeights(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        dtype = dtype.removeprefix("mixed_") if isinstance(dtype, str) else dtype
        super().__init__(units, dtype=dtype, **options)


@fault("the layer ignores its dtype", "weights_have_the_given_dtype")
class IgnoresDtype(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        super().__init__(units, dtype="float32" if dtype == "float64" else dtype, **options)


@fault(
    "the layer ignores the global policy",
    "layer_without_dtype_uses_the_global_policy",
)
class IgnoresGlobalPolicy(SimpleRNN):
    def __init__(self, units, dtype=None, **options):
        super().__init__(units, dtype=dtype or "float32", **options)


@fault("inputs of another dtype are replaced by ones", "inputs_of_another_dtype_are_cast")
class ReplacesOtherDtypesByOnes(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        if tf.as_dtype(inputs.dtype).name != self.compute_dtype:
            inputs = tf.ones_like(inputs)
        return super().__call__(inputs, *args, **more)


@fault(
    "a mask of numbers has no effect",
    "mask_accepts_any_dtype_and_trailing_axis",
    against="SimpleRNN: mask: Binary tensor",
)
class IgnoresNonBooleanMasks(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(inputs, mask=mask if mask is None or mask.dtype == tf.bool else None)


@fault(
    "the layer ignores the mask of its inputs",
    "implicit_mask_equals_an_explicit_mask",
)
class IgnoresImplicitMasks(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        inputs = tf.identity(inputs) if isinstance(inputs, tf.Tensor) else inputs
        return super().__call__(inputs, *args, **more)


@fault("the layer does not propagate the mask", "mask_propagates_to_the_next_layer")
class DoesNotPropagateMasks(SimpleRNN):
    def compute_mask(self, inputs, mask=None):
        return None


class CellWithNegatedState(tf.keras.layers.SimpleRNNCell):
    def call(self, *args, **more):
        output, _ = super().call(*args, **more)
        return output, [-output]


@fault("the cell's state is minus its output", "stacked_cells_match_the_reference")
class NegatesCellState(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = CellWithNegatedState


@fault("a reset does not change the state", "stateful_layer_carries_the_state_over")
class ResetDoesNothing(SimpleRNN):
    def reset_state(self):
        pass

    def reset_states(self, states=None):
        pass


@fault(
    "float64 inputs are cast to a half dtype first",
    "float64_inputs_keep_the_layer_precision",
)
class CastsThroughFloat16(SimpleRNN):
    def __call__(self, inputs, *args, **more):
        if inputs.dtype == tf.float64 and self.compute_dtype == "float32":
            inputs = tf.cast(inputs, tf.float16)
        return super().__call__(inputs, *args, **more)


@fault("a reset multiplies the state by zero", "reset_state_clears_nan")
class ResetMultipliesByZero(SimpleRNN):
    def reset_state(self):
        self.states[0].assign(self.states[0] * 0)

    def reset_states(self, states=None):
        super().reset_states(states) if states is not None else ResetMultipliesByZero.reset_state(
            self
        )


@fault("a cast of the inputs loses their mask", "mask_propagates_to_layer_of_another_dtype")
class LosesMaskWhenCasting(SimpleRNN):
    def __call__(self, inputs, **more):
        same = inputs.dtype == self.compute_dtype
        return super().__call__(inputs if same else tf.cast(inputs, self.compute_dtype), **more)


@fault(
    "the layer does not propagate an explicit mask", "explicit_mask_propagates_to_the_next_layer"
)
class DoesNotPropagateExplicitMask(SimpleRNN):
    def __call__(self, inputs, mask=None, **more):
        results = super().__call__(inputs, mask=mask, **more)
        return results if mask is None else tf.nest.map_structure(tf.identity, results)


@fault("an initial state that is not a list is ignored", "initial_state_accepts_any_form")
class IgnoresTensorState(SimpleRNN):
    def __call__(self, inputs, initial_state=None, **more):
        listed = initial_state if isinstance(initial_state, list) else None
        return super().__call__(inputs, initial_state=listed, **more)


@fault("the attribute trainable cannot be changed", "trainable_may_be_set_at_any_time")
class CannotBeFrozen(SimpleRNN):
    @property
    def trainable_weights(self):
        return list(self.weights)


@fault("the last output has a mask", "mask_propagates_only_with_sequences")
class MaskOfLastOutput(SimpleRNN):
    def compute_mask(self, inputs, mask):
        masks = super().compute_mask(inputs, mask)
        return masks if self.return_state else mask


@fault("training changes the state", "training_does_not_train_the_state")
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
    "stateful_layer_rejects_another_batch_size",
)
class AcceptsAnyBatchSize(FaultyRNN):
    def __call__(self, inputs, **more):
        if self.stateful and self.states is not None:
            rows = self.states[0].shape[0]
            if inputs.shape[0] not in (None, rows):
                inputs = tf.repeat(inputs[:1], rows, axis=0)
        return super().__call__(inputs, **more)


@fault(
    "in a trace with a known shape, every output is too large by 1",
    "converted_layer_matches_the_reference",
)
class WrongForStaticShape(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        fixed = not tf.executing_eagerly() and None not in inputs.shape
        return (outputs + 1 if fixed else outputs), state


@fault(
    "in a trace, each batch starts from zeros",
    "predict_and_fit_carry_the_state_over",
)
class TraceStartsFromZeroState(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if tf.executing_eagerly() or not self.stateful:
            return right(inputs)
        zero = tf.zeros((inputs.shape[0], self.units), inputs.dtype)
        return right(inputs, initial_state=[zero])


@fault(
    "in training, the outputs are larger",
    "training_has_no_effect_without_dropout",
    against="SimpleRNN: training: This is only relevant",
)
class LargerOutputsInTraining(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        grown = 1.0625 if training else 1.0
        return tf.nest.map_structure(lambda part: part * tf.cast(grown, part.dtype), results)


@fault(
    "each call increases the bias",
    "repeated_calls_agree_and_keep_variables",
)
class CallIncrementsBias(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        results = right(inputs)
        if self.cell.bias is not None:
            self.cell.bias.assign(tf.convert_to_tensor(self.cell.bias) + 1)
        return results


@fault(
    "the layer keeps the inputs of a call in an attribute, which threads share",
    "threaded_calls_match_sequential_calls",
)
class NotThreadSafe(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        self.__dict__["inputs_of_the_call"] = inputs
        time.sleep(0.01)
        return right(self.__dict__["inputs_of_the_call"])


@fault("the layer keeps a reference to every result", "repeated_calls_do_not_leak_tensors")
class LeaksResults(FaultyRNN):
    kept: ClassVar[list] = []

    def alter(self, right, inputs, mask, initial_state):
        results = right(inputs)
        self.kept.append(results)
        return results


class CellWithInitialOnes(tf.keras.layers.SimpleRNNCell):
    def get_initial_state(self, *args, **more):
        return tf.nest.map_structure(tf.ones_like, super().get_initial_state(*args, **more))

    def call(self, inputs, states, training=None):
        bare = not isinstance(states, (list, tuple))
        output, after = super().call(inputs, states)
        return (output + 1, after) if bare else (output, after)


@fault(
    "the cell starts from ones, and adds one to its output if its state is a bare tensor",
    "cell_initial_state_is_zero_in_its_dtype",
    "cell_of_the_layer_computes_one_step",
)
class CellStartsFromOnes(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        self.cell.__class__ = CellWithInitialOnes


@fault(
    "Bidirectional uses the layer itself instead of a copy",
    "bidirectional_does_not_reuse_layer_weights",
    against="Bidirectional: Note: instantiating",
)
class BidirectionalSharesLayer(SimpleRNN):
    asked: Any = None

    def get_config(self):
        type(self).asked = self
        return super().get_config()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return super().from_config(config) if config["go_backwards"] else cls.asked


@fault(
    "in float64 only, the recurrent kernel is off by a factor of 1 + 1e-13",
    "each_step_is_within_rounding_of_the_recurrence",
)
class SlightlyWrongInFloat64(FaultyRNN):
    def alter_step(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        return self.step(
            inputs, states[0], recurrent_kernel=U * (1 + 1e-13) if U.dtype == tf.float64 else U
        )


@fault("right only up to 32 steps", "outputs_are_exact_on_integers")
class UpTo32Steps(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 32, outputs.dtype)
        return outputs * right[:, None], state


@fault("right only up to 256 steps", "long_sequences_are_exact_on_integers")
class UpTo256Steps(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 256, outputs.dtype)
        return outputs * right[:, None], state


@fault("each row has the outputs of the first row", "outputs_are_exact_on_integers")
class RepeatsFirstRow(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        return tf.gather(outputs, tf.zeros_like(tf.range(tf.shape(outputs)[0]))), state


@fault("right only up to 64 unrolled steps", "long_sequences_are_exact_on_integers")
class UnrolledUpTo64Steps(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[1]) < 64, outputs.dtype)
        return (outputs * right[:, None] if self.unroll else outputs), state


@fault("right only up to 256 rows", "outputs_are_exact_on_integers")
class UpTo256Rows(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(tf.shape(outputs)[0]) < 256, outputs.dtype)
        return outputs * right[:, None, None], state


@fault("right only up to 256 units", "outputs_are_exact_on_integers")
class UpTo256Units(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        right = tf.cast(tf.range(self.units) < 256, outputs.dtype)
        return outputs * right, state


@fault("outputs near zero are rounded to zero", "each_step_is_within_rounding_of_the_recurrence")
class FlushesSmallOutputs(FaultyRNN):
    def alter_step(self, right, inputs, states):
        output, _ = right(inputs, states)
        output = tf.where(tf.abs(output) < 1e-7, tf.zeros_like(output), output)
        return output, [output]


@fault(
    "NaN in the inputs is replaced by a number",
    "non_finite_inputs_propagate_as_in_the_recurrence",
)
class HidesNaN(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(tf.where(tf.math.is_nan(inputs), tf.zeros_like(inputs), inputs), states)


@fault(
    "a second call in a graph uses the mask of the first call",
    "shared_layer_calls_are_independent",
)
class TraceReusesFirstMask(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if not tf.executing_eagerly() and mask is not None:
            tf.compat.v1.add_to_collection(self.name, mask)
            mask = tf.compat.v1.get_collection(self.name)[0]
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "a stateless call uses the weights of the layer instead of the given ones",
    "outputs_are_exact_on_integers",
)
class StatelessCallIgnoresGivenWeights(SimpleRNN):
    def stateless_call(self, trainable_variables, non_trainable_variables, *args, **more):
        return self(*args, **more), non_trainable_variables


@fault("the state has a half dtype", "state_has_a_dtype_of_the_layer")
class StateInFloat16(SimpleRNN):
    states: list

    def build(self, *args, **more):
        super().build(*args, **more)
        if self.stateful:
            self.states = [tf.Variable(tf.zeros(s.shape, tf.float16)) for s in self.states]


@fault(
    "a new unrolled stateful layer has a state of ones",
    "new_stateful_layer_has_zero_state",
)
class NewStatefulLayerStartsFromOnes(SimpleRNN):
    def build(self, *shapes):
        super().build(*shapes)
        if self.unroll and self.stateful:
            self.states[0].assign(tf.ones_like(self.states[0]))


@fault("a trace loses the static number of units", "trace_has_static_result_shapes")
class TraceLosesUnits(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if tf.executing_eagerly():
            return results
        forget = tf.compat.v1.placeholder_with_default
        return tf.nest.map_structure(lambda part: forget(part, [None] * len(part.shape)), results)


@fault(
    "without sequences, a stateful layer loses its state at masked steps",
    "stateful_layer_carries_the_state_over",
    against="SimpleRNN: stateful: If",
)
class LosesStateUnderMask(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        before = [tf.identity(state) for state in self.states or ()]
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if self.stateful and mask is not None and not self.return_sequences:
            for state, old in zip(self.states, before, strict=True):
                state.assign(old)
        return results


@fault(
    "the mask of a call is used again in the next call of that size",
    "mask_and_state_do_not_persist",
)
class ReusesPreviousMask(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if tf.executing_eagerly():
            self.__dict__.setdefault("masks_of_sizes", {}).setdefault(sequences.shape[:2], mask)
            mask = self.__dict__["masks_of_sizes"][sequences.shape[:2]] if mask is None else mask
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "the configuration of an unrolled layer has use_bias=False",
    "combined_arguments_are_kept",
)
class UnrolledConfigLosesBias(SimpleRNN):
    def get_config(self):
        config = super().get_config()
        return {**config, "use_bias": config["use_bias"] and not self.unroll}


@fault(
    "inputs are clipped at 100",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
)
class ClipsLargeInputs(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(tf.clip_by_value(inputs, -100, 100))


@fault(
    "inputs below 1e-3 are replaced by zero",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
)
class DropsSmallInputs(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(tf.where(abs(inputs) < 1e-3, tf.zeros_like(inputs), inputs))


@fault(
    "a step whose inputs are zero does not change the state",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
)
class SkipsZeroSteps(FaultyRNN):
    def alter_step(self, right, inputs, states):
        output, _ = right(inputs, states)
        output = tf.where(tf.reduce_all(inputs == 0, axis=1)[:, None], states[0], output)
        return output, [output]


@fault(
    "a step with the inputs of the previous step is skipped",
    "outputs_are_exact_on_integers",
    "each_step_is_within_rounding_of_the_recurrence",
)
class SkipsRepeatedSteps(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        new = tf.reduce_any(inputs[:, 1:] != inputs[:, :-1], axis=2)
        new = tf.pad(new, [[0, 0], [1, 0]], constant_values=True)
        return right(inputs, mask=new if mask is None else tf.logical_and(mask, new))


FAULTS += [
    Fault(
        f"wrong at {size} {dimension} alone",
        f"tests.selftest.faults.one_size:{dimension}_{size}",
        (f"test_{swept}_is_exact",),
    )
    for dimension, size, swept in (
        ("units", 64, "every_number_of_units_and_features"),
        ("features", 12, "every_number_of_units_and_features"),
        ("batch", 77, "every_batch_and_time"),
        ("time", 101, "every_batch_and_time"),
    )
]
