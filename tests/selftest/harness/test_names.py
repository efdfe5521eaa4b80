"""Names of tests and their ids follow the rules of tests/README.md."""

import re
import sys

from tests.selftest.programs import ROOT, start

MOST_WORDS = 8


def test_test_names_have_few_words():
    found = {
        name
        for file in ROOT.glob("tests/**/*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.M)
    }
    assert not {n for n in found if len(n.removeprefix("test_").split("_")) > MOST_WORDS}


def test_test_ids_need_no_quoting():
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q")
    ids = [line for line in start(*command).stdout.splitlines() if "::" in line]
    assert ids
    names = {name.partition("::")[2] for name in ids}
    assert not {n for n in names if not re.fullmatch(r"[a-z0-9_]+(\[[a-z0-9_.-]+\])?", n)}
