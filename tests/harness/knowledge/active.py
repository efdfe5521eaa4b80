"""The deviations that the layer under test may show on the installed release."""

from collections.abc import Iterable
from pathlib import Path

from tests.harness import session
from tests.harness.configuration import ConfigurationError
from tests.harness.knowledge.deviations import Deviation, load
from tests.harness.target import layer
from tests.harness.target.processor import onednn_uses
from tests.harness.target.releases import KERAS, TENSORFLOW


def applies(deviation: Deviation) -> bool:
    """Return whether the installed release, on this processor, is among those that deviate."""
    needed = deviation.processor
    return deviation.applies_to(KERAS, TENSORFLOW) and (not needed or onednn_uses(needed))


@session.kept(maxsize=1)
def active_deviations() -> tuple[Deviation, ...]:
    """Return the deviations of the installed release that the layer under test may show.

    A custom layer has those of the Keras classes that it derives from, and those that the file of
    `--deviations` registers. Raises ConfigurationError if a file cannot be used.
    """
    other_classes = {"SimpleRNN", "RNN"} - layer.under_test().keras_bases
    builtin = [d for d in load() if d.part not in other_classes]
    file = session.current().deviations
    added = load(Path(file), by_user=True) if file else ()
    if twice := {d.id for d in builtin} & {d.id for d in added}:
        raise ConfigurationError(f"{file}: deviation {min(twice)}: the id is taken; choose another")
    return tuple(d for d in (*builtin, *added) if applies(d))


def vanished_messages(known: Iterable[Deviation]) -> str:
    """Return the messages for deviations that no longer reproduce.

    Empty for custom layers, which may have fixed the inherited behaviour, and for deviations that
    the user registered: the run warns about those that match nothing.
    """
    if not layer.under_test().is_builtin:
        return ""
    return "\n".join(d.vanished_message for d in known if not d.registered_by_user)
