"""Programs that the selftests start."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 1800
"""The timeout of a program in seconds, longer than any program needs on a busy machine."""


def start(
    *command: str, cwd: Path = ROOT, errors: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess:
    """Run a program to its end, without the environment variables of pytest.

    errors: the destination of stderr; `subprocess.STDOUT` merges it into the output.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
