"""All differences between releases of TensorFlow and Keras.

Importing this module imports TensorFlow. It raises ConfigurationError if TensorFlow is missing,
cannot be imported, or is too old.
"""

import contextlib
import os
from importlib import import_module

import numpy as np
from packaging.version import Version

from tests.harness.configuration import ConfigurationError
from tests.harness.target import processor

OLDEST_TENSORFLOW = Version("2.12")
INSTALL = "python -m pip install -e '.[tensorflow]'"

processor.avoid_illegal_instructions()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# absl prints its first lines before it reads any setting; only the file descriptor silences it.
with open(os.devnull, "w") as null, contextlib.ExitStack() as restore:
    saved = os.dup(2)
    restore.callback(os.close, saved)
    restore.callback(os.dup2, saved, 2)
    os.dup2(null.fileno(), 2)
    try:
        import tensorflow as tf
    except Exception as error:  # an incompatible NumPy may raise TypeError, for example
        if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow":
            raise ConfigurationError(
                f"TensorFlow is not installed; to install it: {INSTALL}"
            ) from None
        message = " ".join(str(error).split())
        raise ConfigurationError(
            f"the installed TensorFlow cannot be imported: {message}; `python -m pip check` lists "
            "missing and incompatible packages"
        ) from None

if not hasattr(tf, "__version__"):
    raise ConfigurationError(
        f"the module named tensorflow at {tf.__path__} is not TensorFlow: {INSTALL}"
    )
TENSORFLOW = Version(tf.__version__)
if TENSORFLOW.release < OLDEST_TENSORFLOW.release:
    raise ConfigurationError(
        f"TensorFlow {TENSORFLOW} is too old: this suite verifies {OLDEST_TENSORFLOW} and later; "
        f"{INSTALL}"
    )
try:
    # TensorFlow loads Keras lazily, so Keras may be missing.
    _SimpleRNN = tf.keras.layers.SimpleRNN
except (ImportError, AttributeError) as error:
    raise ConfigurationError(
        f"this TensorFlow has no Keras that can be imported: {error}"
    ) from None

KERAS_2 = not hasattr(_SimpleRNN, "reset_state")
"""Whether tf.keras is Keras 2. Some releases have no version number of Keras, so this attribute
decides."""

SEEDED_GLOROT_REPEATS = not KERAS_2
"""Whether a seeded GlorotUniform is documented to return the same values in each call.

Keras 2: "a seeded initializer will not produce the same random values across multiple calls".
"""

REPEATABLE_LOOP = {"unroll": True} if KERAS_2 else {}
"""Options of a layer whose traces repeat what they draw: a traced loop of Keras 2 draws masks
in no fixed order (keras#17612)."""

SEED_GENERATOR = getattr(getattr(tf.keras, "random", None), "SeedGenerator", None)
"""The class of stateful seeds, or None in releases without it."""


def _keras_version() -> Version:
    """Return the version of the Keras behind tf.keras, which some releases do not export."""
    package = _SimpleRNN.__module__.split(".")[0]
    module = import_module(package)
    version = getattr(module, "__version__", None) or tf.keras.version()
    return Version(version)


KERAS = _keras_version()

REMAT_SCOPE = getattr(tf.keras, "RematScope", None)
"""The context of layers that compute their activations again in the backward pass, or None where it
is not documented."""


def documented_activations(names) -> list[str]:
    """Return the names that this release documents as activations."""
    return [name for name in names if hasattr(tf.keras.activations, name)]


FORMULAS = {"hard_sigmoid": "hard_sigmoid (Keras 2)"} if KERAS_2 else {}
"""The reference's names of activations whose documented formula differs between releases.

Keras 2: hard_sigmoid(x) = clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6.
"""


@contextlib.contextmanager
def global_policy(name: str):
    """Make that dtype policy the global one within the block."""
    policies = tf.keras.mixed_precision
    # In Keras 2, None restores the policy that follows floatx.
    before = None if KERAS_2 else policies.global_policy()
    policies.set_global_policy(name)
    try:
        yield
    finally:
        policies.set_global_policy(before)


def export_to(model, folder) -> None:
    """Export a model as a SavedModel into a folder."""
    model.export(folder) if hasattr(model, "export") else model.save(folder, save_format="tf")


