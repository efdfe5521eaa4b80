"""Faults of Bidirectional, Masking and Embedding."""

from functools import partial

from tests.harness.target.releases import tf
from tests.selftest.faults.layer import Fault, SimpleRNN
from tests.selftest.faults.models_and_masks import (
    RNN,
    Bidirectional,
    plant_in_attribute,
    plant_through,
)

WRAPPER_FAULTS: list[Fault] = []
planted = partial(plant_in_attribute, among=WRAPPER_FAULTS)
Masking, Embedding = tf.keras.layers.Masking, tf.keras.layers.Embedding

MERGES = "merge_mode_combines_the_outputs"
ZERO = "bidirectional_masked_outputs_are_zero"
GIVEN = "given_backward_layer_processes_the_input_backwards"
CRITERIA = "bidirectional_accepts_a_layer_meeting_its_criteria"
MATCH = "bidirectional_rejects_a_mismatched_backward_layer"
REFUSES = "bidirectional_rejects_invalid_layers_and_modes"
ANY_RNN = "bidirectional_accepts_any_rnn"
AUTOMATIC = "backward_layer_runs_in_the_other_direction"
MASKED = "implicit_mask_equals_an_explicit_mask"
SKIPS = "index_zero_is_skipped_only_with_mask_zero"
VECTORS = "embedding_turns_each_index_into_its_vector"


def plant_in_bidirectional_constructor(what: str, *breaks: str, **more):
    """Decorate a function of (wrapper, right, layer, options) to plant it in the constructor of
    Bidirectional."""

    def wrap(alter, right):
        def __init__(self, layer, merge_mode="concat", **options):
            options = {"merge_mode": merge_mode, **options}
            alter(self, partial(right, self), layer, options)

        return __init__

    return plant_through(
        wrap, what, Bidirectional, "__init__", *breaks, **more, among=WRAPPER_FAULTS
    )


def plant_in_bidirectional_call(what: str, *breaks: str, **more):
    """Decorate a function of (wrapper, right, sequences, given) to plant it in the call of
    Bidirectional."""

    def wrap(alter, right):
        def call(self, sequences, initial_state=None, mask=None, training=None):
            given = {"initial_state": initial_state, "mask": mask, "training": training}
            return alter(self, partial(right, self), sequences, given)

        return call

    return plant_through(wrap, what, Bidirectional, "call", *breaks, **more, among=WRAPPER_FAULTS)


@plant_in_bidirectional_constructor(
    "Bidirectional rejects every RNN except SimpleRNN",
    ANY_RNN,
    against="Bidirectional: layer: `keras.layers.RNN` instance",
)
def accepts_simple_rnn_only(wrapper, right, layer, options):
    if isinstance(layer, RNN) and not isinstance(layer, SimpleRNN):
        raise ValueError("no SimpleRNN")
    right(layer, **options)


@plant_in_bidirectional_call(
    "Bidirectional passes one step to its layers",
    CRITERIA,
    ANY_RNN,
    against="Bidirectional: layer: Be a sequence-processing layer",
)
def passes_one_step_only(wrapper, right, sequences, given):
    return right(sequences[:, :1], **given)


@plant_in_bidirectional_constructor(
    "a backward layer that is not an RNN runs forwards",
    CRITERIA,
    against="Bidirectional: layer: Have a `go_backwards`",
)
def custom_backward_layer_runs_forwards(wrapper, right, layer, options):
    right(layer, **options)
    if not isinstance(wrapper.backward_layer, RNN):
        wrapper.backward_layer.go_backwards = False


@plant_in_bidirectional_constructor(
    "Bidirectional ignores the input_spec of the layer",
    "bidirectional_enforces_the_input_spec",
    against="Bidirectional: layer: Have an `input_spec`",
)
def ignores_input_spec(wrapper, right, layer, options):
    layer.input_spec = None
    right(layer, **options)


@plant_in_bidirectional_constructor(
    "Bidirectional does not copy a layer that is not an RNN",
    "bidirectional_rebuilds_both_layers_from_config",
    against="Bidirectional: layer: Implement serialization",
)
def reuses_the_given_layer(wrapper, right, layer, options):
    right(layer, **options)
    if not isinstance(layer, RNN):
        wrapper.forward_layer = layer


@plant_in_bidirectional_constructor(
    "masked steps keep the last output",
    ZERO,
    against=(
        "Bidirectional: layer: When the `returns_sequences`",
        "Bidirectional: layer: When `return_sequences`",
    ),
)
def masked_outputs_repeat(wrapper, right, layer, options):
    right(layer, **options)
    for one in (wrapper.forward_layer, wrapper.backward_layer):
        one.zero_output_for_mask = False


