"""A sentence counts as verified only if a fault against it is found by one of its properties.

The fault contradicts that sentence about that object. `test_faults.py` plants each fault, and
requires the properties it names to fail. A registered deviation from the sentence is such a fault
too: a release has it, and the property fails there unless it is registered.
"""

import pytest

from tests.harness.knowledge import deviations, documentation
from tests.harness.knowledge.documentation import equal_without_markup
from tests.selftest.faults.layer import Fault
from tests.selftest.faults.test_faults import ALL_FAULTS

CLAIMED = [
    (name, sentence, checks)
    for name, sentences in documentation.load().items()
    for sentence, checks in sentences.items()
    if not isinstance(checks, str)
]


def finders(name: str, sentence: str, checks: tuple[str, ...], faults=ALL_FAULTS) -> set[str]:
    """Return the properties of `checks` that detect a fault against the sentence, or show a
    deviation from it."""
    found = {b for fault in faults if fault.is_against(name, sentence) for b in fault.detected_by}
    shown = {d.shown_by for d in deviations.load() if equal_without_markup(d.sentence, sentence)}
    return (found | shown) & set(checks)


@pytest.mark.parametrize(
    ("name", "sentence", "checks"), CLAIMED, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(CLAIMED)]
)
def test_claimed_sentence_has_a_detected_fault(name, sentence, checks):
    assert finders(name, sentence, checks), f"no fault against {name}: {sentence}"


@pytest.mark.parametrize("fault", [fault for fault in ALL_FAULTS if fault.against], ids=str)
def test_against_names_a_sentence_whose_property_fails(fault):
    for text in fault.against:
        claimed = [checks for n, s, checks in CLAIMED if f"{n}: {s}".startswith(text)]
        assert claimed, f"no claimed sentence begins with {text!r}"
        assert any(set(checks) & set(fault.detected_by) for checks in claimed), text


ALONE = Fault("", ":Alone", ("test_a",), against=("Layer: size: Integer",))


@pytest.mark.parametrize(
    ("name", "sentence", "checks", "found"),
    [
        ("Layer", "size: Integer.", ("test_a", "test_b"), {"test_a"}),
        ("Layer", "size: Integer.", ("test_b",), set()),
        ("Layer", "size: Default: 1.", ("test_a",), set()),
        ("Cell", "size: Integer.", ("test_a",), set()),
    ],
)
def test_fault_counts_only_for_its_sentence_and_properties(name, sentence, checks, found):
    assert finders(name, sentence, checks, [ALONE]) == found
