"""What a run is about, as its header and its verdict tell it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """The layer under test and the release that it is of.

    layer: its name as `--layer` takes it. environment: as in `releases.environment`. tensorflow,
    keras: version numbers. deviations: the ids of those that the layer may show.
    """

    layer: str
    environment: dict[str, str]
    tensorflow: str
    keras: str
    deviations: list[str]


def here(name: str) -> Subject:
    """Make the layer of that name the one under test in this process, and tell what it is.

    Raises Unusable if TensorFlow, the layer or the register of deviations is.
    """
    from tests.harness import deviations, layer, releases

    layer.select(name)
    return Subject(
        name,
        releases.environment(),
        str(releases.TENSORFLOW),
        str(releases.KERAS),
        [deviation.id for deviation in deviations.active()],
    )
