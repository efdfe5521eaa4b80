"""The process of `compare` in one environment, which times calls on request.

It prints JSON lines: first its releases; then, for each input line `path length`, the duration of
one call in seconds.
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
            calls[key]()  # the first call traces
        say(timing.seconds(calls[key]))


def say(what) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
