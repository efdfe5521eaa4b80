"""Each known deviation is still there: its witness still fails."""

import pytest

from tests.harness import copies, deviations, layer, paths, upstream, wrappers
from tests.harness.compare import Mismatch
from tests.harness.properties import all_properties

KNOWN = (*paths.EVERY, *copies.EVERY, *upstream.EVERY, wrappers.STACKED)
PATHS = {path.name: path for path in KNOWN}
WITNESSED = [d for d in deviations.active() if d.witness]  # others are their properties' own


@pytest.mark.parametrize("deviation", WITNESSED, ids=lambda d: d.id)
def test_a_known_deviation_is_still_there(deviation):
    if layer.under_test().name != layer.DEFAULT:
        pytest.skip("the witnesses are of TensorFlow's own layer")
    path = PATHS[deviation.paths[0]] if deviation.paths else paths.EAGER
    body = all_properties()[deviation.shown_by].body
    try:
        body(deviation.case(), path)
    except Mismatch:
        return
    pytest.fail(deviation.vanished, pytrace=False)
