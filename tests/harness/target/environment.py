"""The settings of the machine and the packages that can affect results or speed."""

import os
import platform

import numpy as np

from tests.harness import session
from tests.harness.target import devices
from tests.harness.target.arithmetic import CAPPED, description, tf32_is_on
from tests.harness.target.releases import KERAS, KERAS_2, TENSORFLOW, tf


def environment() -> dict[str, str]:
    """Return everything that can affect numerical results or speed, by name."""
    build = tf.sysconfig.get_build_info()
    features = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd") if f in _cpu()]
    onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default")
    threads = tf.config.threading
    return {
        "tensorflow": str(TENSORFLOW),
        "keras": f"{KERAS} ({'Keras 2' if KERAS_2 else 'Keras 3'}"
        + (", legacy)" if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True") else ")"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        + (" ".join(features) or "features unknown"),
        "build": "cuda" if build.get("is_cuda_build") else "cpu",
        "devices": devices.description(),
        "oneDNN": onednn,
        **(
            {"TF32": "on" if tf32_is_on() else "off"}
            if tf.config.get_visible_devices("GPU")
            else {}
        ),
        "arithmetic": description(session.current().arithmetics),
        "XLA flags": os.environ.get("XLA_FLAGS") or os.environ.get("TF_XLA_FLAGS") or "none",
        "threads": f"{threads.get_inter_op_parallelism_threads() or 'auto'} inter-op, "
        f"{threads.get_intra_op_parallelism_threads() or 'auto'} intra-op",
    }


def onednn_uses(instructions: str) -> bool:
    """Return whether oneDNN may use these instructions of the processor: it is switched on, and not
    told which ones to use."""
    switched_off = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or CAPPED in os.environ
    return not switched_off and instructions in _cpu().split()


def _cpu() -> str:
    """Return the line of the processor's features, or nothing where there is none."""
    try:
        with open("/proc/cpuinfo") as info:
            return next((line for line in info if line.startswith(("flags", "Features"))), "")
    except OSError:
        return ""
