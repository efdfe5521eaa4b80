"""Layers that compute what is right, and take too long, or too much, for it."""

import time
from functools import partial
from typing import ClassVar

from tests.harness.releases import tf
from tests.selftest import faults
from tests.selftest.faults import Fault, SimpleRNN, Wrong

TIMING_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=TIMING_FAULTS)

NEW_ARRAY = "a_new_array_of_the_same_shape_makes_no_new_trace"
NEW_LENGTH = "an_eager_call_makes_no_new_trace_for_each_new_length"
ONE_TRACE = "one_trace_serves_many_lengths_and_batches"
OPERATIONS = "a_loop_has_as_many_operations_whatever_its_length"
UNROLLED = "each_step_adds_as_many_operations_where_the_layer_is_unrolled"
CELL = "a_step_calls_the_cell_once_at_most_and_a_step_of_a_trace_never"
GROWTH = "time_grows_no_faster_than_the_length"
BY_HAND = "the_layer_is_about_as_fast_as_the_same_kernels_by_hand"
LEFT = "calls_leave_nothing_behind"


def meanwhile(act, x):
    """The same tensor, once Python has acted on it: in each run, and not in each trace."""

    def run(value):
        act(value)
        return value

    result = tf.py_function(run, [x], x.dtype)
    result.set_shape(x.shape)
    return result


@fault("sleeps a millisecond at each step", BY_HAND)
class SleepsAtEachStep(Wrong):
    def bend_cell(self, right, inputs, states):
        return right(meanwhile(lambda _: time.sleep(1e-3), inputs), states)


@fault("sleeps ten milliseconds at each call", BY_HAND)
class SleepsAtEachCall(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(meanwhile(lambda _: time.sleep(1e-2), inputs))


@fault("traces at each call", NEW_ARRAY, NEW_LENGTH)
class TracesAtEachCall(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return tf.function(right)(inputs)


@fault("traces at each new length", NEW_LENGTH)
class TracesAtEachLength(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        if "function" not in self.__dict__:
            self.__dict__["function"] = tf.function(right)
        return self.__dict__["function"](inputs)


@fault("unrolls in secret", ONE_TRACE, OPERATIONS, CELL, against="SimpleRNN: unroll: If `True`")
class UnrollsInSecret(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **{**options, "unroll": True})


@fault("runs twice", CELL)
class RunsTwice(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        right(inputs)
        return right(inputs)


@fault("never unrolls", UNROLLED, against="SimpleRNN: unroll: If `True`")
class NeverUnrolls(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **{**options, "unroll": False})


@fault("copies the whole sequence at each step", GROWTH)
class CopiesTheSequence(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        self.__dict__["sequence"] = inputs
        return right(inputs)

    def bend_cell(self, right, inputs, states):
        copy = tf.concat([self.__dict__["sequence"], inputs[:, None]], axis=1)
        return right(inputs + 1e-30 * copy[:, 0], states)


@fault("holds on to the inputs of every call of a trace", LEFT)
class HoldsOnToInputs(Wrong):
    held: ClassVar[list] = []

    def bend(self, right, inputs, mask, initial_state):
        return right(inputs if tf.executing_eagerly() else meanwhile(self.held.append, inputs))
