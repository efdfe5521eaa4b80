"""The databases of failed cases: the local one, and one that many machines share (`--database`).

An address of a shared database may contain a password. It appears in no header, warning, record or
report: only `display_name` is printed.
"""

import contextlib
import os
import time
import warnings
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from hypothesis import settings
from hypothesis.database import ExampleDatabase, MultiplexedDatabase

from tests.harness import session
from tests.harness.configuration import ConfigurationError

VARIABLE = "SIMPLERNN_VERIFY_DATABASE"
"""The environment variable with the address, which other users of a machine cannot read."""

FORM = "redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]"
KEPT = timedelta(days=90)
"""How long the server keeps the failed cases of a property that nobody verifies."""

TIMEOUT_SECONDS = 2.0
PAUSE_SECONDS = 30.0
"""How long a server is left alone after an error, so that a dead one does not slow the run."""


def failed_cases() -> ExampleDatabase | None:
    """Return the database of failed cases of this run, or None if it has none.

    Cases are stored in the local database of the run's profile first.
    """
    local, address = settings().database, session.current().database
    if address is None:
        return local
    shared = _connected(address)
    return MultiplexedDatabase(local, shared) if local is not None else shared


def address_from(option: str | None) -> str | None:
    """Return the address of the option `--database` or of the variable, or None without both.

    Raises ConfigurationError, without the address, if it cannot be used.
    """
    address = option if option is not None else os.environ.get(VARIABLE) or None
    if address is not None:
        with _errors_without_address():
            _server(address)
    return address


def display_name(address: str) -> str:
    """Return the address without user and password."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}{parts.path}"


def _server(address: str):
    """Return the Redis server at that address, without connecting to it."""
    try:
        from redis import Redis
    except ImportError:
        raise ConfigurationError(
            "--database needs the package redis: python -m pip install -e '.[redis]'"
        ) from None
    if not urlsplit(address).hostname:
        raise ValueError("no host")
    timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    return Redis.from_url(address, **timeouts)


@contextlib.contextmanager
def _errors_without_address():
    try:
        yield
    except ValueError:
        raise ConfigurationError(f"--database: expected an address of the form {FORM}") from None


@session.kept(maxsize=1)
def _connected(address: str) -> "SharedDatabase":
    from hypothesis.extra.redis import RedisExampleDatabase

    from tests.harness.target import releases  # imports TensorFlow

    # A case that fails on one release passes on another, which must not delete it.
    prefix = f"simplernn-verify tensorflow {releases.TENSORFLOW} keras {releases.KERAS}:"
    stored = RedisExampleDatabase(_server(address), expire_after=KEPT, key_prefix=prefix.encode())
    return SharedDatabase(stored, display_name(address))


class SharedDatabase(ExampleDatabase):
    """A database on a server, which may be out of reach at any time.

    An operation that the server cannot do is left out, with a warning for the first of them.
    database: that of the server. name: how to print it.
    """

    def __init__(self, database: ExampleDatabase, name: str):
        super().__init__()
        self._database, self._name = database, name
        self._retry_time = 0.0

    def __repr__(self) -> str:
        return f"SharedDatabase({self._name})"

    def fetch(self, key: bytes) -> Iterable[bytes]:
        found: list[bytes] = []
        with self._errors_as_warning() as is_usable:
            if is_usable:
                found = list(self._database.fetch(key))
        return found

    def save(self, key: bytes, value: bytes) -> None:
        with self._errors_as_warning() as is_usable:
            if is_usable:
                self._database.save(key, value)

    def delete(self, key: bytes, value: bytes) -> None:
        with self._errors_as_warning() as is_usable:
            if is_usable:
                self._database.delete(key, value)

    @contextlib.contextmanager
    def _errors_as_warning(self):
        """Yield whether the server may be asked; convert its errors within the block."""
        from redis.exceptions import RedisError

        try:
            yield time.monotonic() >= self._retry_time
        except (RedisError, OSError) as error:
            self._retry_time = time.monotonic() + PAUSE_SECONDS
            warnings.warn(
                f"{self._name} fails ({type(error).__name__}); failed cases are kept in the local "
                f"database alone for {PAUSE_SECONDS:.0f} s",
                stacklevel=1,
            )
