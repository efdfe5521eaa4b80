"""`--costs` prints what the time of a run is spent on."""

import re
import sys

import pytest

from tests.selftest.programs import start

FEW = ("tests/simple_rnn/test_direction.py", "tests/simple_rnn/test_shapes.py")


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["serial", "workers"])
def test_costs_are_printed_by_file_and_by_path(workers):
    options = ("--costs", "--hypothesis-profile=faults", "-p", "no:cacheprovider", *workers)
    done = start(sys.executable, "-m", "pytest", *FEW, *options)
    assert done.returncode == 0, done.stdout
    _, files, paths = re.split(r"costs of each (?:file|path)", done.stdout)
    for file in FEW:
        share, tests, cases, per_case = re.search(
            rf"([\d.]+)% +(\d+) +([\d,]+) +(\d+)  {file}", files
        ).groups()
        assert 0 < float(share) < 100
        assert int(tests) > 0
        assert int(cases.replace(",", "")) > 0
        assert int(per_case) > 0
    assert re.search(r"%.*  eager$", paths, re.M)
    assert paths.rstrip().splitlines()[-1].startswith("SimpleRNN of tensorflow")
