"""The data file of kernel errors, and the command that writes it."""

import json

import pytest

from reference import kernel_errors
from reference.activations import ACTIVATIONS
from reference.kernel_errors import DERIVATIVE_ERRORS, KINDS, MARGINS, VALUE_ERRORS
from tests.calibrate.__main__ import key, main, merged
from tests.calibrate.measure import COMPILERS, measure
from tests.calibrate.records import deviates, names
from tests.harness.target.releases import FORMULAS

RECORDS = kernel_errors.read()


def test_every_activation_has_errors_in_each_dtype():
    for errors in (VALUE_ERRORS, DERIVATIVE_ERRORS):
        assert errors.keys() == ACTIVATIONS.keys()
        assert all(found.keys() == MARGINS.keys() for found in errors.values())


def test_every_record_has_its_provenance():
    for record in RECORDS:
        assert record["kind"] in KINDS
        assert record["compiler"] in COMPILERS
        assert record["release"].startswith("tensorflow 2.")
        assert "oneDNN" in record["machine"]
        assert isinstance(record["at"], float)
    assert len({key(record) for record in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("dtype", MARGINS)
@pytest.mark.parametrize("name", names())
def test_short_measurement_is_within_the_allowed_errors(name, dtype):
    if deviates(name, dtype):
        pytest.skip("this release computes other values")
    found = measure(name, dtype, "eager", 3000)
    documented = FORMULAS.get(name, name)
    assert found.value.error <= VALUE_ERRORS[documented][dtype]
    assert found.derivative.error <= DERIVATIVE_ERRORS[documented][dtype]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_exhaustive_measurement_is_in_the_file(dtype):
    """A kernel that errs more than the file says has changed: run `python -m tests.calibrate`."""
    for compiler in COMPILERS:
        found = measure("tanh", dtype, compiler, 1)
        (record,) = (r for r in RECORDS if key(r) == ("tanh", dtype, compiler, "value"))
        assert found.value.error <= record["error"]


def test_squareplus_overflows_from_256_in_float16():
    wrong = measure("squareplus", "float16", "eager", 1).wrong
    assert min(abs(wrong)) == 256
    assert {-256.0, 256.0, 300.0, -300.0} <= {*wrong.tolist()}


def record(error: float, **more) -> dict:
    return {"activation": "a", "dtype": "d", "compiler": "c", "kind": "k", "error": error, **more}


def test_merge_keeps_the_largest_error_of_each_kernel():
    got = merged([record(1.0), record(3.0), record(2.0), record(0.5, kind="j")])
    assert got == [record(0.5, kind="j"), record(3.0)]


def test_command_measures_one_activation(tmp_path):
    file = tmp_path / "errors.json"
    main(["--file", str(file), "--activation", "relu", "--count", "10"])
    found = json.loads(file.read_text())["records"]
    assert {r["activation"] for r in found} == {"relu"}
    assert {r["error"] for r in found} == {0.0}
    assert len(found) == len(MARGINS) * len(COMPILERS) * len(KINDS)


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        (["--count", "0"], "", "--count 0: give a whole number, 1 or more"),
        (["--activation", "tan"], "", "--activation tan: choose one of "),
        ([], "not JSON", "is not a file of kernel errors"),
        ([], '{"records": [3]}', "is not a file of kernel errors"),
        ([], "[]", "is not a file of kernel errors"),
    ],
)
def test_invalid_input_is_reported_in_one_line(tmp_path, capsys, arguments, text, words):
    file = tmp_path / "errors.json"
    if text:
        file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["--file", str(file), *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
