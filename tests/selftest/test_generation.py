"""What pytest collects is a Hypothesis test of its own for each property and path."""

import subprocess
import sys

import pytest
from hypothesis import is_hypothesis_test
from hypothesis.database import InMemoryExampleDatabase

from tests.harness import Unusable, collection, layer, session
from tests.harness.cases import Case
from tests.harness.collection import PropertyItem
from tests.harness.compare import Mismatch
from tests.harness.laws import Law
from tests.harness.paths import EAGER, assert_refused, the_layer
from tests.harness.properties import Check, all_properties, parsed, repeatable
from tests.harness.releases import tf
from tests.selftest.programs import start

FIRST = "test_integers_give_the_recurrence_exactly"
OTHERS = "test_direction.py"


class Collected:
    """A plugin that keeps what was collected and which cases were run."""

    def __init__(self):
        self.items, self.reports = [], []

    def pytest_collection_finish(self, session):
        self.items = list(session.items)

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.reports.append(report)

    def facts(self) -> list[dict]:
        return [dict(report.user_properties) for report in self.reports]


def run(*arguments: str, name: str = layer.DEFAULT) -> Collected:
    plugin, before = Collected(), layer.under_test().name
    options = ["-p", "no:cacheprovider", "--no-header", "--tb=no", "-q", "--layer", name]
    try:
        pytest.main([*arguments, *options], plugins=[plugin])
    finally:
        layer.select(before)
    return plugin


@pytest.fixture(scope="module")
def items():
    found = run("tests", "--collect-only", "--hypothesis-profile=faults").items
    return [item for item in found if isinstance(item, PropertyItem)]


def test_each_generated_property_is_a_hypothesis_test_with_a_seed_of_its_own(items):
    drawn = [item for item in items if item.check.prop.over is None]
    assert len(drawn) > 180
    assert all(is_hypothesis_test(item.obj) for item in drawn)
    seeds = {item.obj._hypothesis_internal_use_seed for item in drawn}
    assert len(seeds) == len(drawn)


def test_the_stream_of_a_property_follows_from_its_id_and_the_seed_of_the_run(items):
    item = items[0]
    for number in (0, 1):
        before = session.use(session.Session(seed=number))
        seed = Check(item.check.prop, item.check.path, item.nodeid).test()
        assert seed._hypothesis_internal_use_seed == session.current().seed_of(item.nodeid)
        session.use(before)


def test_two_properties_of_equal_choices_are_shown_different_cases():
    names = ("test_the_last_element_of_the_sequence_is_the_final_state", "test_without_an_initial")
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
    command = (sys.executable, "-m", "pytest", "tests/test_direction.py", "tests/test_paths.py")
    done = start(*command, "--hypothesis-show-statistics", errors=subprocess.STDOUT)
    for path in ("eager", "unroll", "unknown"):
        assert f"reversed_sequence[{path}]:" in done.stdout
    assert "during generate phase" in done.stdout


def test_a_failure_is_repeated_first_although_others_passed_in_between(monkeypatch):
    kept = InMemoryExampleDatabase()
    monkeypatch.setattr(collection, "database", lambda: kept)
    fault, where = "tests.selftest.faults:Transposed", f"tests/test_outputs.py::{FIRST}[eager]"
    key = f"simplernn-verify case {fault} {where}".encode()
    first = run(where, "--hypothesis-profile=faults", name=fault)
    assert first.reports[0].failed
    assert first.facts()[0]["cases"] > 1
    run(f"tests/{OTHERS}", "--hypothesis-profile=faults", name=fault)
    again = run(where, "--hypothesis-profile=faults", "--hypothesis-seed=7", name=fault)
    assert again.reports[0].failed
    assert again.facts()[0]["cases"] == 1
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


def test_a_given_case_is_the_only_one_that_runs():
    fault = "tests.selftest.faults:StateOneStepLate"
    where = f"tests/test_outputs.py::{FIRST}[eager]"
    done = run(where, "--case", CASE, name=fault)
    assert [facts["cases"] for facts in done.facts()] == [1]
    assert done.reports[0].failed
    assert '--case "Case(inputs' in done.reports[0].longrepr
    assert run(where, "--case", CASE).reports[0].passed


def test_a_case_and_what_was_drawn_beside_it_print_as_what_can_be_given_back():
    case = eval(CASE, {"Case": Case, "np": __import__("numpy")})
    for drawn in ({}, {"at": 3, "value": float("nan")}, {"steps": [("call", 0, 2)]}):
        text = repeatable(case, drawn)
        assert repr(parsed(text)["drawn"]) == repr(drawn)
    assert repeatable(case, {"options": object()}) is None


def test_a_property_that_ran_few_of_its_cases_fails():
    check = Check(all_properties()[FIRST], EAGER, "id")
    check.drawn = check.prop.examples(EAGER) // 2 - 1
    assert "the strategy rejects too many" in check.starved
    check.drawn += 2
    assert not check.starved


# ---------------------------------------------------------------------- whose failure it is


def test_an_error_of_the_suite_is_not_the_layers():
    for wrong in (lambda: undefined, lambda: 1 / 0, lambda: [].no_such_attribute):  # noqa: F821
        with pytest.raises((NameError, ZeroDivisionError, AttributeError)), the_layer():
            wrong()


def test_an_error_from_within_the_layer_is_the_layers():
    with pytest.raises(Mismatch, match="the layer raised"), the_layer():
        tf.keras.layers.SimpleRNN(2)(tf.ones((2, 2)))


def test_short_memory_is_nobodys_refusal():
    def short(x):
        raise MemoryError

    made = tf.keras.layers.SimpleRNN(2, activation=short)
    with pytest.raises(MemoryError):
        assert_refused("something", lambda: made(tf.ones((2, 3, 2))))


def test_an_accident_is_no_refusal():
    def accident(x):
        raise KeyError("lost")

    made = tf.keras.layers.SimpleRNN(2, activation=accident)
    with pytest.raises(Mismatch, match="KeyError"):
        assert_refused("something", lambda: made(tf.ones((2, 3, 2))))
    with pytest.raises(Mismatch, match="something is accepted"):
        assert_refused("something", lambda: tf.ones(2))


def test_a_law_draws_the_same_alone_and_after_others():
    names = [n for n, p in all_properties().items() if isinstance(p, Law)]
    one = next(n for n in names if "rate_is_the_fraction" in n)
    alone = run("tests", "-k", f"{one} and eager", "--hypothesis-seed=5").facts()
    after = run("tests/test_dropout.py", "-k", "eager", "--hypothesis-seed=5")
    by_name = {r.nodeid.rsplit("::")[-1]: dict(r.user_properties) for r in after.reports}
    assert alone[0]["surprise"] == by_name[f"{one}[eager]"]["surprise"]


def test_a_case_for_a_property_that_needs_more_is_refused():
    items = run("tests", "--collect-only", "-k", "rows_do_not_meet and eager").items
    before = session.use(session.Session(case=CASE))
    with pytest.raises(Unusable, match="takes a case and at, value"):
        collection.only_those_that_take_the_case(items)
    session.use(before)