for merge_mode, other in {"sum": "ave", "mul": "sum", "ave": "sum", "concat": "sum"}.items():

    def other_mode(wrapper, right, layer, options, merge_mode=merge_mode, other=other):
        chosen = options["merge_mode"]
        right(layer, **{**options, "merge_mode": other if chosen == merge_mode else chosen})

    other_mode.__name__ = f"{merge_mode}_is_{other}"
    plant_in_bidirectional_constructor(
        f"merge_mode {merge_mode} is {other}",
        MERGES,
        against=("Bidirectional: merge_mode: Mode by which", "Bidirectional: merge_mode: One of"),
    )(other_mode)


@plant_in_bidirectional_constructor(
    "with `merge_mode=None`, the outputs are added",
    MERGES,
    against="Bidirectional: merge_mode: If `None`",
)
def merge_mode_none_is_sum(wrapper, right, layer, options):
    right(layer, **{**options, "merge_mode": options["merge_mode"] or "sum"})


@planted(
    "the default merge_mode is sum",
    Bidirectional,
    "__init__",
    "bidirectional_accepts_the_layer_call_arguments",
    against=("Bidirectional: merge_mode: Default value", "Bidirectional: merge_mode: Defaults to"),
)
def merge_mode_defaults_to_sum(right):
    def __init__(self, layer, merge_mode="sum", **options):
        right(self, layer, merge_mode=merge_mode, **options)

    return __init__


@plant_in_bidirectional_constructor(
    "Bidirectional ignores the given backward layer",
    GIVEN,
    against="Bidirectional: backward_layer: Optional",
)
def ignores_given_backward_layer(wrapper, right, layer, options):
    right(layer, **{**options, "backward_layer": None})


@plant_in_bidirectional_constructor(
    "the automatic backward layer runs forwards",
    AUTOMATIC,
    against="Bidirectional: backward_layer: If `backward_layer` is not provided",
)
def generates_a_forward_layer(wrapper, right, layer, options):
    right(layer, **options)
    if options.get("backward_layer") is None:
        wrapper.backward_layer.go_backwards = wrapper.forward_layer.go_backwards


@planted(
    "Bidirectional checks only the direction of the backward layer",
    Bidirectional,
    "_verify_layer_config",
    MATCH,
    against="Bidirectional: backward_layer: Note that the provided",
)
def checks_directions_only(right):
    def verify(self):
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            right(self)

    return verify


@planted(
    "Bidirectional accepts a backward layer of the same direction",
    Bidirectional,
    "_verify_layer_config",
    MATCH,
    against="Bidirectional: backward_layer: In addition",
)
def does_not_check_directions(right):
    def verify(self):
        if self.forward_layer.go_backwards != self.backward_layer.go_backwards:
            right(self)

    return verify


@plant_in_bidirectional_call(
    "only the forward layer gets the mask",
    "bidirectional_passes_the_mask_to_both_layers",
    against="Bidirectional: The call arguments",
)
def masks_forward_layer_only(wrapper, right, sequences, given):
    call = wrapper.backward_layer.call

    def unmasked(*arguments, mask=None, **more):
        return call(*arguments, **more)

    wrapper.backward_layer.call = unmasked
    try:
        return right(sequences, **given)
    finally:
        wrapper.backward_layer.call = call


@plant_in_bidirectional_constructor(
    "Bidirectional accepts a number of units as its layer",
    REFUSES,
    against="Bidirectional: ValueError: If `layer` or `backward_layer` is not",
)
def accepts_number_as_layer(wrapper, right, layer, options):
    right(SimpleRNN(layer) if isinstance(layer, int) else layer, **options)


@plant_in_bidirectional_constructor(
    "Bidirectional ignores a backward layer that is a number",
    REFUSES,
    against="Bidirectional: ValueError: If `layer` or `backward_layer` is not",
)
def accepts_number_as_backward_layer(wrapper, right, layer, options):
    number = isinstance(options.get("backward_layer"), int)
    right(layer, **({**options, "backward_layer": None} if number else options))


@planted(
    "Masking ignores its mask value",
    Masking,
    "__init__",
    MASKED,
    "any_mask_value_masks_its_steps",
    against="Masking: Masks a sequence by using a mask value",
)
def ignores_mask_value(right):
    def __init__(self, mask_value=0.0, **options):
        right(self, 0.0, **options)

    return __init__


@planted(
    "Masking inverts its mask",
    Masking,
    "compute_mask",
    "masking_returns_false_for_masked_steps",
    against="Masking: Note: in the Keras masking convention",
)
def inverted_mask(right):
    return lambda self, *args, **more: ~right(self, *args, **more)


@planted(
    "Embedding maps the last index to the vector of the first",
    Embedding,
    "call",
    VECTORS,
    SKIPS,
    against=("Embedding: Turns",),
)
def last_index_gets_first_vector(right):
    def call(self, inputs, *args, **more):
        last = inputs == self.input_dim - 1
        return right(self, tf.where(last, tf.zeros_like(inputs), inputs), *args, **more)

    return call


@planted(
    "the vectors of Embedding have one element too many",
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
def masks_index_one(right):
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
def masks_zero_without_mask_zero(right):
    def __init__(self, *sizes, mask_zero=False, **options):
        right(self, *sizes, mask_zero=True, **options)

    return __init__
