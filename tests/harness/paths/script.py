"""The program that runs one case with TensorFlow and NumPy alone; each failure prints one."""

import inspect
from collections.abc import Mapping

import numpy as np

from tests.harness.cases.case import CLIP, Case, literal, noise, uneven
from tests.harness.target import layer

SHOW = "outputs, state = {call}\nprint(outputs)\nprint(state)\n"


def script(
    case: Case, call: str, extra: Mapping[str, object], helper: str = "", ending: str = SHOW
) -> str:
    """Return a program that runs the layer on a case.

    call: an expression that gives (outputs, state) from `layer`, `x` and `**more`. extra:
    constructor arguments beside the case's own. helper: the source of what `call` calls. ending:
    what to do with `call`, which stands for `{call}` in it.
    """
    options = {**case.options(layer.under_test().features), **extra}
    options |= {"return_sequences": True, "return_state": True}
    if case.dtype == "bfloat16":  # the default initializer does not support bfloat16
        options["recurrent_initializer"] = "zeros"
    batch = case.batch if options.get("stateful") else None
    words = [f"{name}={_option(value)}" for name, value in options.items()]
    printed = [w for w in (case.kernel, case.recurrent_kernel, case.bias) if w is not None]
    weights = [f"    np.array({literal(w)}),\n" for w in printed]
    more = []
    if case.initial_state is not None:
        more.append(f"initial_state=[{tensor(case.initial_state, case.dtype)}]")
    if case.mask is not None:
        more.append(f"mask={tensor(case.mask, 'bool')}")
    module, _, attribute = layer.under_test().name.partition(":")
    lines = [
        "import numpy as np\nimport tensorflow as tf\n",
        f"import {module}\n" if module != "tf.keras.layers" else "",
        _sources(repr(case) + ending),
        f"\n{helper}\n" if helper else "",
        f"x = {tensor(case.inputs, case.dtype)}\n",
        f"layer = {module}.{attribute}({case.units}, {', '.join(words)})\n",
        f"layer.build(({batch}, None, {case.features}))\n",
        f"layer.set_weights([\n{''.join(weights)}])\n",
        f"more = dict({', '.join(more)})\n",
        ending.replace("{call}", call),
    ]
    return "".join(lines)


def tensor(array: np.ndarray, dtype: str) -> str:
    """Return the expression of a tensor with these values."""
    return f"tf.cast({literal(array)}, {dtype!r})"


def _option(value) -> str:
    return "lambda z: tf.clip_by_value(z, -1, 1)" if value == CLIP else repr(value)


def _sources(text: str) -> str:
    """Return the sources of the functions that an expression calls."""
    used = [f for f in (noise, uneven) if f"{f.__name__}(" in text]
    return "".join(f"\n{inspect.getsource(function)}\n" for function in used)
