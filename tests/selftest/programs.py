"""Programs that the selftests start."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 1800
"""The timeout of a program in seconds, longer than any program needs on a busy machine."""


def launch(
    *command: str, limit: Callable[[], object] = lambda: None, **environment: str
) -> subprocess.Popen:
    """Start a program in a session of its own, as `start` does; its output includes stderr.

    limit: a function that the new process calls first.
    """

    def prepare():
        # A process in the background inherits that it ignores SIGINT.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        limit()

    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=_variables(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,
    )


def _variables(more: dict[str, str]) -> dict[str, str]:
    """Return the environment variables without those of pytest, and with more."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return {**inherited, **more}


def start(
    *command: str, cwd: Path = ROOT, errors: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess:
    """Run a program to its end, without the environment variables of pytest.

    errors: the destination of stderr; `subprocess.STDOUT` merges it into the output.
    """
    return subprocess.run(
        command,
        cwd=cwd,
        env=_variables(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
