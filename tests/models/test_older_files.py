"""Files that older releases wrote: what is read of them is exact."""

import pytest
from packaging.version import Version

from tests.harness.compare.assertions import Mismatch
from tests.harness.compare.runs import assert_exact
from tests.harness.probes.processes.whole_models import read
from tests.harness.properties.example import example
from tests.harness.target.calls import REJECTION_ERRORS, layer_call
from tests.harness.target.releases import KERAS
from tests.models.data.write import CASE, MODELS, WAYS, releases, unpacked

OLDER = [release for release in releases() if Version(release) <= KERAS]


def read_older(release: str, way: str, model: str):
    """The runs of a model that another release saved; none where Keras 3 rejects one of Keras 2."""
    with unpacked(release, way, model) as folder:
        try:
            with layer_call():
                return read(way, model, [CASE], folder)
        except Mismatch as mismatch:
            major = Version(release).major
            if major < KERAS.major and isinstance(mismatch.__cause__, REJECTION_ERRORS):
                return []
            raise


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("release", OLDER)
@example(
    "load_model",
    "Loads a model saved via `model.save()`.",
    needs={"documented signature"},
)
def test_older_file_is_exact_or_rejected(release, way, model):
    for run in read_older(release, way, model):
        assert_exact(run, CASE)
