"""Cells that are wrong if constructed directly, while the layer under test is correct.

The cell of the layer gets the wrong class after its construction, and its constructor and its call
stay correct. So a property that constructs no cell cannot detect the fault.
"""

from typing import Any

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, SimpleRNN

SimpleRNNCell: Any = tf.keras.layers.SimpleRNNCell
CELL_FAULTS: list[Fault] = []


class DirectCell(SimpleRNNCell):
    """A correct cell; faults override `alter_units`, `alter_options` or, for a step, `alter`."""

    direct = False

    def __init__(self, units, **options):
        super().__init__(self.alter_units(units), **self.alter_options(options))
        self.direct = True

    def call(self, inputs, states, training=None):
        def right(inputs=inputs, states=states, training=training):
            return SimpleRNNCell.call(self, inputs, states, training=training)

        return self.alter(right, inputs, states, training) if self.direct else right()

    def alter_units(self, units):
        return units

    def alter_options(self, options):
        return options

    def alter(self, right, inputs, states, training):
        return right()


def cell_fault(what: str, *breaks: str, **more):
    """Decorate a wrong cell to register it; breaks and more: as in `fault`."""

    def register(cell):
        class OfCell(SimpleRNN):
            def __init__(self, units, **options):
                super().__init__(units, **options)
                self.cell.__class__ = cell

        OfCell.__name__ = OfCell.__qualname__ = f"Of{cell.__name__}"
        globals()[OfCell.__name__] = OfCell
        faults.fault(what, *breaks, among=CELL_FAULTS, **more)(OfCell)
        return cell

    return register


STEP = "new_cell_computes_one_step_of_the_recurrence"
FIRST = "new_cell_receives_initial_state_at_step_0"
NAMED = "cell_applies_the_named_activation"
SHAPES = "weights_of_a_cell_have_the_documented_shapes"
GIVEN = "cell_keeps_each_argument"
DEFAULTS = "cell_has_the_documented_defaults"
VALUES = "cell_rejects_an_invalid_value"
RATE = "cell_drops_the_fraction_of_each_rate"
ZERO, ONE = "cell_drops_nothing_at_rate_zero", "cell_drops_everything_at_rate_one"
TRAINING = "cell_drops_only_in_training"

OTHER_DEFAULTS = {
    "activation": "relu",
    "use_bias": False,
    "kernel_initializer": "glorot_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    **dict.fromkeys((f"{part}_regularizer" for part in ("kernel", "recurrent", "bias")), "l2"),
    **dict.fromkeys((f"{part}_constraint" for part in ("kernel", "recurrent", "bias")), "non_neg"),
    "dropout": 0.5,
    "recurrent_dropout": 0.5,
}
"""A value of each argument of a cell that is not its documented default."""


class CellWithOtherDefault(DirectCell):
    argument = ""

    def alter_options(self, options):
        return {self.argument: OTHER_DEFAULTS[self.argument], **options}


class CellIgnoresArgument(DirectCell):
    argument = ""

    def alter_options(self, options):
        return {name: value for name, value in options.items() if name != self.argument}


DEFAULT_OF = {"use_bias": "Boolean, (default"}
"""The beginning of the sentence with the default, if it is not "Default"."""


def camel(argument: str) -> str:
    return argument.title().replace("_", "")


for argument, other in OTHER_DEFAULTS.items():
    cell_fault(
        f"a cell has the default {argument}={other!r}",
        DEFAULTS,
        against=f"SimpleRNNCell: {argument}: {DEFAULT_OF.get(argument, 'Default')}",
    )(type(f"CellOfOther{camel(argument)}", (CellWithOtherDefault,), {"argument": argument}))

FINDS = {
    "activation": (STEP, FIRST, NAMED),
    "use_bias": (STEP, FIRST, SHAPES, NAMED),
    "dropout": (RATE, ONE, TRAINING),
    "recurrent_dropout": (RATE, ONE, TRAINING),
    **{
        f"{part}_{kind}": (test,)
        for part in ("kernel", "recurrent", "bias")
        for kind, test in {
            "initializer": "cell_initializer_sets_its_weight_only",
            "regularizer": "cell_regularizer_penalizes_its_weight_only",
            "constraint": "cell_constraint_holds_for_its_weight_only",
        }.items()
    },
    "seed": ("seed_of_a_cell_determines_its_masks",),
}
"""The properties that detect that a cell ignores an argument, except the one of all arguments."""
DOCUMENTED_BEGINNING = {
    "initializer": "Initializer",
    "regularizer": "Regularizer",
    "constraint": "Constraint",
}
FORGOTTEN = {
    "activation": "Activation function",
    "use_bias": "Boolean",
    "dropout": "Fraction",
    "recurrent_dropout": "Fraction",
    "seed": "Random seed",
}
"""The beginning of the sentence that defines the argument."""

