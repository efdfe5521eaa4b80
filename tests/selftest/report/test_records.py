"""Records of real runs, read and joined: what is verified, what is red, and what a crash leaves."""

import json

import pytest

from tests.harness.knowledge import deviations
from tests.harness.target import releases
from tests.harness.target.environment import environment
from tests.report import ledger, records, table
from tests.report.__main__ import main
from tests.report.records import CRASHED, Record, Result, Unreadable
from tests.report.table import DEVIATION, FAILURE, NOT_APPLICABLE, NOT_RUN, VERIFIED
from tests.selftest.report.recorded import LAST, MASKED, OF, record

DEPARTED = "test_without_sequences_zero_output_for_mask_is_not_used"
TANH = "test_tanh_is_as_accurate_as_ever"


def joined(*names: str) -> table.Table:
    read, complaints = records.read_all([record(name) for name in names])
    return table.join(read, complaints)


@pytest.fixture(scope="module")
def whole() -> table.Table:
    return joined(*OF)


# ------------------------------------------------------------------------------- real runs


def test_a_record_tells_what_was_run_and_where(whole):
    column = next(c for c in whole.columns if c.name == "right")
    assert column.finished
    assert not column.trouble
    assert column.tensorflow == str(releases.TENSORFLOW)
    assert column.keras == str(releases.KERAS)
    assert column.facts["environment"] == environment()
    assert {d["id"] for d in column.facts["deviations"]} == {d.id for d in deviations.load()}


def test_what_held_is_verified_with_its_cases(whole):
    cell = whole.rows[LAST].cells["right"]
    assert cell.state == VERIFIED
    assert cell.cases >= 12
    assert cell.words == f"verified on {cell.cases} cases"


def test_a_deviation_shows_with_its_script(whole):
    known = whole.known["zero-output-without-sequences"]
    assert known.shown["right"] is True
    assert "zero_output_for_mask=True" in known.script
    assert known.shown["inaccurate"] is None  # witnesses are of TensorFlow's own layer
    assert "zero-output-without-sequences" in whole.rows[DEPARTED].cells["right"].deviations


def test_a_fault_fails_with_what_people_were_told(whole):
    cell = whole.rows[TANH].cells["inaccurate"]
    assert cell.state == FAILURE
    assert "times the bound" in cell.failures[0].text
    assert whole.rows["test_one_step_is_as_accurate_as_ever"].cells["inaccurate"].state == FAILURE
    assert whole.rows[TANH].cells["right"].state == VERIFIED


def test_a_crash_costs_a_worker_one_test_and_no_other(whole):
    cells = {name: row.cells["crashing-in-a-worker"] for name, row in whole.rows.items()}
    assert cells[MASKED].state == CRASHED
    assert MASKED in cells[MASKED].failures[0].text
    assert cells[LAST].state == VERIFIED
    assert next(c for c in whole.columns if c.name == "crashing-in-a-worker").finished


def test_a_crash_of_the_whole_run_leaves_what_was_verified_before_it(whole):
    cells = {name: row.cells["crashing"] for name, row in whole.rows.items()}
    assert cells[MASKED].state == CRASHED
    assert cells[LAST].state == VERIFIED  # ran before
    assert not next(c for c in whole.columns if c.name == "crashing").finished
    assert "crashing: the run died before its end" in whole.red()


def test_what_a_property_without_a_run_is_called(whole):
    cell = whole.rows["test_batch_rows_do_not_meet"].cells["right"]
    assert (cell.state, cell.cases) == (NOT_RUN, 0)


def test_what_was_measured_is_in_the_ledger(whole):
    ulp = ledger.recorded(whole, "ulp")
    assert 0.4 < ulp["tanh, float32 eager"]["right"] <= 8
    assert "inaccurate" not in ulp["tanh, float32 eager"]


# ------------------------------------------------------------------------- records made by hand


def facts(**more):
    known = {"tensorflow": "2.21.0", "keras": "3.15.1", "deviations": [], "tests": []}
    return {**known, "properties": {"test_a": "a: it holds"}, "environment": {}, **more}


def made(name="env", *tests, **more):
    told = {"python": "3.11.7"}
    return Record(name, facts(environment=told, **more), {t.id: t for t in tests}, finished=True)


def a_test(outcome="passed", variant="eager", **known):
    told = {"promise": "a: it holds", **known}
    return Result(f"tests/test_a.py::test_a[{variant}]", outcome, told)


def deviation(applies: bool, witness: bool = True) -> dict:
    told = {"id": "d", "sentence": "", "departs": "", "upstream": "not reported"}
    shown = {"releases": "keras >=3.0", "applies": applies, "shown_by": ["test_a"]}
    return {**told, **shown, "witness": witness}


def witness(shows: bool) -> Result:
    told = {"deviation": "d", "shows": shows, "script": "print(1)"}
    return Result("tests/releases/test_deviations.py::test_w[d]", "passed", told)


@pytest.mark.parametrize(
    ("tests", "state"),
    [
        ([a_test()], VERIFIED),
        ([a_test(), a_test("failed", "xla")], FAILURE),
        ([a_test("failed"), a_test(CRASHED, "xla")], CRASHED),
        ([a_test("skipped", **{"not applicable": "mask"})], NOT_APPLICABLE),
        ([a_test(), a_test("skipped", "xla", **{"not applicable": "mask"})], VERIFIED),
        ([a_test("skipped")], NOT_RUN),
        ([], NOT_RUN),
    ],
)
def test_the_state_of_a_cell_is_that_of_its_worst_path(tests, state):
    assert table.join([made("env", *tests)]).rows["test_a"].cells["env"].state == state


def test_a_path_that_was_collected_and_never_ran_is_not_verified():
    of = made("env", a_test(), tests=["tests/test_a.py::test_a[xla]"])
    assert table.join([of]).red() == ["env: not run: a"]


