"""The settings of the machine and the packages that can affect results or speed."""

import os
import platform

import numpy as np

from tests.harness import session
from tests.harness.target import devices, processor
from tests.harness.target.arithmetic import description, tf32_is_on
from tests.harness.target.releases import KERAS, KERAS_2, TENSORFLOW, tf


def environment() -> dict[str, str]:
    """Return everything that can affect numerical results or speed, by name."""
    build = tf.sysconfig.get_build_info()
    named = ("avx2", "avx512f", "avx512_bf16", processor.AMX, "asimd")
    found = processor.features()
    threads = tf.config.threading
    return {
        "tensorflow": str(TENSORFLOW),
        "keras": f"{KERAS} ({'Keras 2' if KERAS_2 else 'Keras 3'}"
        + (", legacy)" if os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True") else ")"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        + (" ".join(name for name in named if name in found) or "features unknown"),
        "build": "cuda" if build.get("is_cuda_build") else "cpu",
        "devices": devices.description(),
        "oneDNN": processor.onednn_setting(),
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
