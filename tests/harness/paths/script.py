"""The program that a failure prints: it runs one case with TensorFlow and NumPy alone."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

import numpy as np

from tests.harness.cases.case import CLIP, Case, literal, noise, uneven
from tests.harness.target import layer

SHOW = "results = {call}\nprint(*results, sep='\\n')\n"


def script(
    case: Case,
    call: str,
    extra: Mapping[str, object],
    helpers: Iterable[Callable] = (),
    ending: str = SHOW,
) -> str:
    """Return a program that runs the layer on a case.

    call: an expression of `layer`, `x` and `**more` whose value is (outputs, state). extra:
    constructor arguments that are added to those of the case. helpers: the functions that `call`
    names; the functions that they use are printed with them. ending: the last lines, in which
    `call` replaces `{call}`.
    """
    options = {**case.options(layer.under_test().features), **extra}
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
        _formula_sources(repr(case) + ending),
        "".join(f"\n{inspect.getsource(part)}\n" for part in with_dependencies(helpers)),
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


def _formula_sources(text: str) -> str:
    """Return the sources of the functions that an expression calls."""
    used = [f for f in (noise, uneven) if f"{f.__name__}(" in text]
    return "".join(f"\n{inspect.getsource(function)}\n" for function in used)


def with_dependencies(helpers: Iterable[Callable]) -> list[Callable]:
    """Return functions and classes with all those of the suite that they use, in the order in which
    a program can define them."""
    found: list[Callable] = []

    def add(helper: Callable) -> None:
        for used in _dependencies(helper):
            if used is not helper:
                add(used)
        if helper not in found:
            found.append(helper)

    for helper in helpers:
        add(helper)
    return found


def _dependencies(helper: Callable) -> Iterator[Callable]:
    """Yield the functions and classes of the suite that one of them names."""
    bases = helper.__bases__ if inspect.isclass(helper) else ()
    yield from (base for base in bases if _is_own(base))
    parts = vars(helper).values() if inspect.isclass(helper) else [helper]
    for function in filter(inspect.isfunction, parts):
        known: dict[str, Any] = function.__globals__
        named = (known.get(name) for name in _names(function.__code__))
        yield from filter(_is_own, named)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names of globals and attributes in a function and the functions within it."""
    yield from code.co_names
    for constant in filter(inspect.iscode, code.co_consts):
        yield from _names(constant)


def _is_own(value: Any) -> bool:
    is_part = inspect.isfunction(value) or inspect.isclass(value)
    return is_part and value.__module__.startswith("tests.")
