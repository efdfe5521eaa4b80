"""Errors in files, options and packages that the user supplies."""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class ConfigurationError(Exception):
    """An option, a file or a package of the user cannot be used; the message is one line."""


def read_toml(file: Path) -> dict:
    """Return the content of a TOML file; raise ConfigurationError if it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
