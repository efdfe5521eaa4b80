"""The probe of the machine's arithmetic, and the names that declare another one."""

import numpy as np
import pytest

from reference.arithmetic import ARITHMETICS
from reference.formats import FORMATS
from tests.harness.configuration import ConfigurationError
from tests.harness.target import arithmetic, processor
from tests.harness.target.arithmetic import arithmetics, measured
from tests.selftest.reference.emulation import Machine


def emulated_results(**names: str) -> dict[str, np.ndarray]:
    """Return the results of the probes on a machine; names: those of its arithmetics, by dtype."""
    held = {dtype: "ieee" for dtype in FORMATS} | dict.fromkeys(
        ARITHMETICS["half-sums"], "float32-sums"
    )
    machines = {
        dtype: Machine(ARITHMETICS[name][dtype], "one by one", np.random.default_rng(0))
        for dtype, name in (held | names).items()
    }
    return {
        probe: machines[probe.split()[0]].matmul(*(np.asarray(o, np.float64) for o in operands))
        for probe, operands in arithmetic._operands().items()
    }


@pytest.mark.parametrize("dtype", ARITHMETICS["half-sums"])
@pytest.mark.parametrize("name", ["float32-sums", "truncated-sums", "half-sums"])
def test_probe_tells_how_half_products_are_added(dtype, name):
    assert measured(emulated_results(**{dtype: name}), True)[dtype].name == name


def test_probe_accepts_tf32_only_where_it_is_on():
    results = emulated_results(float32="tf32")
    assert measured(results, True)["float32"].name == "tf32"
    assert measured(results, False)["float32"].name == "ieee"
    assert measured(emulated_results(), True)["float32"].name == "ieee"


def test_probe_tells_whether_subnormals_are_flushed():
    results = emulated_results()
    assert all(found.flushes for found in measured(results, True).values())
    results["float16 subnormals"] = np.full(64, 2.0**-16)
    found = measured(results, True)
    assert {dtype: a.flushes for dtype, a in found.items()} == {
        "float16": False,
        "bfloat16": True,
        "float32": True,
        "float64": True,
    }


def test_declared_arithmetic_replaces_the_measured_one():
    found = arithmetics(["half-sums", "subnormals-kept"])
    assert [found[d].name for d in ("float16", "bfloat16", "float32")] == [
        "half-sums",
        "half-sums",
        "ieee",
    ]
    assert not any(a.flushes for a in found.values())


def test_unknown_arithmetic_is_rejected_with_the_known_names():
    with pytest.raises(ConfigurationError, match="--arithmetic exact: choose one of ieee, float32"):
        arithmetics(["exact"])


def test_header_reports_tf32_that_is_switched_off(monkeypatch):
    results = emulated_results(float32="tf32")
    monkeypatch.setattr(arithmetic, "_results", lambda: results)
    text = arithmetic.description(measured(results, False))
    assert "TF32 is used although it is switched off" in text
    assert "switched off" not in arithmetic.description(measured(results, True))


def test_capped_onednn_is_not_probed(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    found = arithmetics()
    assert [found[d].name for d in ("float16", "bfloat16")] == ["half-sums", "half-sums"]
    assert "not measured, because ONEDNN_MAX_CPU_ISA is set" in arithmetic.description(found)


@pytest.mark.parametrize(
    ("version", "features", "given", "expected"),
    [
        ("2.13.1", {"amx_bf16"}, {}, "0"),
        ("2.14.0", {"amx_bf16"}, {}, None),
        ("2.13.1", {"avx2"}, {}, None),
        ("2.13.1", {"amx_bf16"}, {"TF_ENABLE_ONEDNN_OPTS": "1"}, "1"),
        ("2.13.1", {"amx_bf16"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}, None),
    ],
)
def test_onednn_is_off_where_it_ends_the_process(monkeypatch, version, features, given, expected):
    environment = dict(given)
    monkeypatch.setattr(processor.os, "environ", environment)
    monkeypatch.setattr(processor, "features", lambda: features)
    monkeypatch.setattr(processor.metadata, "version", lambda name: version)
    processor.avoid_illegal_instructions()
    assert environment.get("TF_ENABLE_ONEDNN_OPTS") == expected
    said = processor.onednn_setting()
    assert said.startswith(expected or "default")
    assert ("would end the process" in said) == (expected == "0")
