"""documentation.toml has every sentence, and every property that quotes a sentence."""

import sys

import pytest
from packaging.specifiers import SpecifierSet

from tests.harness.configuration import ConfigurationError
from tests.harness.knowledge import documentation
from tests.harness.knowledge.documentation import format_table, missing_sentences, sentences
from tests.harness.properties.registry import all_properties
from tests.harness.target.releases import KERAS
from tests.selftest.harness.invalid_files import assert_reported_in_one_line
from tests.selftest.programs import start

KNOWN = documentation.load()
NAMED = {
    name
    for known in KNOWN.values()
    for checks in known.values()
    if not isinstance(checks, str)
    for name in checks
}

OLDER_WORDING = ("<2.15", ">=3,<3.15")
"""The releases of Keras whose documentation differs in a few words from that of 2.15 or 3.15, which
the table has. Every other release is compared, so the test fails on a new one that says more."""


def test_named_properties_exist():
    assert set(all_properties()) >= NAMED


def test_properties_of_listed_objects_are_named():
    quoting = {name for name, prop in all_properties().items() if prop.source in KNOWN}
    assert quoting <= NAMED


@pytest.mark.parametrize("name", KNOWN)
def test_each_object_is_documented(name):
    assert documentation.docstring(name)


@pytest.mark.parametrize("name", KNOWN)
def test_no_sentence_is_missing(name):
    if any(KERAS in SpecifierSet(older, prereleases=True) for older in OLDER_WORDING):
        pytest.skip(f"the table has the words of later releases than Keras {KERAS}")
    assert missing_sentences(documentation.docstring(name), KNOWN[name]) == []


@pytest.mark.parametrize("name", KNOWN)
def test_removed_sentence_is_reported_missing(name):
    doc = documentation.docstring(name)
    known = list(sentences(doc))
    assert len(known) == len(set(known))
    for one in known:
        assert missing_sentences(doc, [other for other in known if other != one]) == [one]


DOC = """Draws a line. Or two,
e.g. `a` and `b`.

Example:

>>> draw()
A line.

```python
draw(2)

# Not this.
```

Args:
    width: Float (default: `0.5`). Of the pen. Default:
        hyperbolic.
    style: One of:
        - dotted.
        1. `None` (by `ink`). More.
        Both styles: at once.

Note on ink:

Note: ink is black. Is it? Yes.

Raises:
    ValueError:
        1. If there is no ink.
"""


def test_sentences_exclude_code_and_headings():
    assert list(sentences(DOC)) == [
        "Draws a line.",
        "Or two, e.g. `a` and `b`.",
        "width: Float (default: `0.5`).",
        "width: Of the pen.",
        "width: Default: hyperbolic.",
        "style: One of:",
        "style: dotted.",
        "style: `None` (by `ink`).",
        "style: More.",
        "style: Both styles: at once.",
        "Note: ink is black.",
        "Is it?",
        "Yes.",
        "ValueError: If there is no ink.",
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a: Boolean (default: `False`).", "a: Boolean (default False)", True),
        ("of shape `[batch, 'time']`", 'of shape (batch, "time").', True),
        ("limit = sqrt(6 / (a + b))", "limit = sqrt(6 / a + b)", False),
        ("factor 0.5", "factor 05", False),
        ("not used", "used", False),
    ],
)
def test_sentences_are_compared_without_markup(one, other, same):
    assert (missing_sentences(one, [other]) == []) == same


INVALID_FILES = {
    "not TOML": ("[SimpleRNN\n", "cannot be read"),
    "no table": ("SimpleRNN = 3\n", "SimpleRNN"),
    "a number": ("[A]\n'one' = 3\n", "one"),
    "an empty list": ("[A]\n'one' = []\n", "one"),
    "an empty reason": ("[A]\n'one' = ''\n", "one"),
    "a list of numbers": ("[A]\n'one' = [3]\n", "one"),
    "a sentence twice": ("[A]\n'one (`a`).' = 'b'\n'One (a)' = 'c'\n", "twice"),
}


@pytest.mark.parametrize(("text", "word"), INVALID_FILES.values(), ids=INVALID_FILES.keys())
def test_invalid_documentation_file_is_reported_in_one_line(tmp_path, text, word):
    assert_reported_in_one_line(documentation.load, tmp_path / "documentation.toml", text, word)


def test_table_rejects_an_unknown_property():
    with pytest.raises(ConfigurationError, match="test_nothing"):
        format_table({"Layer": {"It layers.": ("test_nothing",)}}, all_properties())


def test_table_lists_properties_paths_and_counts():
    known = {
        "Layer": {
            "It layers.": ("test_the_kernel_is_within_the_glorot_limit",),
            "It may.": "advice",
            "It must.": "not yet: hard",
        }
    }
    assert format_table(known, all_properties(), width=60).splitlines() == [
        "Layer",
        "=====",
        "",
        "It layers.",
        "    verified:",
        "      test_the_kernel_is_within_the_glorot_limit [eager]",
        "",
        "It may.",
        "    (advice)",
        "",
        "It must.",
        "    not verified: hard",
        "",
        "3 sentences: 1 verified, 1 not verified, 1 with a reason",
    ]


def test_pytest_prints_the_table_and_runs_no_test():
    done = start(sys.executable, "-m", "pytest", "--promises", COLUMNS="100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == format_table(KNOWN, all_properties(), width=100) + "\n"
    assert max(map(len, done.stdout.splitlines())) <= 100