for argument, tests in FINDS.items():
    beginning = FORGOTTEN.get(argument) or DOCUMENTED_BEGINNING[argument.rpartition("_")[2]]
    cell_fault(
        f"a cell ignores {argument}",
        GIVEN,
        *tests,
        against=f"SimpleRNNCell: {argument}: {beginning}",
        keras=">=3.0" if argument == "seed" else "",
    )(type(f"CellWithout{camel(argument)}", (CellIgnoresArgument,), {"argument": argument}))


@cell_fault(
    "a cell has one unit too many",
    SHAPES,
    STEP,
    NAMED,
    FIRST,
    against="SimpleRNNCell: units",
)
class CellWithOneUnitTooMany(DirectCell):
    def alter_units(self, units):
        return units + 1


@cell_fault("a cell with 0 units has 1 unit", VALUES, against="SimpleRNNCell: units")
class CellAcceptsZeroUnits(DirectCell):
    def alter_units(self, units):
        return units if isinstance(units, int) and units > 0 else 1


@cell_fault(
    "a cell with `activation=None` uses tanh",
    NAMED,
    against="SimpleRNNCell: activation: If you pass",
)
class CellDefaultsNoneToTanh(DirectCell):
    def alter_options(self, options):
        none = "activation" in options and options["activation"] is None
        return {**options, "activation": "tanh"} if none else options


@cell_fault(
    "a cell uses softsign instead of tanh",
    NAMED,
    against="SimpleRNNCell: activation: Activation function",
)
class CellUsesSoftsignForTanh(DirectCell):
    def alter_options(self, options):
        softsign = options.get("activation") == "softsign"
        return {**options, "activation": "tanh"} if softsign else options


@cell_fault(
    "a cell computes each step twice",
    STEP,
    FIRST,
    against="SimpleRNNCell: This class processes one step",
)
class CellComputesTwoSteps(DirectCell):
    def alter(self, right, inputs, states, training):
        _, states = right()
        return right(states=states)


@cell_fault(
    "a cell ignores its state",
    STEP,
    FIRST,
    against="SimpleRNNCell: states: A 2D tensor",
)
class CellIgnoresState(DirectCell):
    def alter(self, right, inputs, states, training):
        return right(states=tf.nest.map_structure(tf.zeros_like, states))


@cell_fault(
    "a cell uses its first feature for all features",
    STEP,
    FIRST,
    NAMED,
    against=("SimpleRNNCell: inputs: A 2D tensor", "SimpleRNNCell: sequence: A 2D tensor"),
)
class CellUsesFirstFeatureOnly(DirectCell):
    def alter(self, right, inputs, states, training):
        return right(inputs=tf.repeat(inputs[:, :1], inputs.shape[-1], axis=1))


@cell_fault(
    "a cell pads inputs and states of a wrong shape",
    "cell_rejects_a_wrong_shape",
    against=("SimpleRNNCell: inputs: A 2D tensor", "SimpleRNNCell: sequence: A 2D tensor"),
)
class CellPadsInputs(DirectCell):
    def alter(self, right, inputs, states, training):
        missing = max(0, self.kernel.shape[0] - inputs.shape[-1])
        return right(inputs=tf.pad(inputs, [[0, 0]] * (len(inputs.shape) - 1) + [[0, missing]]))


@cell_fault(
    "a cell uses 0 for a rate that is not a number",
    VALUES,
    against=(
        "SimpleRNNCell: dropout: Float between 0 and 1.",
        "SimpleRNNCell: recurrent_dropout: Float between 0 and 1.",
    ),
)
class CellAcceptsAnyRate(DirectCell):
    def alter_options(self, options):
        rates = {"dropout", "recurrent_dropout"} & options.keys()
        return {**options, **{r: 0 for r in rates if isinstance(options[r], str)}}


for argument in ("dropout", "recurrent_dropout"):

    def never_zero(self, options, argument=argument):
        return {**options, argument: options.get(argument, 0) or 0.01}

    def never_one(self, options, argument=argument):
        return {**options, argument: min(options.get(argument, 0), 0.99)}

    for alter, test in ((never_zero, ZERO), (never_one, ONE)):
        cell_fault(
            f"{argument} of a cell is {alter.__name__.replace('_', ' ')}",
            test,
            against=f"SimpleRNNCell: {argument}: Float between 0 and 1.",
        )(
            type(
                f"Cell{camel(argument)}{camel(alter.__name__)}",
                (DirectCell,),
                {"alter_options": alter},
            )
        )


@cell_fault(
    "a cell drops in inference",
    TRAINING,
    against="SimpleRNNCell: training: Python boolean",
)
class CellDropsInInference(DirectCell):
    def alter(self, right, inputs, states, training):
        return right(training=True)


@cell_fault(
    "in training, a cell without dropout has larger outputs",
    "cell_without_dropout_ignores_training",
    against="SimpleRNNCell: training: Only relevant",
)
class CellLargerInTraining(DirectCell):
    def alter(self, right, inputs, states, training):
        output, after = right()
        return (output * (1 + 2.0**-20) if training and not self.dropout else output), after
