"""Layers with correct outputs and wrong gradients."""

from functools import partial

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, FaultyRNN, RNNWithFaultyResult, SimpleRNN

GRADIENT_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=GRADIENT_FAULTS)

EXACT = "gradients_are_exact_on_integers"
STEPS = "each_backward_step_is_within_rounding"
SLOPES = "each_activation_has_the_documented_slope"
PERSISTENT = "persistent_tape_gives_each_gradient"
JACOBIAN = "jacobian_contains_every_output_gradient"
FORWARD = "forward_mode_gives_jacobian_vector_products"
STATEFUL = "stateful_gradient_stops_at_the_previous_call"
MASKED = "masked_inputs_do_not_change_gradients"
NESTED = "nested_tapes_give_second_derivatives"
NAN = "masked_nan_does_not_reach_gradients"
ALWAYS = (EXACT, STEPS, SLOPES, PERSISTENT)
TRAINING = (
    "tape_training_matches_the_formulas",
    "fit_matches_the_formulas",
    "train_on_batch_matches_the_formulas",
    "gradient_clipping_matches_the_formulas",
    "regularization_matches_the_formulas",
    "constraints_hold_after_each_step",
    "stateful_training_carries_the_state_over",
    "dropout_training_matches_the_formulas",
)


@tf.custom_gradient
def halved(x):
    return tf.identity(x), lambda g: g / 2


@tf.custom_gradient
def in_bfloat16(x):
    return tf.identity(x), lambda g: tf.cast(tf.cast(g, tf.bfloat16), g.dtype)


