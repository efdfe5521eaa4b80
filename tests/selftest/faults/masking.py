"""Faults of masks in models, losses and metrics, and of the configuration of the layer."""

from functools import partial

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, SimpleRNN
from tests.selftest.faults.models_and_masks import RNN, plant_in_attribute

MASKING_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=MASKING_FAULTS)
plant = partial(plant_in_attribute, among=MASKING_FAULTS)

SKIPPED = "Masking: For each timestep"
MASKS_A_SEQUENCE = "Masking: Masks a sequence"
BETWEEN = "layers_between_propagate_the_mask"
LOSSES = ("loss_is_the_mean_of_unmasked_steps", "masked_targets_and_padding_have_no_effect")


@plant("Add loses the mask", tf.keras.layers.Add, "compute_mask", BETWEEN, against=SKIPPED)
def add_loses_the_mask(right):
    return lambda self, inputs, mask=None: None


@plant(
    "Concatenate keeps the mask of its first input alone",
    tf.keras.layers.Concatenate,
    "compute_mask",
    BETWEEN,
)
def concatenate_keeps_the_first_mask(right):
    def compute_mask(self, inputs, mask=None):
        return right(self, inputs, [mask[0], tf.ones_like(mask[1])])

    return compute_mask


@plant(
    "the mask behind LayerNormalization is shifted by one step",
    tf.keras.layers.LayerNormalization,
    "compute_mask",
    BETWEEN,
)
def normalization_shifts_the_mask(right):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else tf.roll(mask, 1, axis=1)

    return compute_mask


def without_mask(y_pred):
    """Return the predictions as a tensor without a mask."""
    return tf.identity(y_pred)


@plant(
    "masked steps count in the loss",
    tf.keras.Model,
    "compute_loss",
    *LOSSES,
    against=MASKS_A_SEQUENCE,
)
def loss_of_all_steps(right):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return right(self, x, y, without_mask(y_pred), sample_weight)

    return compute_loss


@plant(
    "masked steps have no loss, but are counted where it is averaged",
    tf.keras.Model,
    "compute_loss",
    *LOSSES,
)
def loss_divided_by_all_steps(right):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        value = right(self, x, y, y_pred, sample_weight)
        return value * tf.reduce_mean(tf.cast(mask, value.dtype))

    return compute_loss


@plant(
    "masked steps count in metrics",
    tf.keras.Model,
    "compute_metrics",
    "metric_is_computed_from_unmasked_steps",
)
def metric_of_all_steps(right):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return right(self, x, y, without_mask(y_pred), sample_weight)

    return compute_metrics


@plant(
    "the losses of the rows are added",
    tf.keras.Model,
    "compute_loss",
    "loss_of_one_value_a_row_is_averaged",
)
def loss_summed_over_rows(right):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        value = right(self, x, y, without_mask(y_pred), sample_weight)
        return value * tf.cast(2 * tf.shape(y)[0], value.dtype)

    return compute_loss


@plant(
    "an RNN says that it starts from ones",
    RNN,
    "get_initial_state",
    "initial_state_of_the_layer_is_its_start",
)
def says_that_it_starts_from_ones(right):
    def get_initial_state(self, *arguments, **more):
        return tf.nest.map_structure(tf.ones_like, right(self, *arguments, **more))

    return get_initial_state


@fault(
    "an initializer, regularizer or constraint in a dictionary is forgotten",
    "each_form_of_an_object_is_the_same",
)
class ForgetsDictionaries(SimpleRNN):
    def __init__(self, units, **options):
        given = {name: v for name, v in options.items() if not isinstance(v, dict)}
        super().__init__(units, **given)


@fault(
    "a constraint that a user defines is forgotten",
    "registered_objects_of_a_user_take_effect",
)
class ForgetsOwnConstraints(SimpleRNN):
    def __init__(self, units, kernel_constraint=None, **options):
        known = not type(kernel_constraint).__module__.startswith("tests.")
        super().__init__(units, kernel_constraint=kernel_constraint if known else None, **options)
