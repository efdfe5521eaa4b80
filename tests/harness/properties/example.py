"""Properties that need no generated case."""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass

from reference.rounding import FORMATS
from tests.harness import session
from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active
from tests.harness.paths.path import Path
from tests.harness.properties.expected import expect_deviations, record_sentence
from tests.harness.properties.registry import PROPERTIES
from tests.harness.target import layer


@dataclass(frozen=True)
class ExampleProperty:
    """One sentence of the documentation that needs no generated case to be checked."""

    name: str
    body: Callable
    source: str
    sentence: str
    needs: frozenset[str]
    paths: tuple = ()
    kind = "example"


def example(source: str, sentence: str, *, needs: Collection[str] = ()):
    """Make a property of a test that needs no case: a count, a default, something refused.

    source, sentence, needs: as in `promise`; a test that is parametrized by an `argument` of the
    constructor needs that one too, one by a `dtype` that dtype, and one by a `path` of the harness
    what that path needs. The test raises Mismatch where the layer departs. A deviation that it
    shows is one without a witness: its `where` names arguments of the test.
    """

    def decorate(body):
        prop = ExampleProperty(body.__name__, body, source, sentence, frozenset(needs))
        PROPERTIES[prop.name] = prop

        @functools.wraps(body)
        def test(record_property, **arguments):
            needs = prop.needs | ({arguments.get("argument")} & set(layer.OPTIONS))
            needs |= {arguments.get("dtype")} & set(FORMATS)
            if isinstance(path := arguments.get("path"), Path):
                needs |= path.required_features
            record_sentence(record_property, prop, layer.under_test().missing_features(needs))
            record_property("cases", 1)
            facts = {k: str(v) if isinstance(v, Path) else v for k, v in arguments.items()}
            known = [d for d in active.active_deviations() if d.occurs_in(prop.name, facts)]
            session.current().largest_ratio = 0.0
            with expect_deviations(known, record_property):
                try:
                    body(**arguments)
                except Mismatch as mismatch:
                    given = "".join(f"\n  {name} = {value!r}" for name, value in facts.items())
                    mismatch.context = f"  {source} says: {sentence}{given}"
                    raise
            if session.current().largest_ratio:
                record_property("error/bound", session.current().largest_ratio)

        own = inspect.signature(body).parameters.values()
        recording = inspect.Parameter("record_property", inspect.Parameter.KEYWORD_ONLY)
        test.__signature__ = inspect.Signature([*own, recording])
        return test

    return decorate
