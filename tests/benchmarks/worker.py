"""The side of `compare` that runs in one environment: it times what it is asked for, line by line.

First it says what it is; then, for each line `path length`, the seconds of one call, all as JSON.
"""

import json
import sys

from tests.harness.configuration import ConfigurationError


def main() -> None:
    try:
        from tests.harness.probes import timing
        from tests.harness.target import releases
    except ConfigurationError as error:
        return say({"refused": str(error)})
    from tests.benchmarks.ways import IMPLEMENTATIONS, Problem

    say(
        {
            "tensorflow": str(releases.TENSORFLOW),
            "keras": str(releases.KERAS),
        }
    )
    problem, made, calls = Problem(), {}, {}
    for line in sys.stdin:
        name, length = line.split()
        key = name, int(length)
        if name not in made:
            made[name] = IMPLEMENTATIONS[name](problem)
        if key not in calls:
            calls[key] = made[name](problem.inputs(key[1]))
            calls[key]()  # makes the traces
        say(timing.seconds(calls[key]))


def say(what) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
