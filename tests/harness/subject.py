"""What a run is about, as its header and its verdict tell it."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from tests.harness import Unusable


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


def elsewhere(name: str) -> Subject:
    """The same from a process that ends with it: this one stays without TensorFlow, 0.6 GB smaller.

    Raises Unusable as `here` does, and if TensorFlow ends the process.
    """
    program = f"import sys; sys.path[:] = {sys.path}; from tests.harness import subject"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; subject.tell({name!r})"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    told = done.stdout.splitlines()[-1:]
    if done.returncode or not told:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Unusable(f"the process that imports TensorFlow and {name} ends at once: {said[0]}")
    answer = json.loads(told[0])
    if "unusable" in answer:
        raise Unusable(answer["unusable"])
    return Subject(**answer)


def tell(name: str) -> None:
    """Print what `here` gives or raises, as one line of JSON."""
    try:
        answer = asdict(here(name))
    except Unusable as error:
        answer = {"unusable": str(error)}
    print("\n" + json.dumps(answer))
