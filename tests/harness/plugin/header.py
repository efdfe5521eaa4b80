"""The facts of a run for its header and its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness import session


@dataclass(frozen=True)
class Target:
    """The layer under test and the release that it belongs to.

    layer: its name as `--layer` takes it. environment: as in `environment.environment`. tensorflow,
    keras: version numbers. deviations: the effect of each deviation that the layer may show, by id.
    registered_by_user: the ids of the deviations that the file of `--deviations` registers.
    """

    layer: str
    environment: dict[str, str]
    tensorflow: str
    keras: str
    deviations: dict[str, str]
    registered_by_user: list[str]


def select_layer(name: str, declared: Sequence[str] = (), device: str = "cpu") -> Target:
    """Make the layer of that name the layer under test of this process, and return its facts.

    declared: the names of its arithmetics. device: of `devices.DEVICES`. Raises ConfigurationError
    if TensorFlow, the layer, an arithmetic, the device or a file of deviations cannot be used.
    """
    from tests.harness.knowledge.active import active_deviations
    from tests.harness.target import arithmetic, devices, environment, layer, releases

    devices.choose(device)
    layer.select(name)
    session.current().arithmetics = arithmetic.arithmetics(declared)
    active = active_deviations()
    return Target(
        name,
        environment.environment(),
        str(releases.TENSORFLOW),
        str(releases.KERAS),
        {d.id: d.effect for d in active},
        [d.id for d in active if d.registered_by_user],
    )
