"""Faults of Bidirectional, and of Masking and Embedding in front of the layer."""

from functools import partial

from tests.harness.releases import tf
from tests.selftest import faults_around
from tests.selftest.faults import Fault, SimpleRNN
from tests.selftest.faults_around import RNN, Bidirectional

WRAPPER_FAULTS: list[Fault] = []
planted = partial(faults_around.planted, among=WRAPPER_FAULTS)
Masking, Embedding = tf.keras.layers.Masking, tf.keras.layers.Embedding

MERGES = "outputs_are_combined_as_merge_mode_says"
ZERO = "output_of_a_masked_step_is_zero_in_both_directions"
GIVEN = "given_backward_layer_processes_the_input_backwards"
CRITERIA = "bidirectional_takes_a_layer_that_meets_its_criteria"
MATCH = "bidirectional_refuses_a_backward_layer_that_does_not_match"
REFUSES = "bidirectional_refuses_what_is_no_layer_and_no_merge_mode"
ANY_RNN = "bidirectional_takes_any_rnn"
AUTOMATIC = "backward_layer_runs_in_the_other_direction"
MASKED = "a_mask_of_a_layer_before_masks_as_one_that_is_given"
SKIPS = "layer_skips_the_index_zero_only_with_mask_zero"
VECTORS = "embedding_turns_each_index_into_its_vector"


def in_init(what: str, *breaks: str, **more):
    """Plant a function of (wrapper, right, layer, options) in the constructor of Bidirectional."""

    def register(bend):
        def wrong(right):
            def __init__(self, layer, merge_mode="concat", **options):
                options = {"merge_mode": merge_mode, **options}
                bend(self, partial(right, self), layer, options)

            return __init__

        wrong.__name__ = bend.__name__
        planted(what, Bidirectional, "__init__", *breaks, **more)(wrong)
        return bend

    return register


def in_call(what: str, *breaks: str, **more):
    """Plant a function of (wrapper, right, sequences, given) in the call of Bidirectional."""

    def register(bend):
        def wrong(right):
            def call(self, sequences, initial_state=None, mask=None, training=None):
                given = {"initial_state": initial_state, "mask": mask, "training": training}
                return bend(self, partial(right, self), sequences, given)

            return call

        wrong.__name__ = bend.__name__
        planted(what, Bidirectional, "call", *breaks, **more)(wrong)
        return bend

    return register


@in_init(
    "Bidirectional takes SimpleRNN alone of all RNNs",
    ANY_RNN,
    against="Bidirectional: layer: `keras.layers.RNN` instance",
)
def takes_simple_rnn_alone(wrapper, right, layer, options):
    if isinstance(layer, RNN) and not isinstance(layer, SimpleRNN):
        raise ValueError("no SimpleRNN")
    right(layer, **options)


@in_call(
    "Bidirectional gives its layers one step",
    CRITERIA,
    ANY_RNN,
    against="Bidirectional: layer: Be a sequence-processing layer",
)
def gives_one_step(wrapper, right, sequences, given):
    return right(sequences[:, :1], **given)


@in_init(
    "the backward layer that is no RNN goes forwards",
    CRITERIA,
    against="Bidirectional: layer: Have a `go_backwards`",
)
def other_layers_go_forwards(wrapper, right, layer, options):
    right(layer, **options)
    if not isinstance(wrapper.backward_layer, RNN):
        wrapper.backward_layer.go_backwards = False


@in_init(
    "Bidirectional ignores the input_spec of the layer",
    "bidirectional_has_the_input_spec_of_the_layer",
    against="Bidirectional: layer: Have an `input_spec`",
)
def ignores_input_spec(wrapper, right, layer, options):
    layer.input_spec = None
    right(layer, **options)


@in_init(
    "Bidirectional uses a layer that is no RNN itself",
    "bidirectional_makes_both_layers_from_the_configuration",
    against="Bidirectional: layer: Implement serialization",
)
def uses_the_layer_itself(wrapper, right, layer, options):
    right(layer, **options)
    if not isinstance(layer, RNN):
        wrapper.forward_layer = layer


@in_init(
    "masked steps keep the last output",
    ZERO,
    against=(
        "Bidirectional: layer: When the `returns_sequences`",
        "Bidirectional: layer: When `return_sequences`",
    ),
)
def keeps_masked_outputs(wrapper, right, layer, options):
    right(layer, **options)
    for one in (wrapper.forward_layer, wrapper.backward_layer):
        one.zero_output_for_mask = False


for merge_mode, other in {"sum": "ave", "mul": "sum", "ave": "sum", "concat": "sum"}.items():

    def other_mode(wrapper, right, layer, options, merge_mode=merge_mode, other=other):
        chosen = options["merge_mode"]
        right(layer, **{**options, "merge_mode": other if chosen == merge_mode else chosen})

    other_mode.__name__ = f"{merge_mode}_is_{other}"
    in_init(
        f"merge_mode {merge_mode} is {other}",
        MERGES,
        against=("Bidirectional: merge_mode: Mode by which", "Bidirectional: merge_mode: One of"),
    )(other_mode)


