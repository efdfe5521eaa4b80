"""Records are read and joined: verdicts, red lines, the summary, broken records."""

import dataclasses
import json

import pytest

from tests.harness.knowledge import deviations
from tests.harness.target import releases
from tests.harness.target.environment import environment
from tests.report import ledger, records, summary, table
from tests.report.__main__ import main
from tests.report.records import CRASHED, Unreadable
from tests.report.table import DEVIATES, FAILS, NOT_APPLICABLE, NOT_RUN, RED, VERIFIED
from tests.selftest.report.made_records import a_test, deviation, made, witness
from tests.selftest.report.recorded import LAST, MASKED, OF, record

DEPARTED = "test_zero_output_for_mask_requires_return_sequences"
TANH = "test_tanh_is_accurate"


def joined(*names: str) -> table.Table:
    read, complaints = records.read_all([record(name) for name in names])
    return table.join(read, complaints)


@pytest.fixture(scope="module")
def whole() -> table.Table:
    return joined(*OF)


# ------------------------------------------------------------------------------- real runs


def test_record_lists_releases_and_environment(whole):
    column = next(c for c in whole.columns if c.name == "right")
    assert column.finished
    assert not column.trouble
    assert column.tensorflow == str(releases.TENSORFLOW)
    assert column.keras == str(releases.KERAS)
    assert column.facts["environment"] == environment()
    assert {d["id"] for d in column.facts["deviations"]} == {d.id for d in deviations.load()}


def test_passing_property_is_verified_with_cases(whole):
    cell = whole.rows[LAST].cells["right"]
    assert cell.state == VERIFIED
    assert cell.cases >= 12
    assert cell.words == f"verified on {cell.cases} cases"


def test_deviation_is_present_with_its_script(whole):
    known = whole.known["zero-output-without-sequences"]
    assert known.shown["right"] is True
    assert "zero_output_for_mask=True" in known.script
    assert known.shown["inaccurate"] is None  # witnesses are of TensorFlow's own layer
    assert "zero-output-without-sequences" in whole.rows[DEPARTED].cells["right"].deviations


def test_faulty_layer_fails_with_its_message(whole):
    cell = whole.rows[TANH].cells["inaccurate"]
    assert cell.state == FAILS
    assert "times the bound" in cell.failures[0].text
    assert whole.rows["test_one_step_is_accurate"].cells["inaccurate"].state == FAILS
    assert whole.rows[TANH].cells["right"].state == VERIFIED


def test_crash_of_worker_costs_one_test(whole):
    cells = {name: row.cells["crashing-in-a-worker"] for name, row in whole.rows.items()}
    assert cells[MASKED].state == CRASHED
    assert MASKED in cells[MASKED].failures[0].text
    assert cells[LAST].state == VERIFIED
    assert next(c for c in whole.columns if c.name == "crashing-in-a-worker").finished


def test_crash_of_run_keeps_earlier_results(whole):
    cells = {name: row.cells["crashing"] for name, row in whole.rows.items()}
    assert cells[MASKED].state == CRASHED
    assert cells[LAST].state == VERIFIED  # ran before
    assert not next(c for c in whole.columns if c.name == "crashing").finished
    assert "crashing: the run ended early" in whole.red()


def test_property_without_result_is_not_run(whole):
    cell = whole.rows["test_batch_rows_are_independent"].cells["right"]
    assert (cell.state, cell.cases) == (NOT_RUN, 0)


def test_ledger_has_measured_errors(whole):
    ulp = ledger.recorded(whole, "ulp")
    assert 0.4 < ulp["tanh, float32 eager"]["right"] <= 8
    assert "inaccurate" not in ulp["tanh, float32 eager"]


# ------------------------------------------------------------------------- records made by hand


@pytest.mark.parametrize(
    ("tests", "state"),
    [
        ([a_test()], VERIFIED),
        ([a_test(), a_test("failed", "xla")], FAILS),
        ([a_test("failed"), a_test(CRASHED, "xla")], CRASHED),
        ([a_test("skipped", **{"not applicable": "mask"})], NOT_APPLICABLE),
        ([a_test(), a_test("skipped", "xla", **{"not applicable": "mask"})], VERIFIED),
        ([a_test("skipped")], NOT_RUN),
        ([], NOT_RUN),
    ],
    ids=["passed", "failed", "crashed", "no-option", "no-option-on-a-path", "skipped", "none"],
)
def test_cell_has_state_of_worst_path(tests, state):
    assert table.join([made("env", *tests)]).rows["test_a"].cells["env"].state == state


