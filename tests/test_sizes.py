"""Every size: batch, time, features and units from one on, each tried in each run."""

import random
from collections.abc import Iterator

from tests.harness import drawing, session
from tests.harness.cases import Case
from tests.harness.compare import assert_exact
from tests.harness.paths import EAGER, UNKNOWN, UNROLL, Path
from tests.harness.properties import sweep
from tests.harness.values import integers, kept_exact

LONGEST_EAGER = 100
"""The longest sequence of the eager sweep, whose steps cost ten times those of a trace."""


def every_batch_and_time(path: Path) -> Iterator[Case]:
    """One layer, whose trace knows neither batch nor time, is given each of both, once."""
    generator, largest = _generator(path), session.current().sweep
    times = generator.sample(range(1, largest + 1), largest)
    for batch, time in enumerate(times, 1):
        yield _case(generator, batch, time, 3, 5, initial_state=True, mask=None)


def every_size(path: Path) -> Iterator[Case]:
    """Layers of each number of units and of features, given each batch; eager loops each time."""
    generator, largest = _generator(path), session.current().sweep
    # Each option with its own order, so that no two sizes go together in each run.
    batches, features = (generator.sample(range(1, largest + 1), largest) for _ in range(2))
    times = [2] * largest
    if path is EAGER:
        longest = min(largest, LONGEST_EAGER)
        times[:longest] = generator.sample(range(1, longest + 1), longest)
        generator.shuffle(times)
    for units in range(1, largest + 1):
        size = batches[units - 1], times[units - 1], features[units - 1], units
        given = {
            "initial_state": generator.random() < 0.5,
            "mask": generator.choice((None, "random", "leading", "inner")),
        }
        yield _case(generator, *size, **_usable(path, given))


def _generator(path: Path) -> random.Random:
    return random.Random(session.current().seed_of(f"sweep {path}"))


def _usable(path: Path, given: dict) -> dict:
    """The options of a plan, without those that the layer or the path has not."""
    choices = {name: (value,) for name, value in given.items()}
    lacks = path.lacks | drawing.lacked()
    return {name: left[0] for name, left in drawing.without(choices, lacks).items()}


def _case(generator, batch: int, time: int, features: int, units: int, **given) -> Case:
    """Small integers in a linear layer: no result hides behind the end of a range. Over many steps
    they stay exact with one entry in each column of the recurrent kernel."""
    plan = drawing.Plan(
        batch,
        time,
        features,
        units,
        dtype="float32",
        activation="linear",
        use_bias=True,
        go_backwards=False,
        zero_output_for_mask=False,
        leave_defaults=False,
        magnitude="one",
        **given,
    )
    values = integers(1, dense=time <= 4)
    return kept_exact(plan.case(generator.randrange(10_000), values))


@sweep(
    "SimpleRNN",
    "sequence: A 3D tensor, with shape `[batch, timesteps, feature]`.",
    every_batch_and_time,
    on=(UNKNOWN,),
    needs={"initial_state"},
)
def test_every_batch_and_time_gives_the_recurrence(case, path):
    assert_exact(path.run(case), case)


@sweep(
    "SimpleRNN",
    "units: Positive integer, dimensionality of the output space.",
    every_size,
    on=(EAGER, UNROLL),
)
def test_every_number_of_units_and_features_gives_the_recurrence(case, path):
    assert_exact(path.run(case), case)
