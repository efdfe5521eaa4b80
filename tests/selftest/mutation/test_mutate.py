"""Mutants differ from Keras's source, and do not change other layers."""

import ast
from pathlib import Path

import pytest

from tests.selftest.mutation.mutate import mutants, omission_mutants, operator_mutants, summary

SOURCE = '''
def step(x, h):
    """A docstring."""
    if h is None:
        raise ValueError("no state")
    h = dot(x, transpose=False) + h
    return h, 1

def lstm_step(x):
    return x + 1
'''


@pytest.fixture
def package(tmp_path) -> Path:
    (tmp_path / "rnn.py").write_text(SOURCE)
    return tmp_path


def test_mutants_omit_statements_and_keywords():
    left_out = [mutant.what for mutant in omission_mutants("rnn.py", SOURCE)]
    assert sorted(left_out) == [
        "keyword transpose = left out: False",
        "statement left out: h = dot(x, transpose=False) + h",
    ]


def test_mutants_change_operators_numbers_and_conditions():
    whats = " ".join(mutant.what for mutant in operator_mutants("rnn.py", SOURCE))
    for change in ("if not h is None", "h is not None", "- h", "transpose= True", "h, 2"):
        assert change.replace(" ", "") in whats.replace(" ", "")


def test_mutants_differ_and_skip_other_layers(package):
    programs = {ast.dump(ast.parse(mutant.source)) for mutant in mutants(package, ["rnn.py"])}
    assert ast.dump(ast.parse(SOURCE)) not in programs
    assert all(
        "return x + 1" in ast.unparse(ast.parse(m.source)) for m in mutants(package, ["rnn.py"])
    )


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ([], "0 of 0 faults are found"),
        ([("", 60.0)], "0 of 1 faults are found"),
        (
            [("", 99.0), *(("test_a", float(seconds)) for seconds in range(20, 0, -1))],
            "20 of 21 faults are found: 50 % within 10 s, 90 % within 18 s, 95 % within 19 s, "
            "100 % within 20 s",
        ),
    ],
    ids=["none", "survivor", "times"],
)
def test_summary_gives_times_to_detection(results, line):
    assert summary(results) == line
