"""Calls of the layer under test that may raise, and calls that it must reject."""

import contextlib
import traceback
from collections.abc import Callable

from tests.harness.compare.assertions import Mismatch
from tests.harness.target import layer
from tests.harness.target.releases import tf


@contextlib.contextmanager
def layer_call(*lacking: type[Exception]):
    """Report an exception that the layer raises within the block as a Mismatch.

    An exception is the layer's if its traceback passes through TensorFlow, Keras or the module of
    the layer. Other exceptions are errors of the suite and propagate, as do errors for lack of
    memory. lacking: exceptions that Python raises in the block itself if the layer lacks a method
    or an argument; they are reported, too.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (Mismatch, MemoryError, tf.errors.ResourceExhaustedError)):
            raise
        if not isinstance(error, lacking) and not _raised_within_layer(error):
            raise
        what = f"{type(error).__name__}: {layer.error_summary(error)}"
        raise Mismatch(f"the layer raised {what}") from error


def _raised_within_layer(error: Exception) -> bool:
    theirs = {"tensorflow", "keras", "tf_keras", layer.under_test().make.__module__}
    theirs |= {"copy", "pickle", "json"}  # the suite passes them only layers and their results
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    names = (str(frame.f_globals.get("__name__")) for frame in frames)
    return any(name in theirs or name.partition(".")[0] in theirs for name in names)


REJECTION_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    tf.errors.InvalidArgumentError,
    tf.errors.OutOfRangeError,
)
"""Exceptions that reject an argument; any other exception is an unrelated error."""


def assert_rejected(what: str, call: Callable, *types: type[Exception]) -> None:
    """Raise Mismatch unless the call raises one of `types` from within the layer.

    what: the rejected argument, for the message. types: REJECTION_ERRORS, unless given.
    """
    try:
        with layer_call():
            call()
    except Mismatch as mismatch:
        if isinstance(mismatch.__cause__, types or REJECTION_ERRORS):
            return
        raise
    raise Mismatch(f"{what} is accepted")
