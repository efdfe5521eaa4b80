"""Each known deviation shows in the releases that it names, and in no other."""

import pytest

from tests.harness import cells, copies, deviations, layer, paths, upstream, wrappers
from tests.harness.compare import Mismatch
from tests.harness.properties import all_properties
from tests.harness.releases import documented_activations

KNOWN = (*paths.EVERY, *copies.EVERY, *cells.EVERY, *upstream.EVERY, *wrappers.ON_EACH_OTHER)
PATHS = {path.name: path for path in KNOWN}
HERE = [d for d in deviations.active() if d.witness]  # others are their properties' own
ELSEWHERE = [d for d in deviations.load() if d.witness and not d.applies]


def shows(deviation: deviations.Deviation, record_property) -> bool:
    """Whether the witness fails on this release."""
    path = PATHS[deviation.paths[0]] if deviation.paths else paths.EAGER
    case = deviation.case()
    record_property("script", path.script(case))
    try:
        all_properties()[deviation.shown_by].body(case, path)
    except Mismatch:
        shown = True
    else:
        shown = False
    record_property("shows", shown)
    return shown


def lacking(deviation: deviations.Deviation) -> str:
    """What the witness needs and this release has not."""
    named = {deviation.case().activation} - {None, layer.CLIP}
    options = set(deviation.witness) & {*layer.OPTIONS, *layer.CALL_ARGUMENTS}
    missing = options - layer.under_test().features | named - {*documented_activations(named)}
    return ", ".join(sorted(missing))


@pytest.fixture(autouse=True)
def of_tensorflow(deviation, record_property):
    if not layer.under_test().is_tensorflows:
        pytest.skip("the witnesses are of TensorFlow's own layer")
    record_property("deviation", deviation.id)


@pytest.mark.parametrize("deviation", HERE, ids=lambda d: d.id)
def test_a_known_deviation_is_still_there(deviation, record_property):
    if missing := lacking(deviation):
        pytest.fail(
            f"deviation {deviation.id} names a release that has no {missing}: "
            f"{deviation.bounds} in {deviations.FILE.name} is too wide.",
            pytrace=False,
        )
    if not shows(deviation, record_property):
        pytest.fail(deviation.vanished, pytrace=False)


@pytest.mark.parametrize("deviation", ELSEWHERE, ids=lambda d: d.id)
def test_a_deviation_shows_in_no_release_but_those_it_names(deviation, record_property):
    if missing := lacking(deviation):
        record_property("not applicable", missing)
        pytest.skip(f"not applicable: this release has no {missing}")
    if shows(deviation, record_property):
        pytest.fail(
            f"deviation {deviation.id} shows in this release too: {deviation.bounds} in "
            f"{deviations.FILE.name} is too narrow.",
            pytrace=False,
        )