def test_collected_path_without_result_is_red():
    of = made("env", a_test(), tests=["tests/test_a.py::test_a[xla]"])
    assert table.join([of]).red() == ["env: not run: a"]


@pytest.mark.parametrize(
    ("shards", "missing"),
    [
        ([], ""),
        (["1/1"], ""),
        (["1/3", "3/3"], "2/3"),
        (["2/3", "3/3", "1/3", "1/3"], ""),
        (["2/4"], "1/4, 3/4, 4/4"),
        (["1/2", "1/3", "3/3", "2/3"], ""),
    ],
    ids=["no-shards", "one", "one-missing", "all", "most-missing", "cut-again"],
)
def test_missing_shard_is_red(shards, missing):
    red = table.join([made("env", a_test(), shards=shards)]).red()
    assert red == ([f"env: no record of shard {missing}"] if missing else [])


def test_passing_property_with_deviation_deviates():
    of = made("env", a_test(cases=7), witness(True), deviations=[deviation(True)])
    cell = table.join([of]).rows["test_a"].cells["env"]
    assert (cell.state, cell.deviations) == (DEVIATES, ("d",))
    assert cell.words == "deviates: d; otherwise verified on 7 cases"


def test_columns_are_sorted_by_release():
    releases_of = {"b": ("3.9.0", "2.16.2"), "c": ("3.10.0", "2.16.2"), "a": ("2.19.0", "2.19.1")}
    shuffled = [made(n, keras=k, tensorflow=t) for n, (k, t) in releases_of.items()]
    assert [c.name for c in table.join(shuffled).columns] == ["a", "b", "c"]


def test_deviation_changes_between_neighbouring_releases():
    runs = [
        made(f"keras-{keras}", witness(shows), keras=keras, deviations=[deviation(shows)])
        for keras, shows in (("2.15.0", False), ("3.0.5", True), ("3.1.1", True))
    ]
    assert table.join(runs).known["d"].edges == [("keras-2.15.0", "keras-3.0.5")]


def test_property_shows_deviation_without_own_test():
    for applies in (True, False):
        told = deviation(applies, witness=False)
        runs = [made("env", a_test(), deviations=[told])]
        assert table.join(runs).known["d"].shown == {"env": applies}


@pytest.mark.parametrize(
    ("shows", "applies", "state"),
    [
        (True, True, "present"),
        (False, False, "absent"),
        (False, True, "vanished"),
        (True, False, "not registered"),
    ],
    ids=["present", "absent", "vanished", "not-registered"],
)
def test_deviation_state_compares_test_and_registration(shows, applies, state):
    whole = table.join([made("env", witness(shows), deviations=[deviation(applies)])])
    assert whole.known["d"].state("env") == state


@pytest.mark.parametrize("outcome", ["failed", CRASHED])
def test_failure_is_red_except_in_prerelease(outcome):
    red = table.join([made("env", a_test(outcome))]).red()
    assert red == [f"env: {outcome}: tests/test_a.py::test_a[eager]"]
    nightly = made("nightly", a_test(outcome), tensorflow="2.22.0.dev20260101")
    assert table.join([nightly]).red() == []


def test_lost_verdict_is_red():
    before = table.join([made("env", a_test())])
    skipped = made("env", a_test("skipped", **{"not applicable": "mask"}))
    assert table.join([skipped]).red(before) == ["env: a: verified before, not applicable now"]
    gone = made("env", properties={"test_b": "b: it holds"})
    assert "env: a: verified before, missing now" in table.join([gone]).red(before)
    assert table.join([made("env", a_test())]).red(before) == []


def test_clearly_larger_error_is_listed():
    def run(tensorflow, error):
        return made(tensorflow, a_test(ulp={"tanh": error}), tensorflow=tensorflow)

    whole = table.join([run("2.9.0", 2.2), run("2.10.0", 2.4), run("2.11.0", 7.0)])
    news = ledger.worse(whole.columns, ledger.recorded(whole, "ulp"))
    assert news == ["tanh: 7 in 2.11.0, and 2.2 before, in 2.9.0"]


