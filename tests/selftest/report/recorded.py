"""Records of real runs of a few tests, on the layer and on layers made for it."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness.target import layer
from tests.harness.target.releases import tf
from tests.selftest.programs import start

SCRATCH = tempfile.TemporaryDirectory(prefix="simplernn-verify-")  # removed with the process
FEW = (
    "final_state and eager or test_final_state.py or zero-output-without-sequences "
    "or accurate and float32"
)
LAST, MASKED = (
    "test_last_output_is_the_final_state",
    "test_final_state_follows_the_last_unmasked_step",
)


class Crashing(tf.keras.layers.SimpleRNN):
    """Ends the process where it is given a mask."""

    def call(self, sequences, initial_state=None, mask=None, training=None):
        if mask is not None:
            os.abort()
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


class Inaccurate(tf.keras.layers.SimpleRNN):
    """Each step is off by 128 units in the last place of float32."""

    def __init__(self, units, **options):
        super().__init__(units, **options)
        right = self.cell.call

        def step(inputs, states, training=None):
            output = right(inputs, states)[0] * (1 + 2.0**-16)
            return output, [output]

        self.cell.call = step


OF = {
    "right": layer.DEFAULT,
    "inaccurate": f"{__name__}:{Inaccurate.__name__}",
    "crashing": f"{__name__}:{Crashing.__name__}",
    "crashing-in-a-worker": f"{__name__}:{Crashing.__name__}",
}
"""What is run, by the name of the environment that is pretended."""


@functools.cache
def record(name: str) -> Path:
    """The record of a run of these few tests, made as tox would have it made."""
    file = Path(SCRATCH.name) / f"{name}.jsonl"
    command = [sys.executable, "-m", "pytest", "tests", "-k", FEW, "--hypothesis-profile=faults"]
    command += ["-p", "no:cacheprovider", "--benchmark-disable", f"--report-log={file}"]
    command += ["--layer", OF[name], *(["-n1"] if "worker" in name else [])]
    done = start(*command, errors=subprocess.STDOUT, TOX_ENV_NAME=name)
    assert file.exists(), done.stdout
    return file
