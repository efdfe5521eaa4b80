"""Expected failures from known deviations, and skips for features that the layer lacks."""

import contextlib
from collections.abc import Callable, Iterable

import pytest

from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active
from tests.harness.knowledge.deviations import Deviation
from tests.harness.properties.registry import AnyProperty


@contextlib.contextmanager
def expect_deviations(known: list[Deviation], record: Callable[[str, object], None]):
    """Turn a known departure within the block into an expected failure (xfail).

    record: pytest's `record_property`. Raises Mismatch if the layer departs in another way, and
    fails the test if the layer does not depart.
    """
    try:
        yield
    except Mismatch as mismatch:
        if alike := [d for d in known if d.matches(str(mismatch))]:
            record("deviations", sorted(d.id for d in alike))
            xfail_as_known(alike)
        mismatch.context = mismatch.context + different_failure_note(known)
        raise
    else:
        if message := active.vanished_messages(known):
            pytest.fail(message, pytrace=False)


def different_failure_note(known: Iterable[Deviation]) -> str:
    """Return the note that a failure differs from that of the known deviations, or ""."""
    lines = "".join(f"\n  known deviation {d.id}: {d.departs}" for d in known)
    return f"{lines}\n  but this failure differs from the known one" if lines else ""


def xfail_as_known(known: Iterable[Deviation]) -> None:
    """End the test as an expected failure (xfail)."""
    pytest.xfail("; ".join(f"{d.id}: {d.departs}" for d in known))


def record_sentence(record: Callable, prop: AnyProperty, missing: list[str]) -> None:
    """Record the sentence of a property; skip the test if `missing` names any feature."""
    record("promise", f"{prop.source}: {prop.sentence}")
    skip_if_unsupported(record, missing)


def skip_if_unsupported(record: Callable, missing: list[str]) -> None:
    """Skip the test, and record it as not applicable, if `missing` names any feature."""
    if missing:
        record("not applicable", ", ".join(missing))
        pytest.skip(f"not applicable: needs {', '.join(missing)}")
