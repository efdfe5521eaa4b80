"""The script that a failure prints runs alone and reproduces the results of the suite."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.harness.cases.case import Case, array_from_expression
from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active
from tests.harness.paths import custom_cells
from tests.harness.paths.execution import CELL_LOOP, DYNAMIC_SHAPE, EAGER, UNROLL
from tests.harness.paths.feeds import Feed
from tests.harness.paths.registry import EVERY_PATH
from tests.harness.paths.script import with_dependencies
from tests.harness.probes import gradients
from tests.harness.target import layer
from tests.harness.target.layer import CLIP
from tests.harness.target.releases import tf

SMALL: dict[str, Any] = {
    "inputs": np.arange(12.0).reshape(2, 3, 2) / 4 - 1,
    "kernel": np.array([[0.5, -1.0, 0.25], [2.0, 0.125, -0.75]]),
    "recurrent_kernel": np.array([[0.0, 1.0, 0.5], [-1.0, 0.0, 0.25], [0.5, 0.5, 0.0]]),
}
BIAS = np.array([0.5, 0.0, -0.5])
STATE = np.array([[1.0, 0.0, -1.0], [0.25, 0.5, 0.75]])
MASK = np.array([[True, False, True], [False, True, True]])


def uniform(seed: int, *shape: int) -> np.ndarray:
    return array_from_expression(f"2 * noise({seed}, {shape}) - 1")


RICH = Case(
    **SMALL,
    bias=BIAS,
    initial_state=STATE,
    mask=MASK,
    activation="relu",
    go_backwards=True,
    leave_defaults=False,
)
CASES = {
    "plain": Case(**SMALL),
    "all options": RICH,
    "clipped": Case(**SMALL, bias=BIAS, activation=CLIP),
    "no activation": Case(**SMALL, activation=None, mask=MASK, zero_output_for_mask=True),
    "float64": Case(**SMALL, initial_state=STATE, dtype="float64"),
    "float16": Case(**SMALL, bias=BIAS, dtype="float16"),
    "bfloat16": Case(**SMALL, bias=BIAS, mask=MASK, dtype="bfloat16"),
    "infinite": Case(**{**SMALL, "inputs": np.full((2, 3, 2), np.inf)}),
    "empty batch": Case(**{**SMALL, "inputs": np.zeros((0, 3, 2))}),
    **{
        f"large {dtype}": Case(
            uniform(0, 7, 5, 17),
            uniform(1, 17, 33),
            uniform(2, 33, 33),
            uniform(3, 33),
            dtype=dtype,
        )
        for dtype in ("float32", "float64", "float16", "bfloat16")
    },
}


def script_results(path, case, capsys) -> list[np.ndarray]:
    """Return the results of the script, which uses no name of the suite."""
    script = path.script(case)
    assert "reference" not in script
    assert "harness" not in script
    names: dict[str, Any] = {}
    exec(compile(script, "script", "exec"), names)
    assert capsys.readouterr().out.strip()
    return as_arrays(names["results"])


def as_arrays(results) -> list[np.ndarray]:
    return [np.asarray(result, np.float64) for result in tf.nest.flatten(results)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case_script_reproduces_the_run_exactly(case, capsys):
    run = EAGER.run(case)
    outputs, state = script_results(EAGER, case, capsys)
    np.testing.assert_array_equal(outputs, run.outputs)
    np.testing.assert_array_equal(state, run.state)


DEFAULTS: dict[str, Any] = {"initial_state": None, "mask": None, "go_backwards": False}


def case_for(path) -> Case:
    """Return a case with all options that the path supports."""
    return replace(RICH, **{name: DEFAULTS[name] for name in path.unsupported & DEFAULTS.keys()})


LAYER_PATHS = [path for path in EVERY_PATH if not isinstance(path, Feed)]  # feeds run no layer


@pytest.mark.parametrize("path", LAYER_PATHS, ids=str)
def test_path_script_reproduces_the_run(path, capsys):
    if missing := layer.under_test().missing_features(path.required_features):
        pytest.skip(f"not applicable: this release has no {', '.join(missing)}")
    case = case_for(path)
    try:
        expected = as_arrays(path.results(case, path.layer(case, **path.result_flags)))
    except Mismatch:  # the layer raises
        assert any(str(path) in known.paths for known in active.active_deviations())
        with pytest.raises(Exception, match=r"."):
            script_results(path, case, capsys)
        return
    got = script_results(path, case, capsys)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        # sums of a few numbers of two binary digits are exact in float32 on every path
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("path", "all_outputs"),
    [(EAGER, True), (EAGER, False), (DYNAMIC_SHAPE, True), (UNROLL, False), (CELL_LOOP, True)],
    ids=str,
)
def test_gradient_script_reproduces_the_gradients(path, all_outputs, capsys):
    case = case_for(path)
    if all_outputs:
        _, expected = gradients.run(path, case)
    else:
        expected = gradients.last_output_gradients(path, case)
    got: list = []
    exec(compile(gradients.script(path, case, all_outputs), "x", "exec"), {"print": got.append})
    for gradient, name in zip(got, expected, strict=True):
        np.testing.assert_array_equal(gradient, expected[name])


def test_script_defines_what_each_helper_uses():
    parts = with_dependencies([custom_cells.matrix_state_cell])
    expected = {
        custom_cells.WrappedCell,
        custom_cells.MatrixStateCell,
        custom_cells.rnn_with_layer_options,
        custom_cells.matrix_state_cell,
    }
    assert set(parts) == expected
    assert parts.index(custom_cells.WrappedCell) < parts.index(custom_cells.MatrixStateCell)


def test_small_case_has_a_short_script():
    assert len(EAGER.script(CASES["all options"]).splitlines()) <= 16
