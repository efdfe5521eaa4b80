"""The errors that kernels of activations and of their gradients may make, from a data file.

`python -m tests.calibrate` measures them and writes `kernel_errors.json`, with one record for each
activation, dtype, compiler and kind ("value" or "derivative"): the largest error over all releases
and machines measured, its argument, and where it was measured. This module takes the larger error
of the compilers and adds a margin.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("kernel_errors.json")

MARGINS = {"float16": 1.125, "bfloat16": 1.125, "float32": 1.5, "float64": 1.5}
"""The factor on the largest measured error of a value, by dtype. All numbers of 16 bits are
measured, and only other machines may err more. Of float32 and float64 a sample is measured."""
DERIVATIVE_MARGIN = 1.5
"""The factor on the largest measured error of a gradient. It depends on two numbers, of whose pairs
a sample is measured. For tanh from the output y in a half type it covers the worst case, which is
about 2.1 u: u from y, u / 2 each from y y and 1 - y y, and the product with g."""

KINDS = ("value", "derivative")
UNMEASURED = {
    **{("sparsemax", dtype, kind): 16.0 for dtype in MARGINS for kind in KINDS},
    # One product with a constant that is rounded to the dtype.
    **{("leaky_relu", "float64", kind): 2.0 for kind in KINDS},
}
"""Errors that are assumed, because no release computes the activation as documented."""


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """Return the records of a data file; raise OSError or ValueError if it cannot be read."""
    return json.loads(file.read_text(encoding="utf-8"))["records"]


def allowed_errors(records: list[dict[str, Any]], kind: str) -> dict[str, dict[str, float]]:
    """Return the errors with their margins, by activation and dtype."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (activation, dtype, assumed_kind), error in UNMEASURED.items():
        if assumed_kind == kind:
            found[activation][dtype] = error
    for record in records:
        if record["kind"] == kind:
            errors, dtype = found[record["activation"]], record["dtype"]
            margin = MARGINS[dtype] if kind == "value" else DERIVATIVE_MARGIN
            errors[dtype] = max(errors.get(dtype, 0.0), margin * record["error"])
    return dict(found)


_RECORDS = read()
VALUE_ERRORS = allowed_errors(_RECORDS, "value")
DERIVATIVE_ERRORS = allowed_errors(_RECORDS, "derivative")
