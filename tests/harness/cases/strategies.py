"""The Hypothesis strategy of cases.

A case is drawn in two steps. The first step draws its plan: sizes, dtype and options, which are few
small choices. The second step computes each array from a seed with `noise`, whose elements depend
only on the seed and their indices. So a case keeps its values while Hypothesis shrinks its sizes,
drawing costs a tenth of drawing single elements, and a large array prints as a formula.

A path that traces or compiles for each plan draws plans from a small pool, which uses every choice
about equally often, and draws new values for each case.
"""

import dataclasses
from collections.abc import Mapping

from hypothesis import strategies as st

from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.cases.plans import plan_from, plan_pool
from tests.harness.cases.values import (
    float_values,
    integer_values,
    scaled_case,
    scales,
    truncated_to_exact,
)


@st.composite
def cases(
    draw,
    choices: Mapping[str, tuple],
    integers_only: bool = False,
    plans: int | None = None,
    any_shape: bool = False,
) -> Case:
    """Return a strategy of cases.

    choices: the remaining choices of each entry of `plans.run_choices`. integers_only: whether all
    values are integers times a power of two, and every sum is exact. plans: the size of the pool of
    plans; None draws plans without a pool. any_shape: whether batch and time are drawn without the
    pool.
    """
    if plans is None:
        plan = plan_from(lambda name, values: draw(st.sampled_from(values)), choices)
    else:
        seed = session.current().seed
        plan = draw(st.sampled_from(plan_pool(tuple(choices.items()), plans, seed)))
        if any_shape:
            sizes = {name: draw(st.sampled_from(choices[name])) for name in ("batch", "time")}
            plan = dataclasses.replace(plan, **sizes)
    seed = draw(st.integers(0, 9999))
    chosen = draw(scales(plan, integers_only))
    if integers_only:
        values = integer_values(draw(st.sampled_from((1, 2, 3))), draw(st.booleans()), chosen)
        return scaled_case(truncated_to_exact(plan.case(seed, values)), chosen)
    return plan.case(seed, float_values(chosen, draw(st.sampled_from((1.0, 0.3, 3.0)))))
