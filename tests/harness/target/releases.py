"""All that differs between releases of TensorFlow and Keras, in one place.

Importing this module imports TensorFlow, or raises ConfigurationError where there is none that will do.
"""

import contextlib
import os
from importlib import import_module

import numpy as np
from packaging.version import Version

from tests.harness.configuration import ConfigurationError

OLDEST_TENSORFLOW = Version("2.12")
INSTALL = "python -m pip install -e '.[tensorflow]'"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# absl's own first lines come before any setting of ours; the file descriptor is the only switch.
with open(os.devnull, "w") as nowhere, contextlib.ExitStack() as restore:
    saved = os.dup(2)
    restore.callback(os.close, saved)
    restore.callback(os.dup2, saved, 2)
    os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf
    except Exception as error:  # a NumPy that it was not built for raises TypeError, for one
        if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow":
            raise ConfigurationError(
                f"TensorFlow is not installed; to install it: {INSTALL}"
            ) from None
        said = " ".join(str(error).split())
        raise ConfigurationError(
            f"the installed TensorFlow cannot be imported: {said}; `python -m pip check` tells "
            "whether it has what it needs"
        ) from None

if not hasattr(tf, "__version__"):
    raise ConfigurationError(
        f"the module named tensorflow at {tf.__path__} is no TensorFlow: {INSTALL}"
    )
TENSORFLOW = Version(tf.__version__)
if TENSORFLOW.release < OLDEST_TENSORFLOW.release:
    raise ConfigurationError(
        f"TensorFlow {TENSORFLOW} is too old: this suite verifies {OLDEST_TENSORFLOW} and later; {INSTALL}"
    )
try:
    # Keras is loaded lazily and may be missing although TensorFlow is there.
    _SimpleRNN = tf.keras.layers.SimpleRNN
except (ImportError, AttributeError) as error:
    raise ConfigurationError(
        f"this TensorFlow has no Keras that can be imported: {error}"
    ) from None

KERAS_2 = not hasattr(_SimpleRNN, "reset_state")
"""Whether tf.keras is Keras 2. Its version number is missing on some releases; this is not."""

SEEDED_GLOROT_REPEATS = not KERAS_2
"""Whether a seeded GlorotUniform gives the same values in each call, as documented.

Keras 2: "a seeded initializer will not produce the same random values across multiple calls".
"""

SEED_GENERATOR = getattr(getattr(tf.keras, "random", None), "SeedGenerator", None)
"""The class of seeds that have a state, or None where it is not documented."""


def _keras_version() -> Version:
    """The version of the Keras behind tf.keras, whose own attribute some releases lack."""
    package = _SimpleRNN.__module__.split(".")[0]
    module = import_module(package)
    version = getattr(module, "__version__", None) or tf.keras.version()
    return Version(version)


KERAS = _keras_version()


def documented_activations(names) -> list[str]:
    """Those of the names that this release documents as activations."""
    return [name for name in names if hasattr(tf.keras.activations, name)]


FORMULAS = {"hard_sigmoid": "hard_sigmoid (Keras 2)"} if KERAS_2 else {}
"""The reference's names for activations whose documented formula differs between releases.

Keras 2: hard_sigmoid(x) = clip(0.2 x + 0.5, 0, 1); Keras 3: relu6(x + 3) / 6.
"""


@contextlib.contextmanager
def global_policy(name: str):
    """While that policy of dtypes is the global one."""
    policies = tf.keras.mixed_precision
    # In Keras 2 the policy goes along with floatx until one is set, and again after None is.
    before = None if KERAS_2 else policies.global_policy()
    policies.set_global_policy(name)
    try:
        yield
    finally:
        policies.set_global_policy(before)


def export_model(model, folder):
    """Export a model as a SavedModel; what it computes from its input when TensorFlow loads it."""
    own = hasattr(model, "export")
    model.export(folder) if own else model.save(folder, save_format="tf")
    loaded = tf.saved_model.load(folder)
    return lambda x: loaded.serve(x) if own else loaded(x)


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
"""The ways in which a cell is asked for its initial state, for three rows."""


STATE_FORMS = {
    "tensor": lambda state: state,
    "tuple": lambda state: (state,),
    "variable": tf.Variable,
    **({} if KERAS_2 else {"NumPy array": lambda state: state.numpy()}),
}
"""The forms of an initial state beside a list of one tensor: Keras 2 refuses NumPy arrays."""


def reset_state(made) -> None:
    """Set the state of a stateful layer to zero."""
    made.reset_states() if KERAS_2 else made.reset_state()


def stateful_start(given, kept):
    """Where a stateful layer starts that is given an initial state: from that one, and in Keras 2
    from the state that it keeps, unless that is zero ("check if the recorded state is same as
    default value (zeros)", keras/layers/rnn/base_rnn.py)."""
    return kept if KERAS_2 and kept.any() else given


def set_state(made, state) -> None:
    """Give a stateful layer a state (batch, units)."""
    made.states[0].assign(tf.cast(state, made.states[0].dtype))


def fixed_batch_input(batch: int, time: int, features: int):
    """The symbolic input of a model whose batch size is fixed."""
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
"""Models of a layer that `make` makes, for inputs of that shape (batch, time, features)."""


def train_once(made, inputs):
    """One step of gradient descent on the mean square of the layer's output, without a trace."""
    model = tf.keras.Sequential([tf.keras.Input(inputs.shape[1:]), made])
    model.compile(tf.keras.optimizers.SGD(0.125), "mse", run_eagerly=True)
    model.train_on_batch(inputs, np.zeros(tuple(model(inputs).shape), np.float32))


INPUT_DTYPES = ("float64", "float32", "float16") + (
    () if KERAS_2 else ("int32", "uint8", "bool", "bfloat16")
)
"""Dtypes of inputs that a layer takes, whatever its own: Keras 2 refuses integers."""


def flat_shapes(computed) -> list[tuple]:
    """What compute_output_shape gave, as a list of tuples: one for each tensor."""
    if isinstance(computed, tf.TensorShape):
        return [tuple(computed)]
    if all(size is None or isinstance(size, int) for size in computed):
        return [tuple(computed)]
    return [shape for part in computed for shape in flat_shapes(part)]


def tf_variable(weight):
    """The tf.Variable behind a weight of a layer, which Keras 3 wraps."""
    return weight if isinstance(weight, tf.Variable) else weight.value
