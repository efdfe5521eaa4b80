"""The table of the documentation has every sentence, and every property that quotes one."""

import re
import sys

import pytest

from tests.harness import Unusable, documentation
from tests.harness.documentation import holes, sentences, table
from tests.harness.properties import all_properties
from tests.harness.releases import KERAS
from tests.selftest.programs import start

KNOWN = documentation.load()
NAMED = {
    name
    for known in KNOWN.values()
    for checks in known.values()
    if not isinstance(checks, str)
    for name in checks
}

WALKED_THROUGH = {(3, 15), (2, 15)}
"""The releases of Keras whose documentation the table has. That of the others differs from it in a
few words here and there, and each of its forms in the table would be one more row without news."""


def test_every_property_that_is_named_exists():
    assert set(all_properties()) >= NAMED


def test_every_property_that_quotes_one_of_the_objects_is_named():
    quoting = {name for name, prop in all_properties().items() if prop.source in KNOWN}
    assert quoting <= NAMED


@pytest.mark.parametrize("name", KNOWN)
def test_each_object_is_documented(name):
    assert documentation.docstring(name)


@pytest.mark.parametrize("name", KNOWN)
def test_no_sentence_is_missing(name):
    if KERAS.release[:2] not in WALKED_THROUGH:
        pytest.skip(f"the table has not the words of Keras {KERAS}")
    assert holes(documentation.docstring(name), KNOWN[name]) == []


@pytest.mark.parametrize("name", KNOWN)
def test_a_sentence_that_is_taken_out_is_a_hole(name):
    doc = documentation.docstring(name)
    known = list(sentences(doc))
    assert len(known) == len(set(known))
    for one in known:
        assert holes(doc, [other for other in known if other != one]) == [one]


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


def test_sentences_have_every_word_but_those_of_code_and_headings():
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
def test_markup_makes_no_other_sentence_and_words_and_signs_do(one, other, same):
    assert (holes(one, [other]) == []) == same


BROKEN = {
    "not TOML": ("[SimpleRNN\n", "cannot be read"),
    "no table": ("SimpleRNN = 3\n", "SimpleRNN"),
    "a number": ("[A]\n'one' = 3\n", "one"),
    "an empty list": ("[A]\n'one' = []\n", "one"),
    "an empty reason": ("[A]\n'one' = ''\n", "one"),
    "a list of numbers": ("[A]\n'one' = [3]\n", "one"),
    "a sentence twice": ("[A]\n'one (`a`).' = 'b'\n'One (a)' = 'c'\n", "twice"),
}


@pytest.mark.parametrize(("text", "word"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_named_in_one_line(tmp_path, text, word):
    file = tmp_path / "documentation.toml"
    file.write_text(text)
    with pytest.raises(Unusable, match=re.escape(str(file))) as caught:
        documentation.load(file)
    message = str(caught.value)
    assert word in message.replace(str(file), "")
    assert "\n" not in message


def test_a_table_with_an_unknown_property_is_none():
    with pytest.raises(Unusable, match="test_nothing"):
        table({"Layer": {"It layers.": ("test_nothing",)}})


def test_the_table_tells_what_is_checked_on_which_paths_what_is_not_and_the_counts():
    known = {
        "Layer": {
            "It layers.": ("test_the_kernel_is_within_the_glorot_limit",),
            "It may.": "advice",
            "It must.": "not yet: hard",
        }
    }
    assert table(known, width=60).splitlines() == [
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
    assert done.stdout == table(KNOWN, width=100) + "\n"
    assert max(map(len, done.stdout.splitlines())) <= 100
