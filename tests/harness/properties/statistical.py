"""Statistical properties: sentences about random numbers, tested on a fixed number of draws.

They do not use `@given`: a search would find an unlucky seed. The seed of the draws depends on the
seed of the run, the property and the path.
"""

import contextlib
import random
from collections.abc import Callable, Collection

import numpy as np
import pytest

from tests.harness import session
from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active, deviations
from tests.harness.paths.execution import EAGER
from tests.harness.paths.path import Path
from tests.harness.properties.evidence import Evidence
from tests.harness.properties.expected import expect_deviations, record_sentence
from tests.harness.properties.registry import PROPERTIES
from tests.harness.target import layer
from tests.harness.target.releases import tf


class StatisticalProperty:
    """One sentence about random numbers, tested on a fixed number of draws on each path.

    body: a function of (evidence, path) that adds evidence or raises Mismatch. The other arguments:
    as in `statistical`.
    """

    kind = "statistical"

    def __init__(self, body, source, sentence, paths, needs):
        self.name, self.body = body.__name__, body
        self.file = body.__module__.replace(".", "/") + ".py"
        self.source, self.sentence, self.paths = source, sentence, tuple(paths)
        self.needs = frozenset(needs)

    def missing_features(self, path: Path) -> list[str]:
        """Return the features that the property needs on that path and the layer lacks."""
        return layer.under_test().missing_features(self.needs | path.required_features)

    def known_deviations(self, path: Path) -> list[deviations.Deviation]:
        """Return the deviations that explain a failure on that path."""
        return [d for d in active.active_deviations() if d.explains(self.name, path.name, {})]

    def check(self, path: Path, record: Callable[[str, object], None]) -> None:
        """Test the property on that path, and record the numbers of entries and checks.

        record: pytest's `record_property`.
        """
        evidence, run = Evidence(), session.current()
        before, run.statistical = run.statistical, (self.name, path)
        try:
            with seeded(run.seed_of(f"{self.name}[{path}]") % 2**32):
                self.body(evidence, path)
            record("surprise", evidence.decide())
        except Mismatch as mismatch:
            mismatch.context = (
                f"  {self.source} says: {self.sentence}\n  path: {path}\n\n"
                "To repeat the failure:\n\n"
                f'pytest "{self.file}::{self.name}[{path}]" --hypothesis-seed={run.seed}'
            )
            raise
        finally:
            run.statistical = before
            record("entries", len(evidence.entries))
            record("cases", len(evidence.entries) + evidence.exact_checks)


@contextlib.contextmanager
def seeded(seed: int):
    """Seed every global source of random numbers within the block.

    The states of Python's and NumPy's sources are restored at its end. TensorFlow's state cannot be
    read, so it is not restored.
    """
    state, numpy_state = random.getstate(), np.random.get_state()
    tf.keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def statistical(
    source: str,
    sentence: str,
    *,
    paths: Collection[Path] = (EAGER,),
    needs: Collection[str] = (),
    is_documented: bool = True,
):
    """Decorate a function of (evidence, path) to make it a statistical property.

    source, sentence, paths, needs: as in `generated`. is_documented: whether this release documents
    the sentence.
    """

    def decorate(body):
        prop = StatisticalProperty(body, source, sentence, paths, needs)
        PROPERTIES[prop.name] = prop

        @pytest.mark.statistical
        @pytest.mark.parametrize("path", prop.paths, ids=str)
        def test(path, record_property):
            undocumented = [] if is_documented else ["documentation of it"]
            record_sentence(record_property, prop, prop.missing_features(path) + undocumented)
            with expect_deviations(prop.known_deviations(path), record_property):
                prop.check(path, record_property)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        test.__module__ = body.__module__
        return test

    return decorate
