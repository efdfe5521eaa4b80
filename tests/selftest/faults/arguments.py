"""Layers with one wrong argument: another default, or no effect."""

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.cells import (
    DEFAULT_OF,
    DOCUMENTED_BEGINNING,
    FORGOTTEN,
    OTHER_DEFAULTS,
    camel,
)
from tests.selftest.faults.layer import Fault, FaultyRNN, IgnoresArgument, SimpleRNN

ARGUMENT_FAULTS: list[Fault] = []
FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
DEFAULTS = "layer_has_the_documented_defaults"


def argument_fault(what: str, *breaks: str, name: str, base: type, **more):
    """Register a subclass of `base` as a fault.

    name: of the class. more: the arguments against and keras of `fault`, and attributes of the
    class.
    """
    documented = {key: more.pop(key) for key in ("against", "keras") if key in more}
    wrong = type(name, (base,), {"__module__": __name__, **more})
    globals()[name] = wrong
    faults.fault(what, *breaks, among=ARGUMENT_FAULTS, **documented)(wrong)


class LayerWithOtherDefault(SimpleRNN):
    default: dict = {}

    def __init__(self, units, **options):
        super().__init__(units, **{**self.default, **options})


class OtherActivityRegularizer(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        if "activity_regularizer" not in options:
            self.activity_regularizer = tf.keras.regularizers.L2(0.5)


for argument, other in {**OTHER_DEFAULTS, **dict.fromkeys(FLAGS, True)}.items():
    beginning = (
        "Boolean (default" if argument in ("go_backwards", "stateful", "unroll") else "Default"
    )
    argument_fault(
        f"the default is {argument}={other!r}",
        DEFAULTS,
        name=f"Other{camel(argument)}",
        base=LayerWithOtherDefault,
        default={argument: other},
        against=f"SimpleRNN: {argument}: {DEFAULT_OF.get(argument, beginning)}",
    )

faults.fault(
    "the layer has an activity regularizer by default",
    DEFAULTS,
    against="SimpleRNN: activity_regularizer: Default",
    among=ARGUMENT_FAULTS,
)(OtherActivityRegularizer)

INITIALIZERS = (
    "named_initializer_applies_to_its_weight_only",
    "initializer_object_applies_to_its_weight_only",
)
RATES = (
    "each_rate_is_the_dropped_fraction",
    "extreme_rates_are_the_dropped_fraction",
    "a_rate_of_one_drops_everything",
)
FINDS = {
    "activation": ("layer_applies_the_named_activation",),
    "use_bias": ("weights_have_documented_order_and_shapes",),
    "dropout": RATES,
    "recurrent_dropout": RATES,
    "return_sequences": ("return_flags_select_the_results",),
    "return_state": ("return_flags_select_the_results",),
    "unroll": ("unrolled_graph_grows_linearly",),
    "stateful": ("predict_and_fit_carry_the_state_over",),
    **{
        f"{part}_{kind}": tests
        for part in ("kernel", "recurrent", "bias")
        for kind, tests in {
            "initializer": INITIALIZERS,
            "regularizer": ("regularizer_penalizes_its_weight_only",),
            "constraint": ("constraint_holds_for_its_weight_only",),
        }.items()
    },
}
"""The properties that detect that the layer ignores an argument."""
DOCUMENTED_BEGINNING_OF = {
    **FORGOTTEN,
    **dict.fromkeys(FLAGS, "If"),
    "return_sequences": "",
    "return_state": "",
}

for argument, tests in FINDS.items():
    beginning = (
        DOCUMENTED_BEGINNING_OF[argument]
        if argument in DOCUMENTED_BEGINNING_OF
        else DOCUMENTED_BEGINNING[argument.rpartition("_")[2]]
    )
    argument_fault(
        f"the layer ignores {argument}",
        *tests,
        name=f"Forgets{camel(argument)}",
        base=IgnoresArgument,
        forgotten=argument,
        against=f"SimpleRNN: {argument}: {beginning}",
    )

for argument in ("dropout", "recurrent_dropout"):

    def never_zero(self, units, *, argument=argument, **options):
        options[argument] = options.get(argument, 0) or 0.01
        SimpleRNN.__init__(self, units, **options)

    def never_one(self, units, *, argument=argument, **options):
        options[argument] = min(options.get(argument, 0), 0.99)
        SimpleRNN.__init__(self, units, **options)

    for init, test in (
        (never_zero, "a_rate_of_zero_drops_nothing"),
        (never_one, "a_rate_of_one_drops_everything"),
    ):
        argument_fault(
            f"{argument} is {init.__name__.replace('_', ' ')}",
            test,
            name=f"{camel(argument)}{camel(init.__name__)}",
            base=SimpleRNN,
            __init__=init,
            against=f"SimpleRNN: {argument}: Float between 0 and 1.",
        )


def fault(what: str, *breaks: str, against):
    return faults.fault(what, *breaks, against=against, among=ARGUMENT_FAULTS)


@fault(
    "the layer has one unit too many",
    "weights_have_documented_order_and_shapes",
    against="SimpleRNN: units",
)
class OneUnitTooMany(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units + 1, **options)


@fault(
    "`activation=None` means tanh",
    "layer_applies_the_named_activation",
    against="SimpleRNN: activation: If you pass None",
)
class TanhForNone(SimpleRNN):
    def __init__(self, units, activation="tanh", **options):
        super().__init__(units, activation=activation or "tanh", **options)


@fault(
    "training is not passed to the cell",
    "training_drops_under_any_other_options",
    "each_rate_is_the_dropped_fraction",
    against="SimpleRNN: training: This argument is passed",
)
class TrainingNotPassed(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        return super().call(sequences, initial_state=initial_state, mask=mask, training=False)


@fault(
    "the initial state is not passed to the cell",
    "split_run_continues_from_the_returned_state",
    "initial_state_accepts_any_form",
    "outputs_are_exact_on_integers",
    against="SimpleRNN: initial_state",
)
class IgnoresInitialState(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        return right(inputs, initial_state=None)
