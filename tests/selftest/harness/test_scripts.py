"""The script that a failure prints runs on its own and gives what the suite saw."""

import numpy as np
import pytest

from tests.harness.cases.case import Case, array_from_expression
from tests.harness.paths.execution import CELL_LOOP, EAGER, EXECUTION_PATHS, UNROLL
from tests.harness.target.layer import CLIP

SMALL = {
    "inputs": np.arange(12.0).reshape(2, 3, 2) / 4 - 1,
    "kernel": np.array([[0.5, -1.0, 0.25], [2.0, 0.125, -0.75]]),
    "recurrent_kernel": np.array([[0.0, 1.0, 0.5], [-1.0, 0.0, 0.25], [0.5, 0.5, 0.0]]),
}
BIAS = np.array([0.5, 0.0, -0.5])
STATE = np.array([[1.0, 0.0, -1.0], [0.25, 0.5, 0.75]])
MASK = np.array([[True, False, True], [False, True, True]])


def uniform(seed: int, *shape: int) -> np.ndarray:
    return array_from_expression(f"2 * noise({seed}, {shape}) - 1")


CASES = {
    "plain": Case(**SMALL),
    "all options": Case(
        **SMALL,
        bias=BIAS,
        initial_state=STATE,
        mask=MASK,
        activation="relu",
        go_backwards=True,
        leave_defaults=False,
    ),
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


def printed(path, case, capsys) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and state of the script, which is given no name of ours."""
    script = path.script(case)
    assert "reference" not in script
    assert "harness" not in script
    names = {}
    exec(compile(script, "script", "exec"), names)
    assert capsys.readouterr().out.strip()
    return tuple(np.asarray(names[name], np.float64) for name in ("outputs", "state"))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case_script_reproduces_the_run_exactly(case, capsys):
    run = EAGER.run(case)
    outputs, state = printed(EAGER, case, capsys)
    np.testing.assert_array_equal(outputs, run.outputs)
    np.testing.assert_array_equal(state, run.state)


@pytest.mark.parametrize("path", EXECUTION_PATHS, ids=str)
@pytest.mark.parametrize("name", ["plain", "all options", "large float32"])
def test_path_script_reproduces_the_run(path, name, capsys):
    case = CASES[name]
    if path is CELL_LOOP and case.mask is not None:
        pytest.skip("a step loop over the cell knows neither masks nor directions")
    run = path.run(case)
    outputs, state = printed(path, case, capsys)
    assert {"unroll": "unroll=True", "xla": "jit_compile", "cell": ".cell("}.get(
        str(path), ""
    ) in path.script(case)
    exact = path in (EAGER, UNROLL, CELL_LOOP)
    np.testing.assert_allclose(outputs, run.outputs, rtol=0, atol=0 if exact else 1e-5)
    np.testing.assert_allclose(state, run.state, rtol=0, atol=0 if exact else 1e-5)


def test_small_case_has_a_short_script():
    assert len(EAGER.script(CASES["all options"]).splitlines()) <= 16
