"""The script of each deviation prints what DEVIATIONS.md says on the installed release."""

import json
import sys

import pytest

from tests.harness.knowledge.active import applies
from tests.harness.knowledge.deviations import EFFECTS, load
from tests.selftest.programs import start

MOST_LINES, MOST_COLUMNS = 20, 100

RUN_ALL = """
import contextlib, io, json, sys, traceback
import tensorflow as tf

printed = {}
for name, script in json.loads(sys.argv[1]).items():
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(script, name, "exec"), {"__name__": "__main__"})
    except BaseException:
        out.write(traceback.format_exc())
    printed[name] = out.getvalue().strip()
    tf.keras.backend.set_floatx("float32")  # as in a process of its own
print(json.dumps(printed))
"""
"""A program that runs all scripts in one process, which imports TensorFlow once."""

DEVIATIONS = {d.id: d for d in load()}


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    scripts = json.dumps({d.id: d.script for d in DEVIATIONS.values()})
    done = start(sys.executable, "-c", RUN_ALL, scripts, TF_CPP_MIN_LOG_LEVEL="3")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", DEVIATIONS)
def test_script_shows_the_deviation_where_it_applies(printed, name):
    deviation = DEVIATIONS[name]
    if applies(deviation):
        assert printed[name] == deviation.shows.strip()
    else:  # another deviation may keep the release from printing what is documented
        assert printed[name] != deviation.shows.strip()


@pytest.mark.parametrize("name", DEVIATIONS)
def test_deviation_is_complete(name):
    deviation = DEVIATIONS[name]
    lines = deviation.script.strip().splitlines()
    assert 0 < len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= MOST_COLUMNS
    assert deviation.sentence
    assert deviation.effect in EFFECTS
    assert deviation.shows.strip() != deviation.documented.strip()
    assert deviation.promised == (not deviation.reading)
