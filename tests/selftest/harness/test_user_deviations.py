"""Users register the known deviations of a custom layer with --deviations."""

import sys

import pytest

from tests.selftest.programs import start

DEFAULT_BIAS = """
[[deviation]]
id = "my-layer-has-no-bias"
departs = "the layer has no bias unless it is asked for one"
shown_by = "test_layer_has_the_documented_defaults"
fails_with = "use_bias"
"""
TYPO = DEFAULT_BIAS.replace("my-layer-has-no-bias", "a-typo").replace("documented", "documentd")
LAYER = "tests.selftest.faults.layer:DefaultsToNoBias"
ARGUMENTS = "tests/simple_rnn/test_arguments.py"


def run(file, text: str, *options: str):
    """Run the properties of arguments on a layer without a bias and with that file."""
    file.write_text(text, encoding="utf-8")
    chosen = [ARGUMENTS, "-k", "documented_defaults", "-p", "no:cacheprovider"]
    command = (sys.executable, "-m", "pytest", *chosen, "--layer", LAYER)
    return start(*command, "--deviations", str(file), *options)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_registered_deviation_is_an_expected_failure(tmp_path, workers):
    done = run(tmp_path / "mine.toml", DEFAULT_BIAS, *workers)
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
    assert "warning:" not in done.stdout


def test_deviation_that_matches_nothing_gives_a_warning(tmp_path):
    done = run(tmp_path / "mine.toml", DEFAULT_BIAS + TYPO)
    assert done.returncode == 0, done.stdout
    assert "mine.toml: no test of this run showed deviation a-typo" in done.stdout


def test_other_failure_of_the_same_property_is_red(tmp_path):
    done = run(tmp_path / "mine.toml", DEFAULT_BIAS.replace('"use_bias"', '"use_bais"'))
    assert done.returncode == 1, done.stdout
    assert "this failure differs from the known one" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        (DEFAULT_BIAS.replace("departs", "depart"), "unknown key depart"),
        (DEFAULT_BIAS.replace("my-layer-has-no-bias", "gelu-float64"), "the id is taken"),
    ],
)
def test_unusable_file_is_named_in_one_line(tmp_path, text, words):
    file = tmp_path / "mine.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    command = (sys.executable, "-m", "pytest", ARGUMENTS, "--deviations", str(file))
    done = start(*command, "--collect-only")
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("ERROR: ")
    assert "mine.toml" in line
    assert words in line
