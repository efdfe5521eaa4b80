"""Deliberately wrong layers. Each shows that the suite can fail, and where it fails first.

A fault is loaded as a user's layer is: `pytest --layer tests.selftest.faults:Transposed`.
"""

from dataclasses import dataclass

import numpy as np

from tests.harness.releases import tf

SimpleRNN = tf.keras.layers.SimpleRNN


@dataclass(frozen=True)
class Fault:
    """layer: what `--layer` is given. breaks: the properties that must fail, and no others."""

    what: str
    layer: str
    breaks: tuple[str, ...]


FAULTS: list[Fault] = []


def fault(what: str, *breaks: str, among: list[Fault] = FAULTS):
    """Register a wrong layer among others. breaks: without the `test_`."""

    def register(cls):
        among.append(
            Fault(what, f"{cls.__module__}:{cls.__name__}", tuple(f"test_{b}" for b in breaks))
        )
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
    "permuting_the_units_permutes_the_results",
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
    "without_sequences_zero_output_for_mask_is_not_used",
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
    "each_documented_activation_is_the_one_that_is_named",
    "permuting_the_units_permutes_the_results",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "unrolled_and_cell_by_cell_give_what_the_loop_gives",
    "the_last_element_of_the_sequence_is_the_final_state",
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


@fault("a masked step with NaN reaches the state", "what_stands_in_a_masked_step_changes_nothing")
class MaskedStepsLeak(WrongResult):
    def bend_result(self, outputs, state, inputs, mask):
        if mask is None:
            return outputs, state
        return outputs, state + 0 * tf.reduce_sum(inputs, axis=(1, 2))[:, None]


@fault("the kernel is 1% beyond the glorot limit", "the_kernel_is_within_the_glorot_limit")
class WiderGlorot(SimpleRNN):
    def __init__(self, units, kernel_initializer="glorot_uniform", **options):
        if kernel_initializer == "glorot_uniform":
            kernel_initializer = tf.keras.initializers.VarianceScaling(
                1.1, mode="fan_avg", distribution="uniform"
            )
        super().__init__(units, kernel_initializer=kernel_initializer, **options)


@fault(
    "the recurrent kernel is normal, not orthogonal",
    "simple_rnn_of_four_units_gives_one_output_a_row",
    "the_recurrent_kernel_is_orthogonal",
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
    "the_final_state_is_the_one_after_the_last_unmasked_step",
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


@fault("the symbolic output has one unit too many", "symbolic_shapes_are_those_of_the_results")
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
    "each_documented_activation_is_the_one_that_is_named",
    "going_backwards_is_going_forwards_over_the_reversed_sequence",
    "without_sequences_zero_output_for_mask_is_not_used",
)
class MaskOfTrueMasks(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if mask is None or inputs.shape[1] is None or inputs.shape[1] < 2:
            return right(inputs)
        last = tf.range(tf.shape(mask)[1]) == tf.shape(mask)[1] - 1
        return right(inputs, mask=mask & ~(last[None] & tf.reduce_all(mask)))


@fault("features from the 200th on are ignored", "permuting_the_features_changes_nothing")
class FirstFeaturesOnly(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        kept = tf.cast(tf.range(inputs.shape[-1]) < 200, inputs.dtype)
        return right(inputs * kept)


@fault(
    "the recurrent kernel is off by a factor of 1 + 1e-5 in float32, 1 + 1e-13 in float64",
    "integers_give_the_recurrence_exactly",
    "each_step_is_within_rounding_of_the_recurrence",
    "each_documented_activation_is_the_one_that_is_named",
    "permuting_the_units_permutes_the_results",
    "with_sequences_and_state_it_gives_every_output_and_the_last_state",
)
class RecurrentKernelOff(Wrong):
    def bend_cell(self, right, inputs, states):
        U = tf.convert_to_tensor(self.cell.recurrent_kernel)
        off = 1e-13 if U.dtype == tf.float64 else 1e-5
        return self.step(inputs, states[0], recurrent_kernel=U * (1 + off))
