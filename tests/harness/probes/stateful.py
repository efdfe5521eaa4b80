"""A stateful layer in a sequence of calls, resets and rejected calls, and its expected state."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases.case import Case, noise, replace
from tests.harness.compare.assertions import assert_same
from tests.harness.paths.path import Path, call_tensors
from tests.harness.target import layer
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import reset_state, set_state, stateful_start

STATEFUL_CHOICES = {
    "batch": (2, 1, 3),
    "large": (None,),
    "activation": (CLIP,),
    "initial_state": (False,),
    "mask": ("random", None, "leading"),
    "zero_output_for_mask": (False,),
    "magnitude": ("one",),
}
"""The cases of stateful layers: few batch sizes, because each needs another layer and trace."""

SEEDS = st.integers(0, 99)
STATEFUL_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), SEEDS, st.integers(1, 4)),
        st.tuples(st.just("call with a state"), SEEDS),
        st.tuples(st.just("reset")),
        st.tuples(st.just("set the state"), SEEDS),
        st.tuples(st.just("set the weights"), SEEDS),
        st.tuples(st.just("reject another batch"), SEEDS),
        st.tuples(st.just("reject other features"), SEEDS),
    ),
    max_size=8,
)
"""A strategy of steps: the name of a method of StatefulLayer, and its arguments."""


def small_integers(seed: int, *shape: int) -> np.ndarray:
    """Return integers from -1 to 1: with the activation CLIP, sums are exact in every dtype."""
    return np.floor(noise(seed, shape) * 3) - 1


def integer_layer(units: int, features: int, batch: int | None = None, **options):
    """Return the layer under test, built, with `small_integers` as weights."""
    made = layer.under_test().build(units, features, batch, **options)
    layer.set_weights(
        made, *(small_integers(i, *w.shape) for i, w in enumerate(made.get_weights()))
    )
    return made


FRACTION_BITS = {"float32": 16, "float64": 40}


def exact_values(dtype: str, seed: int, *shape: int) -> np.ndarray:
    """Return numbers in [-1, 1] with FRACTION_BITS fractional bits; integers for half types.

    Sums of tens of products of these numbers with small integers are exact in the dtype.
    """
    bits = FRACTION_BITS.get(dtype, 0)
    return np.ldexp(np.round(np.ldexp(2 * noise(seed, shape) - 1, bits)), -bits)


class StatefulLayer:
    """The stateful layer of a case on a path, and its expected state (batch, units).

    mixed: whether it has a mixed policy. sequences: whether it returns sequences.
    """

    def __init__(self, case: Case, path: Path, mixed: bool, sequences: bool):
        self.path = path.with_options(dtype=f"mixed_{case.dtype}") if mixed else path
        self.case, self.state = case, np.zeros((case.batch, case.units))
        flags = {"return_sequences": sequences, "return_state": True}
        self.made = self.path.layer(case, stateful=True, **flags)
        self.sequences = sequences
        self.reset()

    def apply(self, step: tuple) -> None:
        """Take one of STATEFUL_STEPS; raise Mismatch if its results or the new state are wrong."""
        what, *values = step
        getattr(self, what.replace(" ", "_"))(*values)
        assert_same("kept state", np.asarray(self.made.states[0]), self.state)

    def _next(self, seed: int, time: int) -> Case:
        """Return a case that starts from the expected state."""
        shape = (self.case.batch, time)
        mask = None if self.case.mask is None else noise(seed + 1, shape) < 0.7
        inputs = exact_values(self.case.dtype, seed, *shape, self.case.features)
        return replace(self.case, inputs=inputs, mask=mask, initial_state=self.state)

    def _run(self, case: Case, **given) -> None:
        outputs, state = self.path.results(replace(case, initial_state=None), self.made, **given)
        expected, self.state = case.expected()
        assert_same("outputs", outputs, expected if self.sequences else expected[:, -1])
        assert_same("state", state, self.state)

    def call(self, seed: int, time: int) -> None:
        self._run(self._next(seed, time))

    def call_with_a_state(self, seed: int) -> None:
        if "initial_state" not in layer.under_test().features:
            return
        given = exact_values(self.case.dtype, seed + 2, *self.state.shape)
        self.state = stateful_start(given, self.state)
        case = self._next(seed, 2)
        arguments = call_tensors(replace(case, initial_state=given))
        self._run(case, initial_state=arguments["initial_state"])

    def reset(self) -> None:
        with layer_call():
            reset_state(self.made)
        self.state = np.zeros_like(self.state)

    def set_the_state(self, seed: int) -> None:
        self.state = exact_values(self.case.dtype, seed, *self.state.shape)
        with layer_call():
            set_state(self.made, self.state)

    def set_the_weights(self, seed: int) -> None:
        shapes = [w.shape for w in self.case.weights]
        weights = [small_integers(8 * seed + i, *shape) for i, shape in enumerate(shapes)]
        names = ("kernel", "recurrent_kernel", "bias")[: len(weights)]
        changes: dict[str, Any] = dict(zip(names, weights, strict=True))
        self.case = replace(self.case, **changes)
        layer.set_weights(self.made, *weights)

    def reject_another_batch(self, seed: int) -> None:
        self._assert_rejected("inputs of another batch", seed, axis=0)

    def reject_other_features(self, seed: int) -> None:
        if not self.path.traced:  # a tf.function rejects another shape before the layer sees it
            self._assert_rejected("inputs of other features", seed, axis=2)

    def _assert_rejected(self, what: str, seed: int, axis: int) -> None:
        case = replace(self._next(seed, 2), initial_state=None, mask=None)
        more = replace(case, inputs=np.concatenate([case.inputs] * 2, axis))
        assert_rejected(what, lambda: self.path.results(more, self.made))