# ------------------------------------------------------------------------------- the summary


def test_rows_are_grouped_by_documented_object():
    said = {"test_a": "RNN: x", "test_b": "Masking: y", "test_c": "RNN: z", "test_d": "Dense: w"}
    applies = deviation(True, shown_by=["test_a"])
    runs = [made("one", a_test(), properties=said, deviations=[applies])]
    failed = dataclasses.replace(a_test("failed"), id="tests/test_c.py::test_c[eager]")
    own = dataclasses.replace(a_test("failed"), id="tests/test_s.py::test_s", facts={})
    runs.append(made("two", a_test(), failed, own, properties=said))
    found = {group.name: group.counts for group in summary.groups(table.join(runs))}
    assert list(found) == ["RNN", "Masking", "Dense", table.OWN]
    assert found["RNN"] == {DEVIATES: 1, RED: 1}


def test_prerelease_failure_is_counted_apart():
    nightly = made("nightly", a_test("failed"), tensorflow="2.22.0.dev20260101")
    (line,) = summary.families(table.join([nightly]))
    assert line.name == "pre-releases, which may fail"
    assert (line.span(RED), line.others) == ("0", [(FAILS, "1")])


def test_environments_are_counted_by_keras_version():
    runs = [made(k, a_test(o), keras=k) for k, o in (("3.1", "passed"), ("3.2", "failed"))]
    runs.append(made("2.15", a_test(), keras="2.15.0"))
    found = {line.name: line.span(VERIFIED) for line in summary.families(table.join(runs))}
    assert found == {"Keras 2": "1", "Keras 3": "0 to 1"}


def test_effects_start_with_wrong_numbers():
    said = ("documentation", "another class", None, "wrong numbers")
    entries = [
        deviation(True, id=str(i), **({"effect": e} if e else {})) for i, e in enumerate(said)
    ]
    found = summary.effects(table.join([made("env", deviations=entries)]).known.values())
    assert list(found) == ["wrong numbers", "documentation", "another class", summary.UNCLASSIFIED]


def test_keys_of_newer_records_are_kept():
    new = made("new", deviations=[deviation(True, effect="raises")], keras="3.1.0")
    old = made("old", deviations=[deviation(True)], keras="3.2.0")
    assert table.join([new, old]).known["d"].facts["effect"] == "raises"


def test_changes_list_worse_results_first():
    def run(outcome, **more):
        return table.join([made("env", a_test(outcome), **more), made("b", a_test(), **more)])

    before, after = run("passed"), run("failed", tensorflow="2.22.0")
    found = summary.changes(after, before)
    assert found.verdicts == {(VERIFIED, RED): {"test_a": ["env"]}}
    assert found.names == {
        "Other releases": [f"{n}: TensorFlow 2.22.0, 2.21.0 before" for n in ("env", "b")]
    }
    assert not summary.changes(before, run("passed"))


def test_changes_name_new_and_removed_entries():
    before = table.join([made("env", a_test())])
    properties = {"test_b": "b: it holds", "test_c": "c: it holds"}
    after = table.join([made("new", properties=properties, deviations=[deviation(True)])])
    assert summary.changes(after, before).names == {
        "1 new environment": ["new"],
        "1 removed environment": ["env"],
        "2 new properties": ["b", "c"],
        "1 removed property": ["a"],
        "1 new deviation": ["d"],
    }


@pytest.mark.parametrize(
    ("began", "days"),
    [
        ([], ""),
        (["2026-10-26 10:00 UTC"], "2026-10-26"),
        (["2026-10-27 01:00 UTC", "2026-10-26 10:00 UTC"], "2026-10-26 to 2026-10-27"),
    ],
    ids=["none", "one-day", "two-days"],
)
def test_dates_span_all_runs(began, days):
    runs = [made(f"env-{i}", began=when) for i, when in enumerate(began)] or [made()]
    assert summary.dates(table.join(runs)) == days


# ------------------------------------------------------------------------------- broken records


