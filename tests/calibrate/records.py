"""The records of the data file for the installed release."""

from collections.abc import Iterable, Iterator

from reference.activations import ACTIVATIONS
from tests.calibrate.measure import COMPILERS, Measured, measure
from tests.harness.knowledge.active import active_deviations
from tests.harness.plugin.header import select_layer
from tests.harness.target import layer
from tests.harness.target.environment import environment
from tests.harness.target.releases import FORMULAS, documented_activations


def names() -> list[str]:
    """Return the activations that this release documents and SimpleRNN can use by name."""
    return documented_activations(ACTIVATIONS)


def measured(names: Iterable[str], dtypes: Iterable[str], count: int) -> Iterator[dict]:
    """Yield the records of these activations, without those that deviate in the installed release.

    count: as in `measure.arguments`.
    """
    select_layer(layer.DEFAULT)
    facts = environment()
    where = {
        "release": f"tensorflow {facts['tensorflow']}, keras {facts['keras']}",
        "machine": f"{facts['machine']}; oneDNN {facts['oneDNN']}; XLA flags {facts['XLA flags']}",
    }
    for name in names:
        for dtype in dtypes:
            for compiler in COMPILERS:
                if not deviates(name, dtype):
                    found = measure(name, dtype, compiler, count)
                    yield from _records(name, dtype, compiler, found, where)


PARTIAL = {"squareplus-overflow", "celu-slope-at-zero"}
"""Deviations at few arguments, of which `measure` takes no account."""


def deviates(name: str, dtype: str) -> bool:
    """Return whether a known deviation makes the values of this activation wrong."""
    return any(
        name in d.where.get("activation", ()) and dtype in d.where.get("dtype", (dtype,))
        for d in active_deviations()
        if d.id not in PARTIAL
    )


def _records(name: str, dtype: str, compiler: str, found: Measured, where: dict) -> Iterator[dict]:
    for kind, largest in (("value", found.value), ("derivative", found.derivative)):
        yield {
            "activation": FORMULAS.get(name, name),
            "dtype": dtype,
            "compiler": compiler,
            "kind": kind,
            "error": largest.error,
            "at": largest.at,
            **where,
        }
