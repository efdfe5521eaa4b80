"""README is short, and each of its commands runs."""

import re
import shlex
import sys

import pytest

from tests.selftest.programs import ROOT, start

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 200
QUICK = "tests/simple_rnn/test_direction.py"
"""A test file that a command runs in place of the whole suite."""

(EXAMPLE,) = re.findall(r"```python\n(.*?)```", README, re.S)
CI = (ROOT / ".ci/run").read_text(encoding="utf-8")


def commands() -> set[str]:
    """Return every command of the README, with the lines of one command joined."""
    blocks = re.findall(r"^    ((?:python|pytest|tox) .*)$", README, re.M)
    inline = re.findall(r"`((?:python|pytest|tox) [^`]+)`", README)
    found = {" ".join(command.split()) for command in [*blocks, *inline]}
    return {command for command in found if "Case(...)" not in command}  # of the printed failure


RUN_HERE = {
    "python -m pip list --format=freeze > installed.txt": None,
    "python -m tests.report issue ID": "python -m tests.report issue rate-of-one",
    "pytest -k final_state": f"pytest -k final_state {QUICK} tests/simple_rnn/test_final_state.py",
    "pytest -n 2 --layer my_layer:MyRNN": None,
    "pytest -n 2 --rootdir CLONE CLONE/tests --layer my_layer:MyRNN": None,
}
"""Commands that a selftest runs, as they stand or in a shorter form; None: below."""


def test_readme_is_short():
    assert len(README.splitlines()) < MOST_LINES


def test_every_command_is_run():
    in_ci = {command for command in commands() if command in CI.replace("--quiet ", "")}
    in_ci |= {c for c in commands() if c.startswith("tox") or "-c installed.txt" in c}
    assert commands() - in_ci - set(RUN_HERE) == set()


@pytest.mark.parametrize("command", [c for c in RUN_HERE.values() if c])
def test_command_succeeds(command):
    words = shlex.split(command)
    program = ["-m", *words] if words[0] == "pytest" else words[1:]
    done = start(sys.executable, *program)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_example_layer_passes_from_another_directory(tmp_path):
    (tmp_path / "my_layer.py").write_text(EXAMPLE, encoding="utf-8")
    assert len(EXAMPLE.strip().splitlines()) <= 20
    options = ("-n", "2", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(ROOT / QUICK))
    command = (sys.executable, "-m", "pytest", *options, "--layer", "my_layer:MyRNN")
    done = start(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "MyRNN of tensorflow" in done.stdout