@in_init(
    "without a merge_mode the outputs are added",
    MERGES,
    against="Bidirectional: merge_mode: If `None`",
)
def none_is_sum(wrapper, right, layer, options):
    right(layer, **{**options, "merge_mode": options["merge_mode"] or "sum"})


@planted(
    "the default merge_mode is sum",
    Bidirectional,
    "__init__",
    "bidirectional_takes_what_the_layer_takes",
    against=("Bidirectional: merge_mode: Default value", "Bidirectional: merge_mode: Defaults to"),
)
def sum_by_default(right):
    def __init__(self, layer, merge_mode="sum", **options):
        right(self, layer, merge_mode=merge_mode, **options)

    return __init__


@in_init(
    "the backward layer that is given is forgotten",
    GIVEN,
    against="Bidirectional: backward_layer: Optional",
)
def forgets_the_given_layer(wrapper, right, layer, options):
    right(layer, **{**options, "backward_layer": None})


@in_init(
    "the backward layer that is generated goes forwards",
    AUTOMATIC,
    against="Bidirectional: backward_layer: If `backward_layer` is not provided",
)
def generates_a_forward_layer(wrapper, right, layer, options):
    right(layer, **options)
    if options.get("backward_layer") is None:
        wrapper.backward_layer.go_backwards = wrapper.forward_layer.go_backwards


@planted(
    "a backward layer need only go the other way",
    Bidirectional,
    "_verify_layer_config",
    MATCH,
    against="Bidirectional: backward_layer: Note that the provided",
)
def verifies_directions_alone(right):
    def verify(self):
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            right(self)

    return verify


@planted(
    "a backward layer may go the same way",
    Bidirectional,
    "_verify_layer_config",
    MATCH,
    against="Bidirectional: backward_layer: In addition",
)
def verifies_no_directions(right):
    def verify(self):
        if self.forward_layer.go_backwards != self.backward_layer.go_backwards:
            right(self)

    return verify


@in_call(
    "the mask is given to the forward layer alone",
    "bidirectional_passes_the_mask_to_both_layers",
    against="Bidirectional: The call arguments",
)
def masks_the_forward_layer_alone(wrapper, right, sequences, given):
    call = wrapper.backward_layer.call

    def unmasked(*arguments, mask=None, **more):
        return call(*arguments, **more)

    wrapper.backward_layer.call = unmasked
    try:
        return right(sequences, **given)
    finally:
        wrapper.backward_layer.call = call


@in_init(
    "Bidirectional of a number is Bidirectional of a layer of as many units",
    REFUSES,
    against="Bidirectional: ValueError: If `layer` or `backward_layer` is not",
)
def takes_numbers(wrapper, right, layer, options):
    right(SimpleRNN(layer) if isinstance(layer, int) else layer, **options)


@in_init(
    "a backward layer that is a number is forgotten",
    REFUSES,
    against="Bidirectional: ValueError: If `layer` or `backward_layer` is not",
)
def takes_numbers_for_backward_layers(wrapper, right, layer, options):
    number = isinstance(options.get("backward_layer"), int)
    right(layer, **({**options, "backward_layer": None} if number else options))


@planted(
    "Masking takes 0 for its mask value, whatever it is given",
    Masking,
    "__init__",
    MASKED,
    "a_step_of_any_mask_value_is_masked",
    against="Masking: Masks a sequence by using a mask value",
)
def masks_zeros(right):
    def __init__(self, mask_value=0.0, **options):
        right(self, 0.0, **options)

    return __init__


@planted(
    "Masking takes a mask of False for steps that are used",
    Masking,
    "compute_mask",
    "masking_marks_a_masked_step_by_false",
    against="Masking: Note: in the Keras masking convention",
)
def inverted_mask(right):
    return lambda self, *args, **more: ~right(self, *args, **more)


@planted(
    "Embedding gives the last index the vector of the first",
    Embedding,
    "call",
    VECTORS,
    SKIPS,
    against=("Embedding: Turns",),
)
def wrong_vector(right):
    def call(self, inputs, *args, **more):
        last = inputs == self.input_dim - 1
        return right(self, tf.where(last, tf.zeros_like(inputs), inputs), *args, **more)

    return call


@planted(
    "Embedding gives vectors of one number more",
    Embedding,
    "call",
    VECTORS,
    SKIPS,
    against="Embedding: 3D tensor with shape",
)
def longer_vectors(right):
    def call(self, inputs, *args, **more):
        outputs = right(self, inputs, *args, **more)
        return tf.concat([outputs, outputs[..., :1]], axis=-1)

    return call


@planted(
    "Embedding masks the index 1",
    Embedding,
    "compute_mask",
    SKIPS,
    MASKED,
    against=("Embedding: mask_zero: Boolean", "Embedding: mask_zero: If `mask_zero` is set"),
)
def masks_one(right):
    def compute_mask(self, inputs, *args, **more):
        mask = right(self, inputs, *args, **more)
        return mask if mask is None else inputs != 1

    return compute_mask


@planted(
    "Embedding masks the index 0 without mask_zero",
    Embedding,
    "__init__",
    SKIPS,
    against="Embedding: mask_zero: Boolean",
)
def masks_always(right):
    def __init__(self, *sizes, mask_zero=False, **options):
        right(self, *sizes, mask_zero=True, **options)

    return __init__
