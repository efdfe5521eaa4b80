"""Example properties: fixed checks without generated cases."""

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass

from reference.formats import FORMATS
from tests.harness import session
from tests.harness.compare.assertions import Mismatch
from tests.harness.knowledge import active
from tests.harness.paths.path import Path
from tests.harness.properties.expected import expect_deviations, record_sentence
from tests.harness.properties.registry import PROPERTIES
from tests.harness.target import layer


@dataclass(frozen=True)
class ExampleProperty:
    """One sentence of the documentation, checked without generated cases.

    The fields are the arguments of `example`.
    """

    name: str
    body: Callable
    source: str
    sentence: str
    needs: frozenset[str]
    paths: tuple = ()
    kind = "example"


def example(source: str, sentence: str, *, needs: Collection[str] = ()):
    """Decorate a test that raises Mismatch to make it a property without generated cases.

    source, sentence, needs: as in `generated`. A test that is parametrized by an `argument` of the
    constructor, a `dtype` or a `path` also needs that argument, that dtype, or the features of that
    path. A deviation that the test shows has no witness, and its `where` names arguments of the
    test.
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
            facts = {name: _fact(value) for name, value in arguments.items()}
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

        parameters = inspect.signature(body).parameters.values()
        fixture = inspect.Parameter("record_property", inspect.Parameter.KEYWORD_ONLY)
        test.__signature__ = inspect.Signature([*parameters, fixture])
        return test

    return decorate


def _fact(value):
    """An argument as a deviation names it: paths, and NaN, which is unlike itself, by name."""
    return str(value) if isinstance(value, Path) or _is_nan(value) else value


def _is_nan(value) -> bool:
    return isinstance(value, float) and value != value


def usual(some: Collection, every: Collection) -> Collection:
    """Return the parameters of a test that takes seconds: some, or every one in a search."""
    return every if session.current().is_search else some
