"""The processor, and what oneDNN may use of it. This module does not import TensorFlow."""

import os
from importlib import metadata

from packaging.version import Version

ONEDNN, CAPPED = "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"
"""The variables that switch oneDNN off ("0") and that limit its instructions."""

AMX = "amx_bf16"
FIRST_WITH_SAFE_AMX = Version("2.14")
DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel")


def features() -> set[str]:
    """Return the features of the processor by their names in Linux, or none on other systems."""
    try:
        with open("/proc/cpuinfo") as info:
            found = (line for line in info if line.startswith(("flags", "Features")))
            return set(next(found, "").split())
    except OSError:
        return set()


def onednn_uses(instructions: str) -> bool:
    """Return whether oneDNN may use these instructions of the processor: it is switched on, and not
    told which ones to use."""
    switched_off = os.environ.get(ONEDNN) == "0" or CAPPED in os.environ
    return not switched_off and instructions in features()


def avoid_illegal_instructions() -> None:
    """Switch oneDNN off where its products of bfloat16 matrices end the process.

    Call this before TensorFlow is imported. It changes nothing if a variable of the environment
    tells what oneDNN may use.
    """
    if not {ONEDNN, CAPPED} & set(os.environ) and _products_end_the_process():
        os.environ[ONEDNN] = "0"


def onednn_setting() -> str:
    """Return how oneDNN is switched, for the header of a run."""
    setting = os.environ.get(ONEDNN, "default")
    because = ", because its bfloat16 products would end the process"
    return setting + because * (setting == "0" and _products_end_the_process())


def _products_end_the_process() -> bool:
    """Return whether TensorFlow is 2.12 or 2.13 and the processor has AMX.

    oneDNN then runs an illegal instruction for products of bfloat16 matrices of some sizes, such as
    (2, 63) times (63, 65).
    """
    if AMX not in features():
        return False
    for name in DISTRIBUTIONS:
        try:
            return Version(metadata.version(name)) < FIRST_WITH_SAFE_AMX
        except metadata.PackageNotFoundError:
            continue
    return False
