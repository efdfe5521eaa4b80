"""The side of `compare` that runs in one environment: it times what it is asked for, line by line.

First it says what it is; then, for each line `path length`, the seconds of one call, all as JSON.
"""

import json
import sys

from tests.harness import Unusable


def main() -> None:
    try:
        from tests.harness import releases
    except Unusable as error:
        return say({"refused": str(error)})
    from tests.harness import timing
    from tests.timing.ways import WAYS, Problem

    say({"tensorflow": str(releases.TENSORFLOW), "keras": str(releases.KERAS)})
    problem, made, calls = Problem(), {}, {}
    for line in sys.stdin:
        name, length = line.split()
        key = name, int(length)
        if name not in made:
            made[name] = WAYS[name](problem)
        if key not in calls:
            calls[key] = made[name](problem.inputs(key[1]))
            calls[key]()  # makes the traces
        say(timing.seconds(calls[key]))


def say(what) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
