"""Drawing cases.

A case is drawn in two steps. First its plan: sizes, dtype and options, a handful of small choices.
Then its values, each array from a seed by `noise`, in which an element depends on the seed and on
its own indices alone: a case keeps its values while Hypothesis shrinks its sizes, drawing costs a
tenth of drawing elements one by one, and a large array prints as the formula that made it.

A path that must trace or compile for each plan draws from a small pool of plans, in which every
choice stands about equally often, and then draws values for them without end.
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
    """A strategy of cases.

    choices: for each entry of `run_choices` what is left of it. of_integers: whether all values are
    integers, but for a power of two, and every sum is exact. plans: the size of the pool that plans
    come from; None draws them freely. any_shape: whether batch and time are drawn freely all the
    same.
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