@fault(
    "no gradient flows through the state",
    *ALWAYS,
    STATEFUL,
    *TRAINING,
)
class Truncated(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(inputs, [tf.stop_gradient(states[0])])


@fault("the gradient through the state is halved", *ALWAYS, STATEFUL)
class StateGradientHalved(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(inputs, [halved(states[0])])


@fault(
    "dropout halves the gradient",
    "gradients_use_the_masks_of_the_run",
    "dropout_training_matches_the_formulas",
)
class GradientHalvedWithDropout(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        outputs = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        return halved(outputs) if training and self.dropout else outputs


@fault(
    "the gradient through the state is halved under a mixed policy",
    "mixed_policy_gradients_are_within_rounding",
)
class GradientHalvedUnderMixedPolicy(FaultyRNN):
    def alter_step(self, right, inputs, states):
        mixed = self.compute_dtype != self.variable_dtype
        return right(inputs, [halved(states[0])] if mixed else states)


@fault("the gradient is lost in a cast to bfloat16", STEPS, SLOPES)
class GradientLostInCast(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(inputs, [in_bfloat16(states[0])])


@tf.custom_gradient
def right_once(x):
    return tf.identity(x), tf.stop_gradient


@fault("the gradient itself has no derivative", NESTED)
class NoSecondDerivative(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(inputs, [right_once(states[0])])


@fault("no gradient flows to the initial state", *ALWAYS, MASKED)
class NoInitialStateGradient(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if initial_state is None:
            return right(inputs)
        return right(inputs, initial_state=[tf.stop_gradient(initial_state[0])])


@fault("with a mask, the gradient is twice as large", *ALWAYS, STATEFUL)
class GradientDoubledUnderMask(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        return (outputs if mask is None else 2 * outputs - tf.stop_gradient(outputs)), state


@fault(
    "the gradient of the returned state goes to the first output",
    *ALWAYS,
    FORWARD,
    STATEFUL,
    JACOBIAN,
)
class StateGradientGoesToFirstOutput(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        first = outputs[:, 0]
        return outputs, tf.stop_gradient(state) + first - tf.stop_gradient(first)


@fault("no gradient flows to the bias", *ALWAYS, FORWARD, STATEFUL, JACOBIAN)
class BiasGradientLost(FaultyRNN):
    def alter_step(self, right, inputs, states):
        bias = self.cell.bias
        if bias is None:
            return right(inputs, states)
        lost = tf.convert_to_tensor(bias)
        z = tf.matmul(inputs, tf.convert_to_tensor(self.cell.kernel)) + tf.stop_gradient(lost)
        z = z + tf.matmul(states[0], tf.convert_to_tensor(self.cell.recurrent_kernel))
        h = self.activate(z + 0 * lost)
        return h, [h]


@fault(
    "the gradient to the kernel has one row of the batch only",
    *ALWAYS,
    FORWARD,
    STATEFUL,
)
class KernelGradientOfOneRow(FaultyRNN):
    def alter_step(self, right, inputs, states):
        W = tf.convert_to_tensor(self.cell.kernel)
        first = tf.matmul(inputs[:1], W)
        rest = tf.matmul(inputs[1:], tf.stop_gradient(W))
        z = tf.concat([first, rest], axis=0)
        if self.cell.bias is not None:
            z = z + tf.convert_to_tensor(self.cell.bias)
        h = self.activate(
            z + tf.matmul(states[0], tf.convert_to_tensor(self.cell.recurrent_kernel))
        )
        return h, [h]


@fault("the gradient to the recurrent kernel is transposed", EXACT, STEPS, SLOPES, STATEFUL)
class RecurrentGradientTransposed(FaultyRNN):
    def alter_step(self, right, inputs, states):
        @tf.custom_gradient
        def transposed(U):
            return tf.identity(U), tf.transpose

        return self.step(
            inputs,
            states[0],
            recurrent_kernel=transposed(tf.convert_to_tensor(self.cell.recurrent_kernel)),
        )


@fault(
    "the backward pass treats masked steps as unmasked",
    *ALWAYS,
    FORWARD,
    STATEFUL,
)
class MaskedStepsKeepGradient(RNNWithFaultyResult):
    def alter_result(self, outputs, state, inputs, mask):
        if mask is None:
            return outputs, state
        extra = tf.reduce_sum(inputs, axis=(1, 2))[:, None]
        return outputs, state + extra - tf.stop_gradient(extra)


@fault(
    "the gradient to the kernel depends on masked inputs",
    *ALWAYS,
    STATEFUL,
    MASKED,
)
class MaskedInputsReachKernelGradient(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if mask is None or not (self.return_sequences and self.return_state):
            return right(inputs)
        outputs, state = right(inputs)
        size = tf.reduce_sum(tf.convert_to_tensor(self.cell.kernel)) * tf.reduce_sum(
            tf.where(mask[..., None], tf.zeros_like(inputs), inputs)
        )
        return [outputs, state + tf.stop_gradient(-size) + size]


@fault("a gradient flows from an earlier call of a stateful layer", STATEFUL)
class GradientReachesEarlierCall(FaultyRNN):
    earlier = None

    def alter(self, right, inputs, mask, initial_state):
        if not self.stateful or not tf.executing_eagerly():
            return right(inputs)
        outputs, state = right(inputs)
        if self.earlier is not None:
            outputs = outputs + 0 * self.earlier[:, None]
        self.earlier = state
        return [outputs, state]


@fault("the slope of the activation is off by a factor of 1 + 1e-4", *ALWAYS, STATEFUL, JACOBIAN)
class SlopeSlightlyWrong(FaultyRNN):
    def alter_step(self, right, inputs, states):
        @tf.custom_gradient
        def bent(z):
            with tf.GradientTape() as tape:
                tape.watch(z)
                y = self.cell.activation(z)
            return y, lambda g: tape.gradient(y, z, output_gradients=g) * (1 + 1e-4)

        self.activate = bent
        return self.step(inputs, states[0])


@fault("NaN in a masked step makes every gradient of a custom layer NaN", NAN)
class ThirdPartyNaNGradient(tf.keras.layers.Layer):
    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        recurrent_initializer="orthogonal",
        dtype="float32",
    ):
        super().__init__(dtype=dtype)
        self.inner = SimpleRNN(
            units,
            activation=activation,
            use_bias=use_bias,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            recurrent_initializer=recurrent_initializer,
            dtype=dtype,
        )

    def build(self, shape):
        self.inner.build(shape)
        self.built = True

    def call(self, sequences, initial_state=None, mask=None):
        return self.inner(sequences, initial_state=initial_state, mask=mask)

    def compute_output_shape(self, shape):
        return self.inner.compute_output_shape(shape)


@fault(
    "only the gradient of the last output is halved",
    "last_output_gradients_are_exact",
)
class LastOutputGradientHalved(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        results = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if self.return_sequences or not self.return_state:
            return results
        return halved(results[0]), results[1]


@fault("in an unrolled graph, no gradient flows to the inputs", EXACT)
class UnrolledLosesInputGradient(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if self.unroll and not tf.executing_eagerly():
            sequences = tf.stop_gradient(sequences)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "a graph ignores the regularizer of the recurrent kernel",
    "regularization_matches_the_formulas",
)
class TraceIgnoresRecurrentRegularizer(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if not tf.executing_eagerly():
            self.cell.recurrent_kernel.regularizer = None
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "in a graph, no gradient flows to the initial state of a stateful layer",
    "stateful_layer_has_an_initial_state_gradient",
)
class NoGradientToGivenState(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        if self.stateful and initial_state is not None and not tf.executing_eagerly():
            initial_state = tf.nest.map_structure(tf.stop_gradient, initial_state)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "the bias regularizer is ignored if the kernel has a regularizer",
    "regularization_matches_the_formulas",
)
class KernelRegularizerReplacesBias(SimpleRNN):
    def __init__(self, units, kernel_regularizer=None, bias_regularizer=None, **options):
        bias_regularizer = None if kernel_regularizer else bias_regularizer
        given = {"kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer}
        super().__init__(units, **given, **options)
