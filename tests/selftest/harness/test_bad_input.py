"""Unusable options, files and packages end a run with one line, exit code 4 and no traceback."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.configuration import ConfigurationError
from tests.harness.knowledge import deviations
from tests.harness.target.layer import LayerUnderTest
from tests.harness.target.releases import tf
from tests.selftest.harness.invalid_files import assert_reported_in_one_line
from tests.selftest.programs import ROOT, start

USAGE_ERROR = 4

RUNS = """
import sys
import pytest
for arguments in {runs!r}:
    code = pytest.main(["--collect-only", "-p", "no:cacheprovider", *arguments])
    print(f"exit code {{int(code)}}", file=sys.stderr, flush=True)
"""
"""A program that starts the suite many times and imports TensorFlow once."""


def runs(*many_arguments, root: Path = ROOT, first_on_path: Path) -> list[list[str]]:
    """Return the output lines of the suite for each list of arguments."""
    program = RUNS.format(runs=list(many_arguments))
    command = (sys.executable, "-c", program)
    done = start(*command, cwd=root, errors=subprocess.STDOUT, PYTHONPATH=str(first_on_path))
    found, lines = [], []
    for line in done.stdout.splitlines():
        if line.strip():
            lines.append(line)
        if line.startswith("exit code"):
            found.append(lines)
            lines = []
    assert len(found) == len(many_arguments), done.stdout
    return found


def assert_one_clear_line(lines: list[str], *words: str) -> None:
    assert lines[1:] == [f"exit code {USAGE_ERROR}"], "\n".join(lines)
    assert lines[0].startswith("ERROR: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture
def package(tmp_path):
    """Return a function that writes a module into the first directory of the import path."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / "first" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path / "first"

    return write


@pytest.mark.parametrize(
    ("tensorflow", "words"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')",
            ["TensorFlow is not installed", "pip install -e '.[tensorflow]'"],
        ),
        ("raise ImportError('libcudart.so: not found')", ["cannot be imported", "libcudart.so"]),
        ("import no_such_dependency", ["cannot be imported", "no_such_dependency"]),
        (
            "raise TypeError('of another NumPy')",
            ["cannot be imported", "another NumPy", "pip check"],
        ),
        ("__version__ = '2.11.0'", ["2.11.0 is too old", "2.12"]),
    ],
    ids=["none", "broken", "incomplete", "of another NumPy", "old"],
)
def test_unusable_tensorflow_is_reported_in_one_line(package, tensorflow, words):
    (lines,) = runs([], first_on_path=package("tensorflow.py", tensorflow))
    assert_one_clear_line(lines, *words)


