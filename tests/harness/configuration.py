"""What the user gave or installed: reading it, and refusing it in one line."""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class ConfigurationError(Exception):
    """What the user gave or installed cannot be used; the message is one line for them."""


def read_toml(file: Path) -> dict:
    """Return the content of a TOML file; raise ConfigurationError if it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
