"""Files of data that cannot be used, and how the suite refuses them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.configuration import ConfigurationError


def assert_reported_in_one_line(load: Callable, file: Path, text: str, word: str) -> None:
    """Assert that `load` refuses a file with this text in one line, which names file and word."""
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(str(file))) as caught:
        load(file)
    message = str(caught.value)
    assert word in message.replace(str(file), "")
    assert "\n" not in message
