"""A stateful layer, driven through calls, resets and refusals, beside a state in NumPy."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.harness import drawing, layer
from tests.harness.cases import Case, noise, replace
from tests.harness.compare import Mismatch, assert_same
from tests.harness.layer import CLIP
from tests.harness.paths import Path, arguments_of, the_layer
from tests.harness.releases import reset_state, set_state, starting_state

CHOICES = {
    "batch": (2, 3, 5),
    "large": (None,),
    "activation": (CLIP,),
    "initial_state": (False,),
    "mask": ("random", None, "leading"),
    "go_backwards": (True, False),
    "zero_output_for_mask": (False,),
}
"""A run is of few layers, and Hypothesis begins with the first of each: let these meet."""
PLANS = 2  # a trace is made for each with and without a given state, and none is given back
SEEDS = st.integers(0, 99)


def integers(seed: int, *shape: int) -> np.ndarray:
    """-1, 0 and 1: with an activation that clips, every sum is exact in every dtype."""
    return np.floor(noise(seed, shape) * 3) - 1


def of_integers(units: int, features: int, batch: int | None = None, **options):
    """The layer under test, built, with such integers for weights."""
    made = layer.under_test().build(units, features, batch, **options)
    layer.set_weights(made, *(integers(i, *w.shape) for i, w in enumerate(made.get_weights())))
    return made


DIGITS = {"float32": 16, "float64": 40}


def exact(dtype: str, seed: int, *shape: int) -> np.ndarray:
    """Numbers in [-1, 1], multiples of 2^-DIGITS, or integers where there are no digits to spare:
    a product with small integers, and a sum of some tens, is exact in the dtype."""
    digits = DIGITS.get(dtype, 0)
    return np.ldexp(np.round(np.ldexp(2 * noise(seed, shape) - 1, digits)), -digits)


def machine(path: Path, dtype: str) -> type[RuleBasedStateMachine]:
    """The state machine of a stateful layer of that dtype, or mixed policy, on that path."""
    computed = dtype.removeprefix("mixed_")
    if computed != dtype:
        path = path.with_options(dtype=dtype)
    choices = {**CHOICES, "dtype": (computed,)}
    # A trace knows the number of features; what it refuses is TensorFlow's business.
    plans = PLANS if path.traced else None
    wrong = ("another batch",) if path.traced else ("another batch", "other features")

    lacks = path.lacks | drawing.lacked()

    class StatefulLayer(RuleBasedStateMachine):
        @initialize(
            case=drawing.cases(choices, lacks, integers=True, plans=plans),
            sequences=st.booleans(),
        )
        def build(self, case: Case, sequences: bool):
            self.case, self.state = case, np.zeros((case.batch, case.units))
            flags = {"return_sequences": sequences, "return_state": True}
            self.made, self.sequences = path.layer(case, stateful=True, **flags), sequences
            self.reset()
            self.call(self.after(0, 2))  # so that there is no run without a call, of either kind
            if "initial_state" in layer.under_test().features:
                self.go_on_from_a_state_that_is_given(1)

        def after(self, seed: int, time: int) -> Case:
            """A case that goes on from the state."""
            shape = (self.case.batch, time)
            mask = None if self.case.mask is None else noise(seed + 1, shape) < 0.7
            inputs = exact(computed, seed, *shape, self.case.features)
            return replace(self.case, inputs=inputs, mask=mask, initial_state=self.state)

        def call(self, case: Case, **given):
            outputs, state = path.results(replace(case, initial_state=None), self.made, **given)
            expected, self.state = case.expected()
            assert_same("outputs", outputs, expected if self.sequences else expected[:, -1])
            assert_same("state", state, self.state)

        @rule(seed=SEEDS, time=st.integers(1, 4))
        def go_on(self, seed, time):
            self.call(self.after(seed, time))

        @precondition(lambda self: "initial_state" in layer.under_test().features)
        @rule(seed=SEEDS)
        def go_on_from_a_state_that_is_given(self, seed):
            given = exact(computed, seed + 2, *self.state.shape)
            self.state = starting_state(given, self.state)
            case = self.after(seed, 2)
            given = arguments_of(replace(case, initial_state=given))
            self.call(case, initial_state=given["initial_state"])

        @rule()
        def reset(self):
            with the_layer():
                reset_state(self.made)
            self.state = np.zeros_like(self.state)

        @rule(seed=SEEDS)
        def set_the_state(self, seed):
            self.state = exact(computed, seed, *self.state.shape)
            with the_layer():
                set_state(self.made, self.state)

        @rule(seed=SEEDS)
        def set_the_weights(self, seed):
            shapes = [w.shape for w in self.case.weights]
            weights = [integers(8 * seed + i, *shape) for i, shape in enumerate(shapes)]
            names = ("kernel", "recurrent_kernel", "bias")[: len(weights)]
            self.case = replace(self.case, **dict(zip(names, weights, strict=True)))
            layer.set_weights(self.made, *weights)

        @rule(seed=SEEDS, wrong=st.sampled_from(wrong))
        def refuse(self, seed, wrong):
            case = replace(self.after(seed, 2), initial_state=None, mask=None)
            more = np.concatenate([case.inputs] * 2, axis=0 if wrong == "another batch" else 2)
            try:
                path.results(replace(case, inputs=more), self.made)
            except Mismatch:
                return
            raise Mismatch(f"inputs of {wrong} are accepted")

        @invariant()
        def the_state_is_kept(self):
            kept = np.asarray(self.made.states[0]) if hasattr(self, "made") else None
            if kept is not None:
                assert_same("kept state", kept, self.state)

    return StatefulLayer