def test_a_property_with_a_deviation_is_no_plain_success():
    of = made("env", a_test(cases=7), witness(True), deviations=[deviation(True)])
    cell = table.join([of]).rows["test_a"].cells["env"]
    assert (cell.state, cell.deviations) == (DEVIATION, ("d",))
    assert cell.words == "known deviation d; else verified on 7 cases"


def test_columns_stand_in_the_order_of_keras_and_tensorflow():
    releases_of = {"b": ("3.9.0", "2.16.2"), "c": ("3.10.0", "2.16.2"), "a": ("2.19.0", "2.19.1")}
    shuffled = [made(n, keras=k, tensorflow=t) for n, (k, t) in releases_of.items()]
    assert [c.name for c in table.join(shuffled).columns] == ["a", "b", "c"]


def test_the_bounds_of_a_deviation_are_where_neighbours_disagree():
    runs = [
        made(f"keras-{keras}", witness(shows), keras=keras, deviations=[deviation(shows)])
        for keras, shows in (("2.15.0", False), ("3.0.5", True), ("3.1.1", True))
    ]
    assert table.join(runs).known["d"].edges == [("keras-2.15.0", "keras-3.0.5")]


def test_a_deviation_without_a_witness_is_shown_by_its_property():
    for applies in (True, False):
        told = deviation(applies, witness=False)
        runs = [made("env", a_test(), deviations=[told])]
        assert table.join(runs).known["d"].shown == {"env": applies}


@pytest.mark.parametrize(
    ("shows", "applies", "state"),
    [
        (True, True, "shows"),
        (False, False, "keeps"),
        (False, True, "vanished"),
        (True, False, "shows too"),
    ],
)
def test_a_witness_and_the_registration_agree_or_it_is_told(shows, applies, state):
    whole = table.join([made("env", witness(shows), deviations=[deviation(applies)])])
    assert whole.known["d"].state("env") == state


@pytest.mark.parametrize("outcome", ["failed", CRASHED])
def test_a_failure_is_red_but_in_a_build_that_nobody_released(outcome):
    red = table.join([made("env", a_test(outcome))]).red()
    assert red == [f"env: {outcome}: tests/test_a.py::test_a[eager]"]
    nightly = made("nightly", a_test(outcome), tensorflow="2.22.0.dev20260101")
    assert table.join([nightly]).red() == []


def test_what_held_before_and_is_not_verified_now_is_lost():
    before = table.join([made("env", a_test())])
    skipped = made("env", a_test("skipped", **{"not applicable": "mask"}))
    assert table.join([skipped]).red(before) == ["env: a: held before, and is not applicable now"]
    gone = made("env", properties={"test_b": "b: it holds"})
    assert "env: a: held before, and is gone" in table.join([gone]).red(before)
    assert table.join([made("env", a_test())]).red(before) == []


def test_a_release_that_is_clearly_worse_than_the_best_before_is_news():
    def run(tensorflow, error):
        return made(tensorflow, a_test(ulp={"tanh": error}), tensorflow=tensorflow)

    whole = table.join([run("2.9.0", 2.2), run("2.10.0", 2.4), run("2.11.0", 7.0)])
    news = ledger.worse(whole.columns, ledger.recorded(whole, "ulp"))
    assert news == ["tanh: 7 in 2.11.0, and 2.2 before, in 2.9.0"]


# ------------------------------------------------------------------------------- broken records


@pytest.mark.parametrize(
    ("text", "line"),
    [("", None), ("{}\n", 1), ("no JSON\n", 1), ("[1]\n{}\n", 1), ('{"$report_type": 1}\n', None)],
)
def test_a_file_that_is_no_record_is_named_with_its_line(tmp_path, text, line):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    if line is None:
        assert records.read(file).trouble == "the run ended before its first test"
    else:
        with pytest.raises(Unreadable, match=f"broken.jsonl is no record: line {line}"):
            records.read(file)


def test_a_record_may_break_off_anywhere(tmp_path):
    text = record("right").read_text()
    last = text.rstrip().rindex("\n")  # the line that says that the run has finished
    for end in range(0, last, last // 40):
        (tmp_path / "cut.jsonl").write_text(text[:end])
        if end > text.index("\n"):
            assert not records.read(tmp_path / "cut.jsonl").finished


def test_a_run_that_collected_nothing_says_why(tmp_path):
    report = {"nodeid": "", "outcome": "failed", "longrepr": "E\nImportError: no such thing"}
    line = json.dumps({**report, "$report_type": "CollectReport"})
    (tmp_path / "env.jsonl").write_text(line + "\n")
    assert records.read(tmp_path / "env.jsonl").trouble == "ImportError: no such thing"


def test_two_records_of_one_environment_are_one_column(tmp_path):
    lines = record("right").read_text().splitlines(keepends=True)
    (tmp_path / "right.times.jsonl").write_text("".join(lines))
    (tmp_path / "right.jsonl").write_text("".join(lines))
    read, _ = records.read_all([tmp_path])
    assert [r.name for r in read] == ["right"]


def test_one_broken_record_costs_no_other_and_is_red(tmp_path, capsys):
    broken = tmp_path / "broken.jsonl"
    broken.write_text("no record\n")
    assert main([str(broken), str(record("right"))]) == 1
    assert f"red: {broken} is no record: line 1 is not pytest's" in capsys.readouterr().out


@pytest.mark.parametrize("places", [["missing"], ["."], ["missing", "--html=page.html"]])
def test_where_there_is_no_record_one_line_says_so(tmp_path, monkeypatch, capsys, places):
    monkeypatch.chdir(tmp_path)
    assert main(places) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("report: ")
    assert not list(tmp_path.iterdir())
