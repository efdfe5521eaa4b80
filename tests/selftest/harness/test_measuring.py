"""Timing with a simulated clock, and the commands of the benchmarks."""

import itertools
import json
import sys

import numpy as np
import pytest
from scipy import stats

from reference.distribution import median_interval
from tests.benchmarks import LONGEST
from tests.benchmarks.__main__ import main
from tests.harness.probes import timing
from tests.harness.probes.timing import (
    FALSE_ALARM_PROBABILITY,
    MAX_PAIRS,
    MIN_ABOVE,
    MIN_PAIRS,
    MIN_ROUNDS,
    Ratios,
    fit_cost,
    paired_ratios,
)
from tests.harness.target.releases import tf
from tests.report import __main__ as report
from tests.report import page
from tests.report.records import Result
from tests.selftest.programs import start


@pytest.fixture
def takes(monkeypatch):
    """Return a function from durations in seconds to a call that takes them, in a cycle."""
    now = 0.0
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)

    def calls(*durations):
        next_one = itertools.cycle(durations)

        def call():
            nonlocal now
            now += next(next_one)

        return call

    return calls


def test_sign_test_has_the_stated_level():
    assert (
        stats.binom.sf(MIN_ABOVE - 1, MAX_PAIRS, 0.5)
        < FALSE_ALARM_PROBABILITY
        < stats.binom.sf(MIN_ABOVE - 2, MAX_PAIRS, 0.5)
    )


def test_clearly_slow_call_fails_after_all_pairs(takes):
    ratios = paired_ratios(takes(3.1), takes(1.0), 3)
    assert len(ratios.ratios) == MAX_PAIRS
    assert ratios.fails
    assert not ratios.undecided
    assert ratios.median == pytest.approx(3.1)


def test_fast_call_passes_early(takes):
    ratios = paired_ratios(takes(2.9), takes(1.0), 3)
    assert len(ratios.ratios) == MIN_PAIRS
    assert not ratios.fails
    assert not ratios.undecided


def test_call_slow_in_most_pairs_is_undecided(takes):
    ratios = paired_ratios(takes(3.1, 3.1, 3.1, 2.9), takes(1.0), 3)
    assert not ratios.fails
    assert ratios.undecided


def test_timing_noise_does_not_fail_equal_calls():
    rng = np.random.default_rng(0)
    noisy = np.exp(rng.normal(0, 1, (500, 2, MAX_PAIRS)))  # a factor of e, up or down, is common
    assert not any(Ratios(tuple(one / other), 1.5).fails for one, other in noisy)


def test_measurements_are_made_in_alternating_order():
    order = []
    timing.time_in_turns({name: lambda n=name: order.append(n) for name in "ab"}, 0)
    assert "".join(order) == "ab" + "baab" * (MIN_ROUNDS // 2) + "ba" * (MIN_ROUNDS % 2)


def test_garbage_collection_resumes_after_a_failure():
    with pytest.raises(ZeroDivisionError):
        timing.seconds(lambda: 1 / 0)
    assert timing.gc.isenabled()


def test_fit_recovers_the_line():
    lengths = np.array([1, 10, 100, 1000])
    cost = fit_cost(lengths, 5e-4 + 2e-5 * lengths)
    assert (cost.fixed, cost.step) == pytest.approx((5e-4, 2e-5))
    assert fit_cost(lengths, 2e-5 * lengths - 1e-5).fixed == 0


@pytest.mark.parametrize("n", [5, 6, 20, 101])
def test_median_interval_has_the_stated_coverage(n):
    """The interval from the k-th to the (n + 1 - k)-th number misses the median with a binomial
    probability, for any distribution."""
    low, high = median_interval(np.arange(n))
    assert low + high == n - 1
    missed = 2 * stats.binom.cdf(low, n, 0.5)
    assert missed <= 0.05 or low == 0
    assert 2 * stats.binom.cdf(low + 1, n, 0.5) > 0.05


def test_graphs_and_operations_are_counted():
    init = tf.Graph.__init__
    function = tf.function(lambda x: x + 1)
    function(tf.ones(4))  # the very first call also creates TensorFlow's default graph
    assert timing.graphs_built(function, tf.ones(2)) == 1
    assert timing.graphs_built(function, tf.ones(2)) == 0
    assert timing.graphs_built(function, tf.ones(3)) == 1
    assert tf.Graph.__init__ is init
    one = timing.operation_count(lambda x: tf.sin(x), tf.ones(2))
    assert timing.operation_count(lambda x: tf.sin(tf.sin(tf.sin(x))), tf.ones(2)) == one + 2


@pytest.mark.parametrize("loop", [timing.while_loop, timing.scan_loop, timing.python_loop])
def test_baseline_loops_match_numpy(loop):
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
        (["compare", "nothing", "python3"], "nothing is neither a Python interpreter nor a tox"),
        (["compare", "two words", "python3"], "expected [NAME=VALUE ...] PYTHON"),
        (["compare", "true", "true"], "true: the process ended without an error message"),
        (["measure", "--into", "/dev/null/there"], "cannot write to /dev/null/there"),
    ],
    ids=["none", "words", "no Python", "no folder"],
)
def test_unusable_arguments_are_reported_in_one_line(arguments, words, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("timing: ")
    assert words in line


def test_two_environments_are_compared_path_by_path(capsys):
    assert main(["compare", sys.executable, sys.executable, "--turns=2", "--paths", "traced"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].removeprefix("A") == lines[1].removeprefix("B")
    assert lines[-1].startswith("traced")


def test_measure_writes_a_record_and_plots(tmp_path):
    command = [sys.executable, "-m", "tests.benchmarks", "measure", f"--into={tmp_path}", "--"]
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


def test_no_measurements_give_no_plots():
    assert list(page.drawings([Result("test_other", "passed", {"cases": 1})])) == []


def test_every_path_is_measured():
    from tests.benchmarks.ways import IMPLEMENTATIONS, PATHS

    assert list(PATHS) == list(LONGEST)
    assert IMPLEMENTATIONS.keys() >= PATHS.keys()
