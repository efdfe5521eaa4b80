"""Failed cases on a Redis server: shared between machines, and no loss if the server ends."""

import shutil
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis.database import InMemoryExampleDatabase, MultiplexedDatabase

from tests.harness.plugin import database
from tests.selftest.harness.inner_runs import run
from tests.selftest.programs import ROOT, start

redis = pytest.importorskip("redis")
PROGRAM = shutil.which("redis-server") or ""
if not PROGRAM:
    pytest.skip("redis-server is not installed", allow_module_level=True)

PASSWORD = "a-secret-word"
FAULT = "tests.selftest.faults.layer:Transposed"
WHERE = "tests/simple_rnn/test_recurrence.py::test_outputs_are_exact_on_integers[eager]"
FEW = "--hypothesis-profile=faults"
"""A profile without a local database, as on another machine that has none of the failed cases."""


class Server:
    """A Redis server with a password on a free port of this machine."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.address = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/3"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        options += ["--dir", str(self.folder), "--save", "", "--appendonly", "yes"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([PROGRAM, *options], stdout=quiet, stderr=quiet)
        for _ in range(200):
            try:
                return redis.Redis.from_url(self.address).ping()
            except redis.exceptions.RedisError:
                time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    started = Server(tmp_path)
    started.start()
    yield started
    started.kill()


def cases_of(*options: str, name: str = FAULT) -> tuple[str, int]:
    """Run a property on the fault, and return its outcome and its number of cases."""
    found = run(WHERE, FEW, *options, name=name)
    return found.reports[0].outcome, found.facts()[0]["cases"]


def test_failed_case_is_replayed_by_another_machine(server):
    shares = f"--database={server.address}"
    outcome, first = cases_of(shares)
    assert outcome == "failed"
    assert first > 1
    assert cases_of(shares, "--hypothesis-seed=7") == ("failed", 1)
    outcome, alone = cases_of("--hypothesis-seed=7")
    assert outcome == "failed"
    assert alone > 1
    assert redis.Redis.from_url(server.address).keys()


def test_passing_case_is_deleted_from_the_server(server):
    key = f"simplernn-verify case tf.keras.layers:SimpleRNN {WHERE}".encode()
    stored = database._connected(server.address)
    stored.save(key, b"a case of an older version")
    text = b"Case(inputs=np.array([[[1.0]]]), kernel=np.array([[1.0]]), "
    text += b"recurrent_kernel=np.array([[1.0]]), activation='relu')"
    stored.save(key, text)
    assert len(list(stored.fetch(key))) == 2
    assert cases_of(f"--database={server.address}", name="tf.keras.layers:SimpleRNN")[0] == "passed"
    assert not list(stored.fetch(key))


def test_dead_server_changes_no_verdict(server):
    alone = cases_of()
    server.kill()
    assert cases_of(f"--database={server.address}") == alone


def test_cases_are_kept_locally_while_server_is_down(server, monkeypatch):
    local, stored = InMemoryExampleDatabase(), database._connected(server.address)
    both = MultiplexedDatabase(local, stored)
    both.save(b"key", b"before")
    server.kill()
    with pytest.warns(UserWarning, match=r"127\.0\.0\.1:\d+/3 fails \(ConnectionError\)"):
        both.save(b"key", b"while it is down")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one warning for an outage
        assert {*both.fetch(b"key")} == {b"before", b"while it is down"}
    server.start()
    monkeypatch.setattr(database, "PAUSE_SECONDS", 0.0)
    stored._retry_time = 0.0
    assert list(stored.fetch(b"key")) == [b"before"]
    both.save(b"key", b"after")
    assert b"after" in list(stored.fetch(b"key"))
    both.delete(b"key", b"before")
    assert list(stored.fetch(b"key")) == [b"after"]


def test_server_killed_during_a_run_costs_nothing(server, tmp_path):
    alone = start_run(tmp_path, "alone")
    killed = start_run(tmp_path, "killed", "-p", "kill_redis", server=server)
    assert killed.returncode == alone.returncode == 1
    assert "fails (" in killed.stdout
    last = [done.stdout.splitlines()[-1].split(" (")[0] for done in (alone, killed)]
    assert last[0] == last[1]
    files = [[*(tmp_path / name).rglob("*")] for name in ("alone", "killed")]
    texts = [{file.read_bytes() for file in found if file.is_file()} for found in files]
    cases = [{text for text in found if text.startswith(b"Case(")} for found in texts]
    assert cases[0] == cases[1] != set()


KILLER = """
import os, signal

def pytest_runtest_setup(item):
    if os.environ.get("REDIS_PID"):
        os.kill(int(os.environ.pop("REDIS_PID")), signal.SIGKILL)
"""


def start_run(folder: Path, name: str, *options: str, server: Server | None = None):
    """Run a property on the fault with a local database of that name, and perhaps the server's."""
    (folder / "kill_redis.py").write_text(KILLER)
    command = [sys.executable, "-m", "pytest", WHERE, "-p", "no:cacheprovider", "-v"]
    command += ["--layer", FAULT, "--hypothesis-seed=3", "--hypothesis-profile=dev", *options]
    command += [f"--report-log={folder / name}.jsonl", f"--junit-xml={folder / name}.xml"]
    more = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / name), "PYTHONPATH": str(folder)}
    if server is not None:
        more |= {database.VARIABLE: server.address, "REDIS_PID": str(server.process.pid)}
    return start(*command, cwd=ROOT, errors=subprocess.STDOUT, **more)


def test_password_is_printed_nowhere(server, tmp_path):
    command = [sys.executable, "-m", "pytest", WHERE, "-vv", "--layer", FAULT, FEW, "-n1"]
    command += [f"--report-log={tmp_path}/a.jsonl", f"--junit-xml={tmp_path}/a.xml"]
    command += ["-p", "no:cacheprovider", "--showlocals"]
    done = start(*command, errors=subprocess.STDOUT, SIMPLERNN_VERIFY_DATABASE=server.address)
    assert done.returncode == 1
    assert f"failed cases: redis://127.0.0.1:{server.port}/3" in done.stdout
    written = [done.stdout, *(file.read_text() for file in tmp_path.glob("a.*"))]
    assert len(written) == 3
    assert not any(PASSWORD in text for text in written)
    assert PASSWORD not in repr(database._connected(server.address))
