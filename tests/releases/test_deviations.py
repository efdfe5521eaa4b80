"""Each known deviation occurs in the releases that it names, and in no other release."""

from collections.abc import Iterable

import pytest

from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active, deviations
from tests.harness.paths.execution import EAGER
from tests.harness.paths.registry import PATHS
from tests.harness.properties.registry import all_properties
from tests.harness.target import layer
from tests.harness.target.releases import documented_activations


def with_witness(known: Iterable[deviations.Deviation]) -> list[deviations.Deviation]:
    """Return those with a witness; properties test the others."""
    return [d for d in known if d.witness]


IN_THIS_RELEASE = with_witness(active.active_deviations())
IN_OTHER_RELEASES = with_witness(d for d in deviations.load() if not active.applies(d))


def occurs(deviation: deviations.Deviation, record_property) -> bool:
    """Return whether the witness fails on this release as the deviation says."""
    path = PATHS[deviation.paths[0]] if deviation.paths else EAGER
    case = deviation.case()
    record_property("script", path.script(case))
    try:
        all_properties()[deviation.shown_by].body(case, path)
    except Mismatch as mismatch:
        shown = deviation.matches(str(mismatch))
    else:
        shown = False
    record_property("shows", shown)
    return shown


def missing_features(deviation: deviations.Deviation) -> str:
    """Return the features that the witness needs and this release lacks, as text."""
    named: set = {deviation.case().activation} - {None, layer.CLIP}
    options: set = set(deviation.witness) & {*layer.OPTIONS, *layer.CALL_ARGUMENTS}
    if deviation.paths:
        options |= PATHS[deviation.paths[0]].needs
    missing = options - layer.under_test().features | named - {*documented_activations(named)}
    return ", ".join(sorted(missing))


@pytest.fixture(autouse=True)
def only_tensorflow_layer(deviation, record_property):
    if not layer.under_test().is_builtin:
        pytest.skip("the witnesses are cases of TensorFlow's layer")
    record_property("deviation", deviation.id)


@pytest.mark.parametrize("deviation", IN_THIS_RELEASE)
def test_deviation_occurs_in_registered_releases(deviation, record_property):
    if missing := missing_features(deviation):
        pytest.fail(
            f"deviation {deviation.id} names a release that has no {missing}: "
            f"{deviation.bounds} in {deviations.FILE.name} is too wide.",
            pytrace=False,
        )
    if not occurs(deviation, record_property):
        pytest.fail(deviation.vanished_message, pytrace=False)


@pytest.mark.parametrize("deviation", IN_OTHER_RELEASES)
def test_deviation_is_absent_from_other_releases(deviation, record_property):
    if missing := missing_features(deviation):
        record_property("not applicable", missing)
        pytest.skip(f"not applicable: this release has no {missing}")
    if occurs(deviation, record_property):
        pytest.fail(
            f"deviation {deviation.id} occurs in this release, too: {deviation.bounds} in "
            f"{deviations.FILE.name} is too narrow.",
            pytrace=False,
        )
