"""Programs that the selftests start."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 1800
"""Seconds after which a program hangs; no busy machine makes one that slow."""


def start(
    *command: str, cwd: Path = ROOT, errors: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess:
    """Run a program to its end, as if no pytest had started it.

    errors: where its errors go; `subprocess.STDOUT` puts them among its output.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
