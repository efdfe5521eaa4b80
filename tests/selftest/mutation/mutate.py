"""Plant faults in the installed Keras, one at a time, and count those that the suite finds.

    python -m pip install -e '.[selftest]'
    python -m tests.selftest.mutation.mutate --count 40 --seed 1

The faults are planted in a copy of Keras, in the first folder of the import path; the installed
Keras does not change. Most are operators of Cosmic Ray (https://cosmic-ray.readthedocs.io), which
change an operator, a number or a condition. The others omit a statement or a keyword argument. A
surviving fault is a gap of the suite, or has no observable effect. The last line tells how long the
runs took that found a fault, each with the import of TensorFlow.
"""

import argparse
import ast
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.selftest.programs import start

FILES = {
    "keras": (
        "src/layers/rnn/rnn.py",
        "src/layers/rnn/simple_rnn.py",
        "src/layers/rnn/bidirectional.py",
        "src/layers/rnn/dropout_rnn_cell.py",
        "src/layers/rnn/stacked_rnn_cells.py",
        "src/backend/tensorflow/rnn.py",
    ),
    "tf_keras": (
        "src/layers/rnn/base_rnn.py",
        "src/layers/rnn/simple_rnn.py",
        "src/layers/rnn/bidirectional.py",
        "src/layers/rnn/dropout_rnn_cell_mixin.py",
        "src/layers/rnn/rnn_utils.py",
    ),
}
"""The files to mutate by default, by package; `--file` names others."""

OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Add", "Div_Mul")),
    *(
        f"ReplaceComparisonOperator_{pair}"
        for pair in ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Gt_GtE", "Is_IsNot", "IsNot_Is")
    ),
)


OTHER_LAYERS = ("lstm", "gru", "cudnn")
"""Functions with one of these in their names belong to other layers and are not mutated."""


FIRST_FAILURE = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutants")


@dataclass(frozen=True)
class Mutant:
    """A changed source of one file of the package."""

    file: str
    line: int
    what: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.what}"


class OmitNode(ast.NodeTransformer):
    """A transformer that omits the statement or keyword of a number, named by `line` and `what`."""

    def __init__(self, number: int):
        self.left, self.line, self.what = number, 0, ""

    def _is_it(self, node, what: str) -> bool:
        self.left -= 1
        if self.left == -1:
            self.line, self.what = node.lineno, f"{what} left out: {ast.unparse(node)[:70]}"
        return self.left == -1

    def visit_Assign(self, node):
        if self._is_it(node, "statement"):
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant):  # a docstring
            return node
        if self._is_it(node, "statement"):
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_Raise(self, node):  # no documentation promises error messages
        return node

    def visit_Call(self, node):
        node.keywords = [k for k in node.keywords if not self._is_it(k.value, f"keyword {k.arg} =")]
        return self.generic_visit(node)


def omission_mutants(file: str, source: str):
    """Yield each mutant of the file that omits a statement or a keyword."""
    for number in range(10_000):
        visitor = OmitNode(number)
        tree = visitor.visit(ast.parse(source))
        if not visitor.what:
            return
        yield Mutant(file, visitor.line, visitor.what, ast.unparse(ast.fix_missing_locations(tree)))


def operator_mutants(file: str, source: str):
    """Yield each mutant of the file by Cosmic Ray with OPERATORS."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    lines = source.splitlines()
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        number = 0
        while (changed := mutate_code(source, operator, number)) is not None:
            number += 1
            pairs = zip(lines, changed.splitlines(), strict=False)
            at = next((i for i, (old, new) in enumerate(pairs) if old != new), None)
            if at is not None:
                new = changed.splitlines()[at].strip()
                yield Mutant(file, at + 1, f"{lines[at].strip()} -> {new}", changed)


def lines_of_other_layers(source: str) -> set[int]:
    """Return the lines of functions of other layers than SimpleRNN."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and any(name in node.name for name in OTHER_LAYERS):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def mutants(package: Path, files) -> list[Mutant]:
    found = []
    for file in files:
        source = (package / file).read_text(encoding="utf-8")
        others = lines_of_other_layers(source)
        made = (*operator_mutants(file, source), *omission_mutants(file, source))
        found += [mutant for mutant in made if mutant.line not in others]
    return found


def verdict(package: Path, mutant: Mutant, options: list[str]) -> tuple[str, float]:
    """Return the first test that fails on the mutant, or "" if all tests pass, and the seconds of
    the run, with the import of TensorFlow."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / package.name
        shutil.copytree(package, copy)  # with bytecode, which stays valid for all other files
        (copy / mutant.file).write_text(mutant.source, encoding="utf-8")
        command = (sys.executable, "-m", "pytest", *FIRST_FAILURE, *options)
        began = time.perf_counter()
        try:
            done = start(*command, PYTHONPATH=folder, PYTHONDONTWRITEBYTECODE="1")
        except subprocess.TimeoutExpired:
            return "the run does not end", time.perf_counter() - began
        seconds = time.perf_counter() - began
    if done.returncode == 0:
        return "", seconds
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    found = failed[0].split(" - ")[0] if failed else f"exit code {done.returncode}"
    return found, seconds


def summary(results: list[tuple[str, float]]) -> str:
    """Return how many mutants are found, and within how many seconds, from their verdicts."""
    times = sorted(seconds for found, seconds in results if found)
    text = f"{len(times)} of {len(results)} faults are found"
    parts = [
        f"{percent} % within {times[math.ceil(len(times) * percent / 100) - 1]:.0f} s"
        for percent in (50, 90, 95, 100)
        if times
    ]
    return ": ".join([text, *([", ".join(parts)] if parts else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, help="how many faults to plant (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--file", action="append", help="a file of the package, to mutate alone")
    parser.add_argument("--list", action="store_true", help="list the faults, and run nothing")
    parser.add_argument("options", nargs="*", help="options of pytest, after --")
    given = parser.parse_args()
    name = "tf_keras" if os.environ.get("TF_USE_LEGACY_KERAS") == "1" else "keras"
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        parser.exit(2, f"no package {name} is installed\n")
    try:
        package = Path(spec.origin).parent
        chosen = mutants(package, given.file or FILES[name])
    except OSError as error:
        parser.exit(2, f"{error}: name files of this Keras with --file\n")
    except ImportError:
        parser.exit(2, "Cosmic Ray is missing: python -m pip install -e '.[selftest]'\n")
    if given.count is not None:
        chosen = random.Random(given.seed).sample(chosen, min(given.count, len(chosen)))
    if given.list:
        print(*chosen, sep="\n")
        return

    def run(mutant):
        found, seconds = verdict(package, mutant, given.options)
        print(f"{found or 'SURVIVES'} ({seconds:.0f} s): {mutant}", flush=True)
        return found, seconds

    with ThreadPoolExecutor(given.jobs) as pool:
        print(summary(list(pool.map(run, chosen))))


if __name__ == "__main__":
    main()
