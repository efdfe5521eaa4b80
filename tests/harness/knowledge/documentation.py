"""The sentences of the documentation, and the properties that check them: `pytest --promises`."""

import inspect
import re
import shutil
import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.harness.configuration import ConfigurationError, read_toml
from tests.harness.target.releases import tf

FILE = Path(__file__).with_name("documentation.toml")

UNVERIFIED_PREFIX = "not yet"
"""The beginning of the reason of a sentence that a property could check, and none does yet."""

VERIFIED, NOT_VERIFIED = "verified", "not verified"

WIDTHS = 60, 120  # the smallest and the largest width of the table, in characters

Checks = tuple[str, ...] | str
"""The names of the properties that check a sentence, or the reason why none does."""


def load(file: Path = FILE) -> dict[str, dict[str, Checks]]:
    """Return the checks of each sentence, by documented object.

    Raises ConfigurationError, which names the sentence, if the file is invalid.
    """
    read = read_toml(file)
    for name, sentences in read.items():
        if not isinstance(sentences, dict):
            raise ConfigurationError(f"{file}: {name} is not a table of sentences")
        seen: dict[str, str] = {}
        for sentence, checks in sentences.items():
            where = f"{file}: {name}: {sentence!r}"
            if (twin := seen.setdefault(_words(sentence), sentence)) != sentence:
                raise ConfigurationError(f"{where} occurs twice: {twin!r} has the same words")
            names = checks if isinstance(checks, list) else [checks]
            if not names or not all(isinstance(name, str) and name for name in names):
                raise ConfigurationError(f"{where} is neither a list of properties nor a reason")
            if isinstance(checks, list):
                sentences[sentence] = tuple(checks)
    return read


def docstring(name: str) -> str | None:
    """Return the installed documentation of a layer, an initializer or a utility, or of a method
    such as "Model.fit"; None if there is none."""
    first, *attributes = name.split(".")
    modules = tf.keras.layers, tf.keras.initializers, tf.keras.utils, tf.keras
    found = next((getattr(m, first) for m in modules if hasattr(m, first)), None)
    for attribute in attributes:
        found = getattr(found, attribute, None)
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
    """Yield the sentences of a docstring, without code, headings and list markers.

    Spaces are single. Each sentence about an argument begins with "argument: ", because sentences
    such as "Default: `None`." occur for many arguments.
    """
    for paragraph in re.split(r"\n *\n", _HEADING.sub("\n", _CODE.sub("", doc))):
        before, *arguments = _ARGUMENT.split(paragraph)
        yield from _sentences(before)
        for argument, text in zip(arguments[::2], arguments[1::2], strict=True):
            yield from (f"{argument}: {sentence}" for sentence in _sentences(text))


def call_arguments(name: str) -> list[str]:
    """Return the names of the call arguments in the installed documentation of a layer."""
    _, _, behind = (docstring(name) or "").partition("Call arguments:\n")
    return _ARGUMENT.findall(_HEADING.split(behind)[0])


def _sentences(text: str) -> Iterator[str]:
    for item in _ITEM.split(text):
        yield from filter(None, (" ".join(part.split()) for part in _END.split(item)))


def _words(sentence: str) -> str:
    """Return the words and signs of a sentence, without markup.

    Markup differs between releases, as in "(default: `False`)." and "(default False)".
    """
    plain = re.sub(r"""[`'"*]|[.,:](?=[\s)`'"*]|$)""", "", sentence).casefold()
    return plain.translate(str.maketrans("[]", "()"))


def equal_without_markup(one: str, other: str) -> bool:
    """Return whether two sentences differ in markup only."""
    return _words(one) == _words(other)


def missing_sentences(doc: str, known: Collection[str]) -> list[str]:
    """Return the sentences of a docstring that are not among the known ones."""
    words = {_words(sentence) for sentence in known}
    return [sentence for sentence in sentences(doc) if _words(sentence) not in words]


def format_table(
    known: Mapping[str, Mapping[str, Checks]],
    properties: Mapping[str, Any],
    width: int | None = None,
) -> str:
    """Return a table of all objects and their sentences, and the counts.

    A sentence has the properties that verify it with their paths, or is not verified, or has a
    reason. A sentence with properties is verified: tests/selftest/faults/test_claims.py requires
    that one of them finds a fault against the sentence. width: in characters, by default that of
    the terminal. Raises ConfigurationError if a property does not exist.
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


def _format_checks(checks: Checks, properties: Mapping[str, Any]) -> list[str]:
    if isinstance(checks, str):
        if is_unverified(checks):
            return [f"{NOT_VERIFIED}: {checks.removeprefix(UNVERIFIED_PREFIX).lstrip(' :')}"]
        return [f"({checks})"]
    if unknown := set(checks) - set(properties):
        raise ConfigurationError(f"{FILE.name} names {min(unknown)}, which is not a property")
    paths = {name: ", ".join(map(str, properties[name].paths)) for name in checks}
    return [
        f"{VERIFIED}:",
        *("  " + name + (f" [{names}]" if names else "") for name, names in paths.items()),
    ]


def is_unverified(checks: Checks) -> bool:
    """Return whether a property could check the sentence, and none does yet."""
    return isinstance(checks, str) and checks.startswith(UNVERIFIED_PREFIX)


def format_counts(known: Mapping[str, Mapping[str, Checks]]) -> str:
    """Return the numbers of sentences by kind, as text."""
    every = [checks for sentences in known.values() for checks in sentences.values()]
    verified = sum(not isinstance(checks, str) for checks in every)
    unverified = sum(map(is_unverified, every))
    return (
        f"{len(every)} sentences: {verified} {VERIFIED}, {unverified} {NOT_VERIFIED}, "
        f"{len(every) - verified - unverified} with a reason"
    )
