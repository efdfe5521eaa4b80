"""The documentation, sentence by sentence, and which property checks each: `pytest --promises`."""

import inspect
import re
import shutil
import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tests.harness.configuration import ConfigurationError, read_toml
from tests.harness.target.releases import tf

FILE = Path(__file__).with_name("documentation.toml")

UNVERIFIED_PREFIX = "not yet"
"""How the reason of a sentence begins that could be a property and is none."""

VERIFIED, NOT_VERIFIED = "verified", "not verified"

WIDTHS = 60, 120  # the narrowest and the widest table

Checks = tuple[str, ...] | str
"""What is known of a sentence: the properties that check it, or why it is none."""


def load(file: Path = FILE) -> dict[str, dict[str, Checks]]:
    """What is known of each sentence, by documented object; ConfigurationError, naming the sentence, if the
    file cannot be read."""
    read = read_toml(file)
    for name, sentences in read.items():
        if not isinstance(sentences, dict):
            raise ConfigurationError(f"{file}: {name} is no table of sentences")
        seen = {}
        for sentence, checks in sentences.items():
            where = f"{file}: {name}: {sentence!r}"
            if (twin := seen.setdefault(_words(sentence), sentence)) != sentence:
                raise ConfigurationError(f"{where} stands there twice: {twin!r} has the same words")
            names = checks if isinstance(checks, list) else [checks]
            if not names or not all(isinstance(name, str) and name for name in names):
                raise ConfigurationError(f"{where} is neither a list of properties nor a reason")
            if isinstance(checks, list):
                sentences[sentence] = tuple(checks)
    return read


def docstring(name: str) -> str | None:
    """The installed documentation of a layer or an initializer; None where there is none."""
    found = getattr(tf.keras.layers, name, None) or getattr(tf.keras.initializers, name, None)
    return inspect.getdoc(found) if found else None


_CODE = re.compile(r"```.*?```|^ *>>>.*?(?=\n *\n|\Z)", re.S | re.M)
_HEADING = re.compile(
    r"^ *\**(Args|Call arguments|Examples?|Input shape|Output shape|Masking|Raises|References?"
    r"|Note on [^:\n]*):\** *$",
    re.M,
)
_ARGUMENT = re.compile(r"^ *([a-z]\w*|ValueError):\s", re.M)
_ITEM = re.compile(r"^ *(?:-|\d\.) ", re.M)
_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)\s+(?=[A-Z`])")


def sentences(doc: str) -> Iterator[str]:
    """The sentences of a docstring, with single spaces and without code, headings and the marks of
    lists. Each sentence about an argument begins with that argument, as the first one does: there
    are many "Default: `None`."
    """
    for paragraph in re.split(r"\n *\n", _HEADING.sub("\n", _CODE.sub("", doc))):
        before, *arguments = _ARGUMENT.split(paragraph)
        yield from _sentences(before)
        for argument, text in zip(arguments[::2], arguments[1::2], strict=True):
            yield from (f"{argument}: {sentence}" for sentence in _sentences(text))


def call_arguments(name: str) -> list[str]:
    """The names that the installed documentation of a layer gives to what it is called with."""
    _, _, behind = (docstring(name) or "").partition("Call arguments:\n")
    return _ARGUMENT.findall(_HEADING.split(behind)[0])


def _sentences(text: str) -> Iterator[str]:
    for item in _ITEM.split(text):
        yield from filter(None, (" ".join(part.split()) for part in _END.split(item)))


def _words(sentence: str) -> str:
    """What makes a sentence the same one: its words and signs, and not their markup, which changes
    from release to release: (default: `False`). and (default False)"""
    plain = re.sub(r"""[`'"*]|[.,:](?=[\s)`'"*]|$)""", "", sentence).casefold()
    return plain.translate(str.maketrans("[]", "()"))


def equal_without_markup(one: str, other: str) -> bool:
    """Whether two sentences differ in nothing but markup."""
    return _words(one) == _words(other)


def missing_sentences(doc: str, known: Collection[str]) -> list[str]:
    """The sentences of a docstring that are not among those that are known."""
    words = {_words(sentence) for sentence in known}
    return [sentence for sentence in sentences(doc) if _words(sentence) not in words]


def format_table(
    known: Mapping[str, Mapping[str, Checks]],
    properties: Mapping[str, object],
    width: int | None = None,
) -> str:
    """Each object, and its sentences as verified, by which properties on which paths, as not
    verified, or with the reason; and the counts. width: of the terminal, unless given. ConfigurationError if
    a property does not exist.

    A sentence with properties is verified: tests/selftest/faults/test_claims.py requires a fault against
    the sentence that one of them finds.
    """
    width = width or min(max(shutil.get_terminal_size((100, 0)).columns, WIDTHS[0]), WIDTHS[1])

    def indented(text: str, by: int) -> str:
        wrapper = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        wrapper.initial_indent, wrapper.subsequent_indent = " " * by, " " * (by + 2)
        return wrapper.fill(text)

    lines = []
    for name, sentences in known.items():
        lines += ["", name, "=" * len(name)]
        for sentence, checks in sentences.items():
            lines += ["", indented(sentence, 0)]
            lines += [indented(line, 4) for line in _format_checks(checks, properties)]
    return "\n".join([*lines[1:], "", indented(format_counts(known), 0)])


def _format_checks(checks: Checks, properties: Mapping[str, object]) -> list[str]:
    if is_unverified(checks):
        return [f"{NOT_VERIFIED}: {checks.removeprefix(UNVERIFIED_PREFIX).lstrip(' :')}"]
    if isinstance(checks, str):
        return [f"({checks})"]
    if unknown := set(checks) - set(properties):
        raise ConfigurationError(f"{FILE.name} names {min(unknown)}, and there is no such property")
    paths = {name: ", ".join(map(str, properties[name].paths)) for name in checks}
    return [
        f"{VERIFIED}:",
        *("  " + name + (f" [{on}]" if on else "") for name, on in paths.items()),
    ]


def is_unverified(checks: Checks) -> bool:
    """Whether the sentence could be a property and is none."""
    return isinstance(checks, str) and checks.startswith(UNVERIFIED_PREFIX)


def format_counts(known: Mapping[str, Mapping[str, Checks]]) -> str:
    """How many sentences there are, and of which kinds."""
    every = [checks for sentences in known.values() for checks in sentences.values()]
    checked = sum(not isinstance(checks, str) for checks in every)
    waiting = sum(map(is_unverified, every))
    return (
        f"{len(every)} sentences: {checked} {VERIFIED}, {waiting} {NOT_VERIFIED}, "
        f"{len(every) - checked - waiting} with a reason"
    )
