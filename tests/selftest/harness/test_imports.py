"""Imports follow the order of the packages, and cases do not import TensorFlow."""

import ast
import sys
from pathlib import Path

from tests.selftest.programs import ROOT, start

LAYERS = (
    {"reference"},
    {"configuration"},
    {"session"},
    {"cases"},
    {"compare"},
    {"target"},
    {"paths"},
    {"probes", "knowledge"},
    {"properties"},
    {"plugin"},
)
"""The packages, in an order in which each imports only earlier ones."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
WITHOUT_TENSORFLOW = (
    "tests.harness.cases.strategies",
    "tests.harness.cases.corners",
    "tests.harness.compare.runs",
    "tests.harness.knowledge.deviations",
    "tests.harness.plugin.hooks",
    "tests.harness.plugin.reporting",
)


def layer_of(module: str) -> str | None:
    """Return the layer of a module of the harness or the reference, or None."""
    first, *rest = module.split(".")
    if first == "reference":
        return first
    return rest[1] if module.startswith("tests.harness.") else None


def imports(file: Path):
    """Yield the modules that a file imports, at any place in the file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "tests.harness":
            yield from (f"tests.harness.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_imports_point_one_way():
    wrong = []
    for file in [*ROOT.glob("reference/*.py"), *ROOT.glob("tests/harness/**/*.py")]:
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        own = layer_of(name)
        if own not in RANK:
            continue
        for module in imports(file):
            layer = layer_of(module)
            outside = layer is None and module.startswith("tests.")
            if outside or (layer in RANK and layer != own and RANK[layer] >= RANK[own]):
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_every_module_of_the_harness_has_a_layer():
    modules = {path.stem for path in (ROOT / "tests/harness").iterdir() if path.stem[0] != "_"}
    assert modules <= RANK.keys()


def test_packages_of_the_harness_are_small():
    for folder in (ROOT / "tests/harness").iterdir():
        if folder.is_dir():
            assert len([file for file in folder.glob("*.py") if file.stem != "__init__"]) <= 16


def test_cases_and_comparisons_need_no_tensorflow():
    program = f"import sys, {', '.join(WITHOUT_TENSORFLOW)}; sys.exit('tensorflow' in sys.modules)"
    assert start(sys.executable, "-c", program).returncode == 0
