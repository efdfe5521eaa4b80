"""What a test expects to fail: known deviations, and features that the layer lacks."""

import contextlib
from collections.abc import Callable, Iterable

import pytest

from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active
from tests.harness.knowledge.deviations import Deviation
from tests.harness.properties.registry import AnyProperty


@contextlib.contextmanager
def expect_deviations(known: list[Deviation], record: Callable[[str, object], None]):
    """Make a known departure within the block an expected failure.

    Raises Mismatch if the layer departs in another way, and fails the test if it does not depart.
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
        if told := active.vanished_messages(known):
            pytest.fail(told, pytrace=False)


def different_failure_note(known: Iterable[Deviation]) -> str:
    """What to tell where a known deviation would fail in another way; empty without one."""
    ways = "".join(f"\n  known deviation {d.id}: {d.departs}" for d in known)
    return f"{ways}\n  but this is another failure than the known one" if ways else ""


def xfail_as_known(known: Iterable[Deviation]) -> None:
    """End the test as one that fails in a known way."""
    pytest.xfail("; ".join(f"{d.id}: {d.departs}" for d in known))


def record_sentence(record: Callable, prop: AnyProperty, missing: list[str]) -> None:
    """Record what is promised; skip, recorded as not applicable, where the layer lacks options."""
    record("promise", f"{prop.source}: {prop.sentence}")
    skip_if_unsupported(record, missing)


def skip_if_unsupported(record: Callable, missing: list[str]) -> None:
    """Skip, recorded as not applicable, where the layer lacks what is named."""
    if missing:
        record("not applicable", ", ".join(missing))
        pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
