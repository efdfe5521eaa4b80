"""Timing itself, by a clock that is made up; its commands, by what they refuse and draw."""

import itertools
import json
import sys

import numpy as np
import pytest
from scipy import stats

from reference.distribution import median_interval
from tests.harness import timing
from tests.harness.releases import tf
from tests.harness.timing import ALARM, ENOUGH, FEW, FEWEST, PAIRS, Ratios, fit, paired
from tests.report import __main__ as report
from tests.report import page
from tests.report.records import Result
from tests.selftest.programs import start
from tests.timing import LONGEST
from tests.timing.__main__ import main


@pytest.fixture
def takes(monkeypatch):
    """From seconds to a call that takes them, the first ones first, then from the start again."""
    now = 0.0
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)

    def calls(*durations):
        next_one = itertools.cycle(durations)

        def call():
            nonlocal now
            now += next(next_one)

        return call

    return calls


def test_the_sign_test_has_the_level_that_is_named():
    assert stats.binom.sf(ENOUGH - 1, PAIRS, 0.5) < ALARM < stats.binom.sf(ENOUGH - 2, PAIRS, 0.5)


def test_what_is_surely_too_slow_fails_after_all_pairs(takes):
    ratios = paired(takes(3.1), takes(1.0), 3)
    assert len(ratios.ratios) == PAIRS
    assert ratios.fails
    assert not ratios.undecided
    assert ratios.median == pytest.approx(3.1)


def test_what_is_fast_enough_is_soon_done(takes):
    ratios = paired(takes(2.9), takes(1.0), 3)
    assert len(ratios.ratios) == FEW
    assert not ratios.fails
    assert not ratios.undecided


def test_what_is_too_slow_in_most_pairs_alone_is_undecided(takes):
    ratios = paired(takes(3.1, 3.1, 3.1, 2.9), takes(1.0), 3)
    assert not ratios.fails
    assert ratios.undecided


def test_noise_that_comes_and_goes_does_not_fail_two_equal_calls():
    rng = np.random.default_rng(0)
    noisy = np.exp(rng.normal(0, 1, (500, 2, PAIRS)))  # a factor of e, up or down, is common
    assert not any(Ratios(tuple(one / other), 1.5).fails for one, other in noisy)


def test_measurements_are_made_in_alternating_order():
    order = []
    timing.in_turns({name: lambda n=name: order.append(n) for name in "ab"}, 0)
    assert "".join(order) == "ab" + "baab" * (FEWEST // 2) + "ba" * (FEWEST % 2)


def test_garbage_is_collected_again_after_a_call_that_fails():
    with pytest.raises(ZeroDivisionError):
        timing.seconds(lambda: 1 / 0)
    assert timing.gc.isenabled()


def test_a_fit_finds_the_line_that_was_there():
    lengths = np.array([1, 10, 100, 1000])
    cost = fit(lengths, 5e-4 + 2e-5 * lengths)
    assert (cost.fixed, cost.step) == pytest.approx((5e-4, 2e-5))
    assert fit(lengths, 2e-5 * lengths - 1e-5).fixed == 0


@pytest.mark.parametrize("n", [5, 6, 20, 101])
def test_the_interval_holds_the_median_as_often_as_it_says(n):
    """Of a uniform law: the probability is that the k-th and the (n + 1 - k)-th number are on
    either side of one half, which is a binomial probability."""
    low, high = median_interval(np.arange(n))
    assert low + high == n - 1
    missed = 2 * stats.binom.cdf(low, n, 0.5)
    assert missed <= 0.05 or low == 0
    assert 2 * stats.binom.cdf(low + 1, n, 0.5) > 0.05


def test_graphs_and_operations_are_counted_and_nothing_stays_behind():
    init = tf.Graph.__init__
    function = tf.function(lambda x: x + 1)
    function(tf.ones(4))  # the first of all makes TensorFlow's default graph as well
    assert timing.graphs_built(function, tf.ones(2)) == 1
    assert timing.graphs_built(function, tf.ones(2)) == 0
    assert timing.graphs_built(function, tf.ones(3)) == 1
    assert tf.Graph.__init__ is init
    one = timing.operations(lambda x: tf.sin(x), tf.ones(2))
    assert timing.operations(lambda x: tf.sin(tf.sin(tf.sin(x))), tf.ones(2)) == one + 2


@pytest.mark.parametrize("loop", [timing.while_loop, timing.scan, timing.python_loop])
def test_the_loops_by_hand_compute_the_same(loop):
    rng = np.random.default_rng(0)
    x, W, U, b = (rng.normal(size=shape) for shape in ((2, 5, 3), (3, 4), (4, 4), (4,)))
    outputs, state = timing.numpy_loop(W, U, b)(x)
    got, last = loop(*map(tf.constant, (W, U, b)))(tf.constant(x))
    np.testing.assert_allclose(got, outputs, rtol=1e-12)
    np.testing.assert_allclose(last, state, rtol=1e-12)


# ------------------------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "nothing", "python3"], "nothing is no interpreter of Python and no tox"),
        (["compare", "two words", "python3"], "expected [NAME=VALUE ...] PYTHON"),
        (["compare", "true", "true"], "true: it ended without a word"),
        (["measure", "--into", "/dev/null/there"], "nothing can be written to /dev/null/there"),
    ],
    ids=["none", "words", "no Python", "no folder"],
)
def test_what_cannot_be_used_is_told_in_one_line(arguments, words, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("timing: ")
    assert words in line


def test_two_environments_are_compared_path_by_path(capsys):
    assert main(["compare", sys.executable, sys.executable, "--turns=2", "--paths", "traced"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].removeprefix("A") == lines[1].removeprefix("B")
    assert lines[-1].startswith("traced")


def test_a_measurement_becomes_a_record_and_pictures(tmp_path):
    command = [sys.executable, "-m", "tests.timing", "measure", f"--into={tmp_path}", "--"]
    done = start(*command, "-k", "(NumPy or while_loop) and length or NumPy and units")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NumPy: fixed, microseconds" in done.stdout
    pictures = [file.read_text(encoding="utf-8") for file in sorted(tmp_path.glob("*.svg"))]
    assert len(pictures) == 2
    assert all("NumPy" in picture for picture in pictures)
    assert "floor" in pictures[0]
    html = tmp_path / "page.html"
    report.main([str(tmp_path), f"--html={html}"])
    assert html.read_text(encoding="utf-8").count("; drawn on logarithmic scales") == 2
    (times,) = tmp_path.glob("*.json")
    groups = {one["group"] for one in json.loads(times.read_text())["benchmarks"]}
    assert groups == {"NumPy", "tf.while_loop"}


def test_there_are_no_pictures_of_nothing():
    assert list(page.drawings([Result("test_other", "passed", {"cases": 1})])) == []


def test_every_path_is_measured():
    from tests.timing.ways import PATHS, WAYS

    assert list(PATHS) == list(LONGEST)
    assert WAYS.keys() >= PATHS.keys()
