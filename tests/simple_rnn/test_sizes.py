"""Sweeps over every size of batch, time, features and units, in each run."""

import random
from collections.abc import Iterator

from tests.harness import session
from tests.harness.cases import plans
from tests.harness.cases.case import Case
from tests.harness.cases.values import integer_values, truncated_to_exact
from tests.harness.compare.runs import assert_exact
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, UNROLL
from tests.harness.paths.path import Path
from tests.harness.properties.generated import sweep
from tests.harness.target import layer

LONGEST_EAGER = 100
"""The longest sequence of the eager sweep: an eager step costs ten times a traced one."""


def sizes_of_one_trace() -> list[tuple[int, ...]]:
    """Return (batch, time, features, units) with each batch and each time once."""
    generator, largest = _generator("one trace"), session.current().largest_swept_size
    times = generator.sample(range(1, largest + 1), largest)
    return [(batch, time, 3, 5) for batch, time in enumerate(times, 1)]


def sizes_of_layers(path: Path) -> list[tuple[int, ...]]:
    """Return (batch, time, features, units) with each batch, features and units once.

    Their combinations depend on the seed of the run. On the eager path, each time up to
    LONGEST_EAGER occurs once, too.
    """
    generator, largest = _generator(path), session.current().largest_swept_size
    batches, features, units = (
        generator.sample(range(1, largest + 1), largest) for _ in ("batch", "features", "units")
    )
    times = [2] * largest
    if path is EAGER:
        longest = min(largest, LONGEST_EAGER)
        times[:longest] = range(1, longest + 1)
    return list(zip(batches, times, features, units, strict=True))


def every_batch_and_time(path: Path) -> Iterator[Case]:
    """Yield the cases of one layer, whose trace has an unknown batch and time."""
    generator = _generator(path)
    for sizes in sizes_of_one_trace():
        yield _case(path, generator, sizes, initial_state=True, mask=None)


def every_size(path: Path) -> Iterator[Case]:
    """Yield a case for each size, each with another layer."""
    generator = _generator(path)
    for sizes in sizes_of_layers(path):
        masks = (None, "random", "leading", "inner") if sizes[1] <= 4 else (None,)
        given = {"initial_state": generator.random() < 0.5, "mask": generator.choice(masks)}
        yield _case(path, generator, sizes, **given)


def _generator(what: object) -> random.Random:
    return random.Random(session.current().seed_of(f"sweep {what}"))


def _case(path: Path, generator: random.Random, sizes: tuple[int, ...], **options) -> Case:
    """Return a case of small integers for a linear layer, which hides no error by saturation.

    Over many steps the sums stay exact, because each column of the recurrent kernel has one entry
    and there is no bias.
    """
    batch, time, features, units = sizes
    options |= {"activation": "linear", "use_bias": time <= 4, "go_backwards": False}
    options |= {"zero_output_for_mask": False, "leave_defaults": False, "magnitude": "one"}
    choices = {name: (value,) for name, value in {**options, "dtype": "float32"}.items()}
    usable = plans.without_features(choices, path.unsupported | layer.lacking_choices())
    chosen = {name: values[0] for name, values in usable.items()}
    plan = plans.Plan(batch, time, features, units, **chosen)
    values = integer_values(1, dense=time <= 4)
    return truncated_to_exact(plan.case(generator.randrange(10_000), values))


@sweep(
    "SimpleRNN",
    "sequence: A 3D tensor, with shape `[batch, timesteps, feature]`.",
    every_batch_and_time,
    paths=(DYNAMIC_SHAPE,),
    needs={"initial_state"},
)
def test_every_batch_and_time_is_exact(case, path):
    assert_exact(path.run(case), case)


@sweep(
    "SimpleRNN",
    "units: Positive integer, dimensionality of the output space.",
    every_size,
    paths=(EAGER, UNROLL),
)
def test_every_number_of_units_and_features_is_exact(case, path):
    assert_exact(path.run(case), case)
