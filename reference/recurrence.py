"""The recurrence that the documentation of SimpleRNN states: h_t = act(x_t W + h_{t-1} U + b).

Shapes: inputs (batch, time, features), kernel W (features, units), recurrent kernel U
(units, units), bias b (units,), initial state h_0 and final state (batch, units), mask
(batch, time), outputs (batch, time, units) in the order of processing.
"""

from dataclasses import dataclass

import numpy as np

from reference.activations import ACTIVATIONS, Activation
from reference.formats import Array


@dataclass(frozen=True)
class Recurrence:
    """A SimpleRNN with its weights.

    bias: None where `use_bias=False`.
    go_backwards: "If `True`, process the input sequence backwards and return the reversed
        sequence": step 0 is the last element of the inputs, and outputs keep that order.
    zero_output_for_mask: "Whether the output should use zeros for the masked timesteps."
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None = None
    activation: str = "tanh"
    go_backwards: bool = False
    zero_output_for_mask: bool = False

    @property
    def units(self) -> int:
        return self.recurrent_kernel.shape[0]

    @property
    def function(self) -> Activation:
        return ACTIVATIONS[self.activation]

    def in_order(self, sequence: Array) -> Array:
        """Return inputs or a mask, (batch, time, ...), in order of processing."""
        return sequence[:, ::-1] if self.go_backwards else sequence

    def preactivation(self, x: Array, state: Array) -> Array:
        """Return z = x W + b + h U for x (..., features) and h (..., units), in their dtype."""
        kind = np.result_type(x, state)
        z = x @ self.kernel.astype(kind) + state @ self.recurrent_kernel.astype(kind)
        return z if self.bias is None else z + self.bias.astype(kind)

    def run(self, inputs: Array, initial_state: Array | None = None, mask: Array | None = None):
        """Return all outputs (batch, time, units) and the final state (batch, units).

        inputs: (batch, time, features). initial_state: (batch, units); None means zeros. mask:
        (batch, time), booleans or numbers. A masked step does not change the state. It repeats the
        output of the step before it, and zero before the first unmasked step ("In the case that
        T = 0, a zero filled tensor will be used", keras.backend.rnn). With `zero_output_for_mask`
        its output is zero.
        """
        batch, time, _ = inputs.shape
        state = zero_state(batch, self.units) if initial_state is None else initial_state
        output = zero_state(batch, self.units)
        outputs = np.zeros((batch, time, self.units))
        x, live = self.in_order(inputs), self.in_order(used_steps(inputs, mask))
        for t in range(time):
            used = live[:, t, None]
            with np.errstate(invalid="ignore"):  # inf - inf is NaN, here as in TensorFlow
                new = self.function.f(self.preactivation(x[:, t], state))
            state = np.where(used, new, state)
            output = np.where(used, new, 0 if self.zero_output_for_mask else output)
            outputs[:, t] = output
        return outputs, state


def zero_state(batch: int, units: int) -> Array:
    return np.zeros((batch, units))


def used_steps(inputs: Array, mask: Array | None) -> Array:
    """Return the mask as booleans (batch, time); without a mask every step is used."""
    return np.ones(inputs.shape[:2], bool) if mask is None else mask.astype(bool)