@pytest.mark.parametrize(
    ("text", "line"),
    [("", None), ("{}\n", 1), ("no JSON\n", 1), ("[1]\n{}\n", 1), ('{"$report_type": 1}\n', None)],
    ids=["empty", "no-type", "no-json", "no-object", "unknown-type"],
)
def test_broken_file_is_named_with_its_line(tmp_path, text, line):
    file = tmp_path / "broken.jsonl"
    file.write_text(text)
    if line is None:
        assert records.read(file).trouble == "the run ended before its first test"
    else:
        with pytest.raises(Unreadable, match=f"broken.jsonl is not a record: line {line}"):
            records.read(file)


def test_record_may_break_off_anywhere(tmp_path):
    text = record("right").read_text()
    last = text.rstrip().rindex("\n")  # the line that says that the run has finished
    for end in range(0, last, last // 40):
        (tmp_path / "cut.jsonl").write_text(text[:end])
        if end > text.index("\n"):
            assert not records.read(tmp_path / "cut.jsonl").finished


def test_run_without_tests_gives_a_reason(tmp_path):
    report = {"nodeid": "", "outcome": "failed", "longrepr": "E\nImportError: no such thing"}
    line = json.dumps({**report, "$report_type": "CollectReport"})
    (tmp_path / "env.jsonl").write_text(line + "\n")
    assert records.read(tmp_path / "env.jsonl").trouble == "ImportError: no such thing"


def round_of_search(outcome: str, exit_code: int | None = 0, **facts) -> str:
    """Return the lines of one round of one test; exit_code: None if the round was killed."""
    test = {"nodeid": "tests/test_a.py::test_a[eager]", "duration": 1.0, "longrepr": "wrong"}
    test |= {"when": "call", "outcome": outcome, "user_properties": list(facts.items())}
    entries = [{"$report_type": "SessionStart"}, {"$report_type": "TestReport", **test}]
    if exit_code is not None:
        entries.append({"$report_type": "SessionFinish", "exitstatus": exit_code})
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def test_rounds_of_a_search_are_added(tmp_path):
    file = tmp_path / "searched.jsonl"
    first = round_of_search(
        "passed", cases=20, rows=40, **{"error/bound": 0.5, "deviations": ["a"]}
    )
    second = round_of_search(
        "failed", 1, cases=7, rows=9, **{"error/bound": 0.25, "deviations": ["b"]}
    )
    third = round_of_search("passed", cases=1, rows=1, **{"error/bound": 0.75})
    file.write_text(first + second + third)
    read = records.read(file)
    (test,) = read.tests.values()
    assert (test.outcome, test.text, test.seconds) == ("failed", "wrong", 3.0)
    assert (test.facts["cases"], test.facts["rows"]) == (28, 50)
    assert (test.facts["error/bound"], test.facts["deviations"]) == (0.75, ["a", "b"])
    assert read.finished


@pytest.mark.parametrize("exit_code", [None, 2, 3], ids=["killed", "interrupted", "error"])
def test_unfinished_round_is_an_early_end(tmp_path, exit_code):
    file = tmp_path / "searched.jsonl"
    file.write_text(round_of_search("passed") + round_of_search("passed", exit_code))
    assert not records.read(file).finished


def test_records_of_one_environment_are_joined(tmp_path):
    lines = record("right").read_text().splitlines(keepends=True)
    (tmp_path / "right.times.jsonl").write_text("".join(lines))
    (tmp_path / "right.jsonl").write_text("".join(lines))
    read, _ = records.read_all([tmp_path])
    assert [r.name for r in read] == ["right"]


def test_broken_record_is_red_beside_others(tmp_path, capsys):
    broken = tmp_path / "broken.jsonl"
    broken.write_text("no record\n")
    assert main([str(broken), str(record("right"))]) == 1
    assert (
        f"red: {broken} is not a record: line 1 was not written by pytest"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "places",
    [["missing"], ["."], ["missing", "--html=page.html"]],
    ids=["no-file", "empty-folder", "no-file-and-a-page"],
)
def test_missing_records_end_with_one_line(tmp_path, monkeypatch, capsys, places):
    monkeypatch.chdir(tmp_path)
    assert main(places) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("report: ")
    assert not list(tmp_path.iterdir())
