"""pytest collects a separate Hypothesis test for each property and path."""

import subprocess
import sys

import pytest
from hypothesis import is_hypothesis_test
from hypothesis.database import InMemoryExampleDatabase

from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.compare.assertions import Mismatch
from tests.harness.configuration import ConfigurationError
from tests.harness.paths.execution import EAGER
from tests.harness.plugin import collection, database
from tests.harness.plugin.collection import PropertyItem
from tests.harness.properties.check import Check, format_case_option, parse_case_option
from tests.harness.properties.registry import all_properties
from tests.harness.properties.statistical import StatisticalProperty
from tests.harness.target import layer
from tests.harness.target.calls import assert_rejected, layer_call
from tests.harness.target.releases import tf
from tests.selftest.harness.inner_runs import run
from tests.selftest.programs import start

FIRST = "test_outputs_are_exact_on_integers"
OTHERS = "test_direction.py"


@pytest.fixture(scope="module")
def items():
    found = run("tests", "--collect-only", "--hypothesis-profile=faults").items
    return [item for item in found if isinstance(item, PropertyItem)]


def test_generated_properties_are_separate_hypothesis_tests(items):
    drawn = [item for item in items if item.check.prop.all_cases is None]
    assert len(drawn) > 180
    assert all(is_hypothesis_test(item.obj) for item in drawn)
    seeds = {item.obj._hypothesis_internal_use_seed for item in drawn}
    assert len(seeds) == len(drawn)


def test_stream_depends_on_test_id_and_seed(items):
    item = items[0]
    for number in (0, 1):
        before = session.set_current(session.Session(seed=number))
        seed = Check(item.check.prop, item.check.path, item.nodeid).test()
        assert seed._hypothesis_internal_use_seed == session.current().seed_of(item.nodeid)
        session.set_current(before)


def test_properties_with_equal_choices_draw_different_cases():
    names = ("test_last_output_is_the_final_state", "test_initial_state_defaults_to_zero")
    seen = {}
    for name in names:
        prop = next(p for n, p in all_properties().items() if n.startswith(name))
        check = Check(prop, EAGER, name)
        drawn = []
        check.verify = lambda case, _, drawn=drawn: drawn.append(repr(case))
        check.test()()
        seen[name] = set(drawn)
    assert all(len(cases) > 5 for cases in seen.values())
    assert len(seen[names[0]] & seen[names[1]]) <= 1  # Hypothesis begins with the simplest one


def test_statistics_show_each_generated_property():
    command = (
        sys.executable,
        "-m",
        "pytest",
        "tests/simple_rnn/test_direction.py",
        "tests/simple_rnn/test_paths.py",
    )
    done = start(*command, "--hypothesis-show-statistics", errors=subprocess.STDOUT)
    for path in ("eager", "unroll", "dynamic-shape"):
        assert f"reversed_sequence[{path}]:" in done.stdout
    assert "during generate phase" in done.stdout


def test_failure_replays_after_other_properties_pass(monkeypatch):
    kept = InMemoryExampleDatabase()
    monkeypatch.setattr(database, "failed_cases", lambda: kept)
    fault, where = (
        "tests.selftest.faults.layer:Transposed",
        f"tests/simple_rnn/test_recurrence.py::{FIRST}[eager]",
    )
    key = f"simplernn-verify case {fault} {where}".encode()
    first = run(where, "--hypothesis-profile=faults", name=fault)
    assert first.reports[0].failed
    assert first.facts()[0]["cases"] > 1
    run(f"tests/{OTHERS}", "--hypothesis-profile=faults", name=fault)
    replayed = run(where, "--hypothesis-profile=faults", "--hypothesis-seed=7", name=fault)
    assert replayed.reports[0].failed
    assert replayed.facts()[0]["cases"] == 1
    right = f"simplernn-verify case {layer.DEFAULT} {where}".encode()
    for text in list(kept.fetch(key)):
        kept.save(right, text)
    assert list(kept.fetch(right))
    assert run(where, "--hypothesis-profile=faults").reports[0].passed
    assert not list(kept.fetch(right))


CASE = (
    "Case(inputs=np.array([[[1.0], [2.0]]]), kernel=np.array([[1.0]]), "
    "recurrent_kernel=np.array([[1.0]]), activation='relu')"
)


def test_case_option_runs_only_that_case():
    fault = "tests.selftest.faults.layer:StateDelayedByOneStep"
    where = f"tests/simple_rnn/test_recurrence.py::{FIRST}[eager]"
    done = run(where, "--case", CASE, name=fault)
    assert [facts["cases"] for facts in done.facts()] == [1]
    assert done.reports[0].failed
    assert '--case "Case(inputs' in done.reports[0].longrepr
    assert run(where, "--case", CASE).reports[0].passed


def test_case_and_drawn_values_round_trip():
    case = eval(CASE, {"Case": Case, "np": __import__("numpy")})
    for drawn in ({}, {"at": 3, "value": float("nan")}, {"steps": [("call", 0, 2)]}):
        text = format_case_option(case, drawn)
        assert repr(parse_case_option(text)["drawn"]) == repr(drawn)
    assert format_case_option(case, {"options": object()}) is None


def test_too_few_drawn_cases_are_reported():
    check = Check(all_properties()[FIRST], EAGER, "id")
    check.drawn = check.prop.example_count(EAGER) // 2 - 1
    assert "the strategy rejects too many" in check.starvation_message
    check.drawn += 2
    assert not check.starvation_message


# ------------------------------------------------- failures of the layer, errors of the suite


def test_suite_errors_are_not_layer_failures():
    for wrong in (lambda: undefined, lambda: 1 / 0, lambda: [].no_such_attribute):  # noqa: F821
        with pytest.raises((NameError, ZeroDivisionError, AttributeError)), layer_call():
            wrong()


def test_layer_errors_are_mismatches():
    with pytest.raises(Mismatch, match="the layer raised"), layer_call():
        tf.keras.layers.SimpleRNN(2)(tf.ones((2, 2)))


def test_memory_error_is_not_a_rejection():
    def short(x):
        raise MemoryError

    made = tf.keras.layers.SimpleRNN(2, activation=short)
    with pytest.raises(MemoryError):
        assert_rejected("something", lambda: made(tf.ones((2, 3, 2))))


def test_unrelated_exception_is_not_a_rejection():
    def accident(x):
        raise KeyError("lost")

    made = tf.keras.layers.SimpleRNN(2, activation=accident)
    with pytest.raises(Mismatch, match="KeyError"):
        assert_rejected("something", lambda: made(tf.ones((2, 3, 2))))
    with pytest.raises(Mismatch, match="something is accepted"):
        assert_rejected("something", lambda: tf.ones(2))


def test_statistical_property_is_independent_of_test_order():
    names = [n for n, p in all_properties().items() if isinstance(p, StatisticalProperty)]
    one = next(n for n in names if "rate_is_the_dropped_fraction" in n)
    alone = run("tests", "-k", f"{one} and eager", "--hypothesis-seed=5").facts()
    after = run("tests/randomness/test_dropout.py", "-k", "eager", "--hypothesis-seed=5")
    by_name = {r.nodeid.rsplit("::")[-1]: dict(r.user_properties) for r in after.reports}
    assert alone[0]["surprise"] == by_name[f"{one}[eager]"]["surprise"]


def test_case_option_requires_all_drawn_values():
    items = run("tests", "--collect-only", "-k", "batch_rows_are_independent and eager").items
    before = session.set_current(session.Session(case=CASE))
    with pytest.raises(ConfigurationError, match="takes a case and at, value"):
        collection.select_items_for_case(items)
    session.set_current(before)