@pytest.mark.parametrize(
    ("tensorflow", "words"),
    [
        ("__version__ = '2.11.0'", ["2.11.0 is too old", "2.12"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", ["ends:", "terminated"]),
        ("raise SystemExit('no such instruction')", ["ends:", "terminated"]),
    ],
    ids=["old", "ends the process", "exits"],
)
def test_xdist_workers_report_unusable_tensorflow_in_one_line(package, tensorflow, words):
    first = package("tensorflow.py", tensorflow)
    command = (sys.executable, "-m", "pytest", "-n2", "-p", "no:cacheprovider")
    done = start(*command, errors=subprocess.STDOUT, PYTHONPATH=str(first))
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ERROR", "Traceback"))]
    assert_one_clear_line([*lines, f"exit code {done.returncode}"], *words)


def test_unknown_profile_is_reported_in_one_line(package):
    first = package("tensorflow.py", "raise SystemExit('TensorFlow is not needed for that')")
    (lines,) = runs(["--hypothesis-profile=weekly"], first_on_path=first)
    assert_one_clear_line(lines, "weekly", "dev", "ci", "nightly")


@pytest.mark.parametrize("given", ["3", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/3", "1/99999", ""])
def test_invalid_shard_is_reported_in_one_line(package, given):
    first = package("tensorflow.py", "raise SystemExit('TensorFlow is not needed for that')")
    (lines,) = runs([f"--shard={given}"], first_on_path=first)
    assert_one_clear_line(lines, f"--shard={given}", "3/8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        *(
            ([f"--for={given}"], [f"--for={given}", "30m"])
            for given in ("", "4", "h", "0m", "1d", "-1h")
        ),
        (["--for=1h", "--examples=3"], ["--for and --examples exclude each other"]),
        (["--for=1h", "--case=Case()"], ["--for and --case exclude each other"]),
        (["--for=1h", "--hypothesis-profile=ci"], ["--for", "nightly"]),
        (["--for=1h", "--hypothesis-seed=x"], ["--hypothesis-seed=x"]),
    ],
)
def test_invalid_search_is_reported_in_one_line(package, arguments, words):
    first = package("tensorflow.py", "raise SystemExit('TensorFlow is not needed for that')")
    (lines,) = runs(arguments, first_on_path=first)
    assert_one_clear_line(lines, *words)


@pytest.mark.parametrize(
    "address", ["", "mysql://me:secret@host", "redis://", "redis://me:secret@host:port", "secret"]
)
def test_invalid_database_is_reported_without_password(package, address):
    first = package("no_module.py", "")
    (lines,) = runs([f"--database={address}"], first_on_path=first)
    assert_one_clear_line(lines, "--database", "redis://[USER:PASSWORD@]HOST")
    assert "secret" not in lines[0]


def test_missing_redis_package_is_reported_in_one_line(package):
    first = package("redis.py", "raise ImportError('not installed')")
    (lines,) = runs(["--database=redis://localhost"], first_on_path=first)
    assert_one_clear_line(lines, "pip install -e '.[redis]'")


def test_unknown_arithmetic_and_device_give_one_line(package):
    options = ["--arithmetic=exact"], ["--device=tpu"], ["--device=gpu"]
    unknown, device, gpu = runs(*options, first_on_path=package("unused.py", ""))
    assert_one_clear_line(unknown, "--arithmetic exact", "tf32")
    assert_one_clear_line(device, "--device tpu", "cpu, gpu")
    assert_one_clear_line(gpu, "--device gpu", "TensorFlow sees no GPU")


LAYERS = {
    "nocolon": ["nocolon", "module:attribute"],
    ":Layer": ["module:attribute"],
    "mine:": ["module:attribute"],
    "no_such_module:Layer": ["no module no_such_module"],
    "no_such.module:Layer": ["no module no_such.module"],
    ".mine:Layer": [".mine"],
    "broken_syntax:Layer": ["broken_syntax", "invalid syntax"],
    "broken_run:Layer": ["broken_run", "first line"],
    "mine:nothing": ["mine has no attribute nothing"],
    "mine:number": ["mine:number", "not a layer"],
    "mine:Plain": ["mine:Plain", "not a layer"],
    "mine:Refuses": ["mine:Refuses", "first line"],
}

LAYER_MODULE = """
number = 3
class Plain:
    def __init__(self, units):
        pass
class Refuses:
    def __init__(self, units):
        raise ValueError("first line\\nsecond line")
"""


def test_invalid_layer_or_deviations_file_gives_one_line(package, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "reference", copy / "reference")
    shutil.copytree(ROOT / "tests", copy / "tests")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    (copy / "tests/harness/knowledge/deviations.toml").write_text(
        "[[deviation]]\nid = 'nameless'\n"
    )
    package("broken_syntax.py", "def f(:")
    package("broken_run.py", "raise RuntimeError('first line\\nsecond line')")
    first = package("mine.py", LAYER_MODULE)

    # The layer is looked at before the register, so the broken register is met by the last run.
    every = runs(*([f"--layer={name}"] for name in LAYERS), [], root=copy, first_on_path=first)
    for lines, (name, words) in zip(every, LAYERS.items(), strict=False):
        assert_one_clear_line(lines, f"--layer {name}", *words)
    assert_one_clear_line(every[-1], "deviations.toml", "nameless")


ENTRY = """
[[deviation]]
id = "an-example"
sentence = "what is documented"
departs = "what happens"
shown_by = "test_outputs_are_exact_on_integers"
fails_with = '^outputs\\[.*\\(exact\\)$'
paths = ["unroll"]
upstream = "not reported"
keras = ">=3"
[deviation.where]
mask = [true]
[deviation.witness]
inputs = [[[1.0], [2.0]]]
kernel = [[1.0]]
recurrent_kernel = [[0.0]]
activation = "linear"
"""


def changed(old: str, new: str) -> str:
    assert old in ENTRY
    return ENTRY.replace(old, new)


INVALID_FILES = {
    "not TOML": ("[[deviation]\n", "cannot be read"),
    "not a list of entries": ("deviation = 3\n", "deviation"),
    "an entry that is not a table": ("deviation = [3]\n", "number 1"),
    "a misspelled table": (changed("[[deviation]]", "[[deviations]]"), "deviations"),
    "an unknown key": (changed("upstream =", "upstrem ="), "upstrem"),
    "a missing key": (changed('departs = "what happens"\n', ""), "departs"),
    "no id": (changed('id = "an-example"\n', ""), "number 1"),
    "a bad specifier": (changed('">=3"', '"three"'), "three"),
    "a specifier that is a number": (changed('">=3"', "3"), "keras"),
    "an unknown feature": (changed("mask = [true]", "masked = [true]"), "masked"),
    "no pattern of the failure": (changed("fails_with", "# fails_with"), "fails_with"),
    "a pattern that does not compile": (changed("^outputs", "(outputs"), "does not compile"),
    "a value that is not a list": (changed("mask = [true]", "mask = true"), "mask"),
    "paths that are not a list": (changed('["unroll"]', '"unroll"'), "paths"),
    "a witness with an unknown field": (changed("kernel = [[1.0]]", "kernl = [[1.0]]"), "kernl"),
    "a witness with too few dimensions": (changed("[[[1.0], [2.0]]]", "[1.0]"), "witness"),
    "a witness of an unknown dtype": (changed('"linear"', '"linear"\ndtype = "float31"'), "31"),
    "a ragged witness": (changed("[[[1.0], [2.0]]]", "[[[1.0], [2.0, 3.0]]]"), "an-example"),
    "the same id twice": (ENTRY + ENTRY, "twice"),
}


@pytest.mark.parametrize(("text", "word"), INVALID_FILES.values(), ids=INVALID_FILES.keys())
def test_invalid_deviations_file_is_reported_in_one_line(tmp_path, text, word):
    assert_reported_in_one_line(deviations.load, tmp_path / "deviations.toml", text, word)


def test_missing_deviations_file_is_reported_in_one_line(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read"):
        deviations.load(tmp_path / "none.toml")


def test_valid_deviations_file_is_loaded(tmp_path):
    file = tmp_path / "deviations.toml"
    file.write_text(ENTRY)
    (deviation,) = deviations.load(file)
    assert deviation.id == "an-example"
    assert deviation.case().time == 2


class WithoutDirection(tf.keras.layers.SimpleRNN):
    def __init__(self, units, go_backwards=None, **options):
        if go_backwards is not None:
            raise TypeError("there is no go_backwards")
        super().__init__(units, **options)


class WithoutMask(tf.keras.layers.SimpleRNN):
    def call(self, sequence, initial_state=None, training=None):
        return super().call(sequence, initial_state=initial_state, training=training)


class OrthogonalByItself(tf.keras.layers.SimpleRNN):
    def __init__(self, units, recurrent_initializer=None, **options):
        if recurrent_initializer is not None:
            raise TypeError("there is no recurrent_initializer")
        super().__init__(units, **options)


def features(name: str) -> frozenset[str]:
    """Return the features of a layer, without the order of arguments of TensorFlow's layer."""
    return LayerUnderTest(name).features - {"documented signature"}


def test_unsupported_options_and_arguments_are_not_features():
    every = features("tf.keras.layers:SimpleRNN")
    assert {"go_backwards", "unroll", "mask", "initial_state", "cell"} <= every
    assert features(f"{__name__}:WithoutDirection") == every - {"go_backwards"}
    assert features(f"{__name__}:WithoutMask") == every - {"mask"}


def test_unbuildable_bfloat16_is_not_a_feature():
    """TensorFlow's QR decomposition does not support bfloat16, so "orthogonal" raises."""
    every = features("tf.keras.layers:SimpleRNN")
    lacking = {"recurrent_initializer", "bfloat16"}
    assert features(f"{__name__}:OrthogonalByItself") == every - lacking