def load_exported(folder):
    """Load an exported model with TensorFlow alone, and return its function of x."""
    loaded = tf.saved_model.load(folder)
    return lambda x: loaded.serve(x) if hasattr(loaded, "serve") else loaded(x)


def exported_function(model):
    """Export a model, load it with TensorFlow alone, and return its function of x."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        export_to(model, folder)
        return load_exported(folder)


INITIAL_STATES = (
    {
        "batch_size and dtype": lambda cell: cell.get_initial_state(
            batch_size=3, dtype=cell.compute_dtype
        ),
        "inputs": lambda cell: cell.get_initial_state(inputs=tf.zeros((3, 2), cell.compute_dtype)),
        "inputs of unknown batch": lambda cell: tf.function(
            lambda x: cell.get_initial_state(inputs=x),
            input_signature=[tf.TensorSpec([None, 2], cell.compute_dtype)],
        )(tf.zeros((3, 2), cell.compute_dtype)),
    }
    if KERAS_2
    else {"batch_size": lambda cell: cell.get_initial_state(batch_size=3)}
)
"""The documented calls of a cell's `get_initial_state`, for three rows."""


def initial_state_of(made, inputs):
    """Return the state from which a layer starts on these inputs, as the layer tells it."""
    if KERAS_2:
        return made.get_initial_state(inputs)
    return made.get_initial_state(batch_size=inputs.shape[0])


STATE_FORMS = {
    "tensor": lambda state: state,
    "tuple": lambda state: (state,),
    "variable": tf.Variable,
    **({} if KERAS_2 else {"NumPy array": lambda state: state.numpy()}),
}
"""The forms of an initial state other than a list of one tensor. Keras 2 rejects NumPy arrays."""


def reset_state(made) -> None:
    """Set the state of a stateful layer to zero."""
    reset = getattr(made, "reset_state", None) or made.reset_states  # of Keras 3, or Keras 2
    reset()


def stateful_start(given, kept):
    """Return the state from which a stateful layer starts that is called with an initial state.

    given: the initial state. kept: the layer's state. Keras 2 prefers the layer's state unless that
    is zero ("check if the recorded state is same as default value (zeros)",
    keras/layers/rnn/base_rnn.py).
    """
    return kept if KERAS_2 and kept.any() else given


def set_state(made, state) -> None:
    """Set the state (batch, units) of a stateful layer."""
    made.states[0].assign(tf.cast(state, made.states[0].dtype))


def fixed_batch_input(batch: int, time: int, features: int):
    """Return the symbolic input of a model with a fixed batch size."""
    return tf.keras.Input((time, features), batch_size=batch)


FIXED_BATCHES = {
    "batch_size of an Input": lambda make, batch, *shape: tf.keras.Sequential(
        [fixed_batch_input(batch, *shape), make()]
    ),
    "batch_shape of an Input": lambda make, *shape: tf.keras.Sequential(
        [tf.keras.Input(batch_shape=shape), make()]
    ),
}
if KERAS_2:
    FIXED_BATCHES["batch_input_shape of a layer"] = lambda make, *shape: tf.keras.Sequential(
        [make(batch_input_shape=shape)]
    )
"""Models of the layer that `make` returns, for inputs of a shape (batch, time, features)."""


def train_once(made, inputs):
    """Take one step of gradient descent on the mean square of the layer's output, without a
    trace."""
    model = tf.keras.Sequential([tf.keras.Input(inputs.shape[1:]), made])
    model.compile(tf.keras.optimizers.SGD(0.125), "mse", run_eagerly=True)
    model.train_on_batch(inputs, np.zeros(tuple(model(inputs).shape), np.float32))


INPUT_DTYPES = ("float64", "float32", "float16") + (
    () if KERAS_2 else ("int32", "uint8", "bool", "bfloat16")
)
"""Dtypes of inputs that a layer of any dtype accepts. Keras 2 rejects integers."""


def flat_shapes(computed) -> list[tuple]:
    """Return the result of compute_output_shape as a list of tuples, one per tensor."""
    if isinstance(computed, tf.TensorShape):
        return [tuple(computed)]
    if all(size is None or isinstance(size, int) for size in computed):
        return [tuple(computed)]
    return [shape for part in computed for shape in flat_shapes(part)]


def tf_variable(weight):
    """Return the tf.Variable of a weight, which Keras 3 wraps."""
    return weight if isinstance(weight, tf.Variable) else weight.value
