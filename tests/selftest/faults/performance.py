"""Layers with correct results that need too much time or memory."""

import time
from functools import partial
from typing import ClassVar

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, FaultyRNN, SimpleRNN

TIMING_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=TIMING_FAULTS)

NEW_ARRAY = "same_shape_does_not_retrace"
NEW_LENGTH = "eager_call_does_not_trace_new_lengths"
ONE_TRACE = "one_trace_serves_many_lengths_and_batches"
OPERATIONS = "loop_graph_size_is_independent_of_length"
UNROLLED = "unrolled_graph_grows_linearly"
CELL = "each_step_calls_the_cell_at_most_once"
GROWTH = "time_grows_no_faster_than_the_length"
BY_HAND = "layer_is_about_as_fast_as_baseline"
LEFT = "repeated_calls_do_not_leak_tensors"


def meanwhile(act, x):
    """Return the same tensor, after a call of `act` in Python in each run (not in each trace)."""

    def run(value):
        act(value)
        return value

    result = tf.py_function(run, [x], x.dtype)
    result.set_shape(x.shape)
    return result


@fault("sleeps a millisecond at each step", BY_HAND)
class SleepsAtEachStep(FaultyRNN):
    def alter_step(self, right, inputs, states):
        return right(meanwhile(lambda _: time.sleep(1e-3), inputs), states)


@fault("sleeps ten milliseconds at each call", BY_HAND)
class SleepsAtEachCall(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(meanwhile(lambda _: time.sleep(1e-2), inputs))


@fault("traces at each call", NEW_ARRAY, NEW_LENGTH)
class TracesAtEachCall(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return tf.function(right)(inputs)


@fault("traces at each new length", NEW_LENGTH)
class TracesAtEachLength(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if "function" not in self.__dict__:
            self.__dict__["function"] = tf.function(right)
        return self.__dict__["function"](inputs)


@fault("always unrolls", ONE_TRACE, OPERATIONS, CELL, against="SimpleRNN: unroll: If `True`")
class UnrollsSilently(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **{**options, "unroll": True})


@fault("runs twice", CELL)
class ComputesTwice(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        right(inputs)
        return right(inputs)


@fault("never unrolls", UNROLLED, against="SimpleRNN: unroll: If `True`")
class NeverUnrolls(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **{**options, "unroll": False})


@fault("copies the whole sequence at each step", GROWTH)
class CopiesTheSequence(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        self.__dict__["sequence"] = inputs
        return right(inputs)

    def alter_step(self, right, inputs, states):
        copy = tf.concat([self.__dict__["sequence"], inputs[:, None]], axis=1)
        return right(inputs + 1e-30 * copy[:, 0], states)


@fault("keeps the inputs of every traced call", LEFT)
class TraceLeaksInputs(FaultyRNN):
    held: ClassVar[list] = []

    def alter(self, right, inputs, mask, initial_state):
        return right(inputs if tf.executing_eagerly() else meanwhile(self.held.append, inputs))
