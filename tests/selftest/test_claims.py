"""A sentence counts as verified only if a fault against it is found by one of its properties.

The fault contradicts that sentence about that object. `test_faults.py` plants each fault, and
requires the properties it names to fail. A registered deviation from the sentence is such a fault
too: a release has it, and the property fails there unless it is registered.
"""

import pytest

from tests.harness import deviations, documentation
from tests.harness.documentation import same_words
from tests.selftest.faults import Fault
from tests.selftest.test_faults import EVERY

CLAIMED = [
    (name, sentence, checks)
    for name, sentences in documentation.load().items()
    for sentence, checks in sentences.items()
    if not isinstance(checks, str)
]


def finders(name: str, sentence: str, checks: tuple[str, ...], faults=EVERY) -> set[str]:
    """Those of the properties that find a fault against the sentence, or show a deviation."""
    found = {b for fault in faults if fault.is_against(name, sentence) for b in fault.breaks}
    shown = {d.shown_by for d in deviations.load() if same_words(d.sentence, sentence)}
    return (found | shown) & set(checks)


@pytest.mark.parametrize(
    ("name", "sentence", "checks"), CLAIMED, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(CLAIMED)]
)
def test_claimed_sentence_has_a_fault_that_is_found(name, sentence, checks):
    assert finders(name, sentence, checks), f"no fault against {name}: {sentence}"


@pytest.mark.parametrize("fault", [fault for fault in EVERY if fault.against], ids=str)
def test_each_against_matches_a_claimed_sentence_that_finds_it(fault):
    for text in fault.against:
        claimed = [checks for n, s, checks in CLAIMED if f"{n}: {s}".startswith(text)]
        assert claimed, f"no claimed sentence begins with {text!r}"
        assert any(set(checks) & set(fault.breaks) for checks in claimed), text


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
def test_fault_proves_only_its_sentence_its_object_and_its_properties(
    name, sentence, checks, found
):
    assert finders(name, sentence, checks, [ALONE]) == found
