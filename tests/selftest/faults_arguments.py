"""Layers that contradict one sentence about one argument of SimpleRNN: a default, or its effect."""

from tests.harness.releases import tf
from tests.selftest import faults
from tests.selftest.faults import Fault, SimpleRNN, Without, Wrong
from tests.selftest.faults_cells import DEFAULT_OF, FORGOTTEN, OTHER_DEFAULTS, SAYS, camel

ARGUMENT_FAULTS: list[Fault] = []
FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
DEFAULTS = "documented_defaults_are_the_defaults"


def argument_fault(what: str, *breaks: str, name: str, base: type, **more):
    """Register a subclass of that name, with the attributes in `more` beside those of `fault`."""
    documented = {key: more.pop(key) for key in ("against", "keras") if key in more}
    wrong = type(name, (base,), {"__module__": __name__, **more})
    globals()[name] = wrong
    faults.fault(what, *breaks, among=ARGUMENT_FAULTS, **documented)(wrong)


class OtherDefault(SimpleRNN):
    default: dict = {}

    def __init__(self, units, **options):
        super().__init__(units, **{**self.default, **options})


class OtherActivityRegularizer(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units, **options)
        if "activity_regularizer" not in options:
            self.activity_regularizer = tf.keras.regularizers.L2(0.5)


for argument, other in {**OTHER_DEFAULTS, **dict.fromkeys(FLAGS, True)}.items():
    says = "Boolean (default" if argument in ("go_backwards", "stateful", "unroll") else "Default"
    argument_fault(
        f"the default is {argument}={other!r}",
        DEFAULTS,
        name=f"Other{camel(argument)}",
        base=OtherDefault,
        default={argument: other},
        against=f"SimpleRNN: {argument}: {DEFAULT_OF.get(argument, says)}",
    )

faults.fault(
    "there is an activity regularizer by default",
    DEFAULTS,
    against="SimpleRNN: activity_regularizer: Default",
    among=ARGUMENT_FAULTS,
)(OtherActivityRegularizer)

INITIALIZERS = (
    "each_named_initializer_reaches_its_slot_and_no_other",
    "each_initializer_object_reaches_its_slot_and_no_other",
)
RATES = (
    "each_rate_is_the_fraction_that_is_dropped",
    "a_rate_near_zero_or_one_is_the_fraction_that_is_dropped",
    "a_rate_of_one_drops_everything",
)
FINDS = {
    "activation": ("each_documented_activation_is_the_one_that_is_named",),
    "use_bias": ("weights_are_kernel_recurrent_kernel_and_bias_in_that_order",),
    "dropout": RATES,
    "recurrent_dropout": RATES,
    "return_sequences": ("each_combination_returns_its_part_of_the_whole",),
    "return_state": ("each_combination_returns_its_part_of_the_whole",),
    "unroll": ("each_step_adds_as_many_operations_where_the_layer_is_unrolled",),
    "stateful": ("predict_and_fit_carry_the_state_from_batch_to_batch",),
    **{
        f"{part}_{kind}": tests
        for part in ("kernel", "recurrent", "bias")
        for kind, tests in {
            "initializer": INITIALIZERS,
            "regularizer": ("a_regularizer_gives_the_loss_of_its_own_weights",),
            "constraint": ("after_a_training_step_a_constraint_holds_for_its_own_weights",),
        }.items()
    },
}
"""The properties that find that the layer forgets an argument."""
SAID = {**FORGOTTEN, **dict.fromkeys(FLAGS, "If"), "return_sequences": "", "return_state": ""}

for argument, tests in FINDS.items():
    says = SAID[argument] if argument in SAID else SAYS[argument.rpartition("_")[2]]
    argument_fault(
        f"{argument} is forgotten",
        *tests,
        name=f"Forgets{camel(argument)}",
        base=Without,
        forgotten=argument,
        against=f"SimpleRNN: {argument}: {says}",
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
    "there is one unit more",
    "weights_are_kernel_recurrent_kernel_and_bias_in_that_order",
    against="SimpleRNN: units",
)
class OneUnitMore(SimpleRNN):
    def __init__(self, units, **options):
        super().__init__(units + 1, **options)


@fault(
    "no activation is tanh",
    "each_documented_activation_is_the_one_that_is_named",
    against="SimpleRNN: activation: If you pass None",
)
class TanhForNone(SimpleRNN):
    def __init__(self, units, activation="tanh", **options):
        super().__init__(units, activation=activation or "tanh", **options)


@fault(
    "training is not passed to the cell",
    "training_drops_whatever_the_other_options_are",
    "each_rate_is_the_fraction_that_is_dropped",
    against="SimpleRNN: training: This argument is passed",
)
class TrainingNotPassed(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        return super().call(sequences, initial_state=initial_state, mask=mask, training=False)


@fault(
    "the initial state is not passed to the cell",
    "a_run_split_anywhere_continues_from_the_state_handed_over",
    "an_initial_state_may_have_any_form",
    "integers_give_the_recurrence_exactly",
    against="SimpleRNN: initial_state",
)
class WithoutInitialState(Wrong):
    def bend(self, right, inputs, mask, initial_state):
        return right(inputs, initial_state=None)
