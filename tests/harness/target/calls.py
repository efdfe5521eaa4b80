"""Calls of the layer under test: what it raises, and what it must refuse."""

import contextlib
import traceback
from collections.abc import Callable

from tests.harness.compare.assertions import Mismatch
from tests.harness.target import layer
from tests.harness.target.releases import tf


@contextlib.contextmanager
def layer_call(*lacking: type[Exception]):
    """Whatever the layer raises on a documented case is a departure from the documentation.

    An exception is the layer's if it passed through code of TensorFlow, of Keras or of the layer.
    All others are the suite's own and remain what they are; so does that memory is short. lacking:
    what Python raises in the block itself where the layer lacks a method or an argument.
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
    theirs |= {"copy", "pickle", "json"}  # which are given nothing but a layer or what it gave
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
"""What says that something is refused; any other exception is an accident on the way."""


def assert_rejected(what: str, call: Callable, *types: type[Exception]) -> None:
    """The call raises one of these exceptions, REFUSALS unless given, from within the layer."""
    try:
        with layer_call():
            call()
    except Mismatch as mismatch:
        if isinstance(mismatch.__cause__, types or REJECTION_ERRORS):
            return
        raise
    raise Mismatch(f"{what} is accepted")
