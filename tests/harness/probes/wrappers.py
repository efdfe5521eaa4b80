"""Inputs and comparisons for wrappers of two layers or cells."""

from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.probes.stateful import integer_layer, small_integers
from tests.harness.target.calls import layer_call
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import flat_shapes, reset_state, tf

CLIPPED = {"activation": (CLIP,)}


def assert_same_parts(got, expected):
    if len(got) != len(expected):
        raise Mismatch(f"expected {len(expected)} tensors, got {len(got)}")
    for number, (part, wanted) in enumerate(zip(got, expected, strict=True)):
        assert_same(f"part {number}", part, wanted)


FLAG = [False, True]


X = tf.constant([[[1.0, 2.0], [3.0, -1.0]]])


SEQUENCE = tf.constant(small_integers(9, 2, 3, 2), tf.float32)


def for_sequence(batch=None, **options):
    """Return a layer for SEQUENCE with integer weights; both passes are exact."""
    return integer_layer(
        3, 2, batch, **{"activation": "linear", "return_sequences": True, **options}
    )


def assert_carries_state_over(call, by_hand, to_reset=None):
    """Raise Mismatch unless a second call continues from the state of the first, and a call after a
    reset starts from zeros.

    call, by_hand: functions of SEQUENCE that return lists of tensors. to_reset: a stateful layer to
    reset before a third call, if any.
    """
    with layer_call():
        got = [*call(SEQUENCE), *call(SEQUENCE)]
        expected = [*by_hand(SEQUENCE), *by_hand(SEQUENCE)]
        if to_reset is not None:
            reset_state(to_reset)
            got += call(SEQUENCE)
            expected += expected[: len(expected) // 2]
    assert_same_parts(got, expected)


def assert_computed_shapes(made, x):
    """Raise Mismatch unless compute_output_shape and a symbolic call give the returned shapes."""
    returned = [tuple(part.shape) for part in tf.nest.flatten(made(x))]
    symbol = tf.keras.Input(x.shape[1:], batch_size=x.shape[0])
    symbolic = [tuple(part.shape) for part in tf.nest.flatten(made(symbol))]
    computed = flat_shapes(made.compute_output_shape(tuple(x.shape)))
    if not returned == computed == symbolic:
        raise Mismatch(
            f"shapes: {returned} are returned, {computed} are computed, {symbolic} are symbolic"
        )
