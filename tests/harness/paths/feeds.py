"""Paths of training: the ways to pass data to `fit` and `evaluate`.

The script of a failure prints the source of the path.
"""

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.harness.cases.case import Case, literal
from tests.harness.paths.path import Path
from tests.harness.paths.script import with_dependencies
from tests.harness.target import layer
from tests.harness.target.releases import tf

MASK_VALUE = -9.0
"""The value of each feature of a masked step, for Masking."""


@dataclass(frozen=True)
class Feed(Path):
    """One way to pass rows of data to `fit` and `evaluate`.

    call: a function from a tuple of arrays and the batch size to the arguments of `fit`. The arrays
    are x (rows, time, features), y and, if given, sample weights. endless: whether the data have no
    end, so that `fit` needs the number of steps. iterates_once: whether the data end after one
    epoch.
    """

    endless: bool = False
    iterates_once: bool = False

    def arguments(self, rows: tuple, batch_size: int, steps: str) -> dict:
        """Return the arguments of `fit` or `evaluate` for these rows.

        steps: the name of the argument for the number of steps.
        """
        count = {steps: -(-len(rows[0]) // batch_size)} if self.endless else {}
        return {**self.call(rows, batch_size), **count}

    def validation(self, rows: tuple, batch_size: int) -> dict:
        """The arguments of `fit` for validation with these rows."""
        given = self.arguments(rows, batch_size, "validation_steps")
        if "batch_size" in given:
            return {"validation_data": rows, "validation_batch_size": given["batch_size"]}
        return {("validation_data" if k == "x" else k): v for k, v in given.items()}

    def script(self, case: Case, ending: str = "") -> str:
        """A program that trains on the inputs of this case, fed this way, for two epochs of batches
        of two rows, with TensorFlow and NumPy alone."""
        module, _, attribute = layer.under_test().name.partition(":")
        parts = "\n\n".join(map(inspect.getsource, with_dependencies((self.call,))))
        steps = f", steps_per_epoch={-(-case.batch // 2)}" if self.endless else ""
        fit = f"model.fit(**{self.call.__name__}(rows, 2){steps}, shuffle=False"
        epochs = f"[{fit}) for _ in range(2)]" if self.iterates_once else f"{fit}, epochs=2)"
        return (
            "import itertools\nimport numpy as np\nimport tensorflow as tf\n"
            + (f"import {module}\n" if module != "tf.keras.layers" else "")
            + f"\nMASK_VALUE = {MASK_VALUE}\n{parts}\n\n"
            f"x = np.array({literal(masked_inputs(case))}, 'float32')\n"
            f"rows = x, np.ones((len(x), 2), 'float32')\n"
            f"made = {module}.{attribute}({case.units})\n"
            f"model = tf.keras.Sequential([tf.keras.Input((None, {case.features})), "
            f"tf.keras.layers.Masking(MASK_VALUE), made, tf.keras.layers.Dense(2)])\n"
            f"model.compile(tf.keras.optimizers.Adam(0.03), 'mse')\n"
            f"made.set_weights([np.array({literal(case.kernel)}), "
            f"np.array({literal(case.recurrent_kernel)}), "
            f"np.array({literal(np.asarray(case.bias))})])\n"
            f"{epochs}\nprint(np.asarray(model.optimizer.iterations), model.get_weights())\n"
        )


def masked_inputs(case: Case) -> np.ndarray:
    """The inputs, with `MASK_VALUE` in the steps that the mask does not use."""
    masked = case if case.mask is None else case.with_inputs(~case.mask, MASK_VALUE)
    return np.asarray(masked.inputs)


def batches(rows, size):
    """The rows in batches, the last one as short as it comes."""
    return [tuple(a[i : i + size] for a in rows) for i in range(0, len(rows[0]), size)]


def arrays(rows, size):
    return {**dict(zip(("x", "y", "sample_weight"), rows, strict=False)), "batch_size": size}


class Batches(tf.keras.utils.Sequence):
    def __init__(self, rows, size):
        super().__init__()
        self.batches = batches(rows, size)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def sequence(rows, size):
    return {"x": Batches(rows, size)}


def generator(rows, size):
    return {"x": (batch for batch in batches(rows, size))}


def endless_generator(rows, size):
    return {"x": (batch for _ in itertools.count() for batch in batches(rows, size))}


def dataset(rows, size):
    return {"x": tf.data.Dataset.from_tensor_slices(rows).batch(size)}


def unknown_dataset(rows, size):
    kept = tf.data.Dataset.from_tensor_slices(rows).filter(lambda *row: True)
    return {"x": kept.batch(size)}


def fixed_dataset(rows, size):
    """Batches of a size that is known in a trace; a shorter rest is dropped."""
    return {"x": tf.data.Dataset.from_tensor_slices(rows).batch(size, drop_remainder=True)}


def endless_dataset(rows, size):
    return {"x": tf.data.Dataset.from_tensor_slices(rows).batch(size).repeat()}


def padded_dataset(rows, size):
    """Rows as long as they are used, padded to the longest of their batch."""
    steps = tuple(a.ndim == n for a, n in zip(rows, (3, 3, 2), strict=False))  # has a time axis

    def ragged():
        for row in zip(*rows, strict=True):
            end = np.flatnonzero((row[0] != MASK_VALUE).any(axis=-1)).max(initial=0) + 1
            yield tuple(a[:end] if cut else a for a, cut in zip(row, steps, strict=True))

    shapes = [
        (None, *a.shape[2:]) if cut else a.shape[1:] for a, cut in zip(rows, steps, strict=True)
    ]
    specs = tuple(tf.TensorSpec(shape, tf.float32) for shape in shapes)
    data = tf.data.Dataset.from_generator(ragged, output_signature=specs)
    return {"x": data.padded_batch(size, padding_values=(MASK_VALUE, 0.0, 0.0)[: len(rows)])}


def one_size(sizes: tuple) -> tuple:
    """The smallest of the run's own sizes: each number of features or units is a trace more."""
    return sizes[3:4]


FEED_CHOICES = {
    "batch": (5, 1, 4, 7),
    "time": (3, 1, 4, 5, 2),
    "features": one_size,
    "units": one_size,
    "large": (None,),
    "dtype": ("float32",),
    "activation": ("tanh",),
    "use_bias": (True,),
    "initial_state": (False,),
    "mask": ("trailing", None),
    "go_backwards": (False,),
    "zero_output_for_mask": (False,),
    "leave_defaults": (True,),
    "magnitude": ("one",),
}
"""What is trained: batch is the number of rows, of which one, two or more make a batch."""


def feed(call: Callable, **more) -> Feed:
    """The feed of a function, by its name."""
    given = {"traced": True, "example_fraction": 0.3, **more}
    return Feed(call.__name__.replace("_", "-"), call, "", **given)


ARRAYS = feed(arrays, example_fraction=0.6)
SEQUENCE = feed(sequence)
GENERATOR = feed(generator, iterates_once=True)
ENDLESS_GENERATOR = feed(endless_generator, endless=True)
DATASET = feed(dataset)
UNKNOWN_DATASET = feed(unknown_dataset)
ENDLESS_DATASET = feed(endless_dataset, endless=True)
PADDED_DATASET = feed(padded_dataset)
FIXED_DATASET = feed(fixed_dataset)
"""For stateful models, which take no short batch; not one of FEEDS, since it drops rows."""

FEEDS = (
    ARRAYS,
    SEQUENCE,
    GENERATOR,
    ENDLESS_GENERATOR,
    DATASET,
    UNKNOWN_DATASET,
    ENDLESS_DATASET,
    PADDED_DATASET,
)
