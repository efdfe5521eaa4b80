"""Each known deviation is still there: its witness still fails."""

import pytest

from tests.harness import deviations, layer, paths
from tests.harness.compare import Mismatch
from tests.harness.properties import all_properties

PATHS = {path.name: path for path in paths.EVERY}


@pytest.mark.parametrize("deviation", deviations.active(), ids=lambda d: d.id)
def test_a_known_deviation_is_still_there(deviation):
    if layer.under_test().name != layer.DEFAULT:
        pytest.skip("the witnesses are of TensorFlow's own layer")
    path = PATHS[deviation.paths[0]] if deviation.paths else paths.EAGER
    departed_from = all_properties()[deviation.shown_by]
    try:
        departed_from.show(deviation, path)
    except Mismatch:
        return
    pytest.fail(
        f"deviation {deviation.id} has vanished: this release keeps to its documentation. Bound it "
        f"in {deviations.FILE.name} by the last release that shows it, or delete it.",
        pytrace=False,
    )
