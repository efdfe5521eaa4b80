"""The file of the record of a run, which a full disk does not end."""

import contextlib
from collections.abc import Callable

import pytest


class RecordFile:
    """The file that pytest-reportlog writes. An error ends the record and not the run.

    Nothing is written after an error, so that all lines but the last are whole.
    """

    def __init__(self, plugin):
        """Take the place of the file of that plugin, which has no public way to change it."""
        self._name, self._file = plugin._log_path, plugin._file
        self._error: OSError | None = None
        plugin._file = self

    def write(self, text: str) -> None:
        self._guard(lambda: self._file.write(text))

    def flush(self) -> None:
        self._guard(self._file.flush)

    def close(self) -> None:
        self._guard(self._file.close)

    def closing_lines(self) -> list[str]:
        """Return a line about the record if it is incomplete."""
        error = self._error
        return [f"warning: {self._name} is incomplete: {error.strerror}"] if error else []

    def _guard(self, operation: Callable[[], object]) -> None:
        if self._error is not None:
            return
        try:
            operation()
        except OSError as error:
            self._error = error
            with contextlib.suppress(OSError):  # the buffer still holds what cannot be written
                self._file.close()


RECORD_FILE = pytest.StashKey[RecordFile]()
"""The file of the record of this run, if it has one."""
