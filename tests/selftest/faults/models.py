"""Deliberate faults of whole models: saved, read by other processes, on several devices, converted.

Those of layers reach a process of its own by the name of the layer under test.
"""

from functools import partial

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault, FaultyRNN, SimpleRNN
from tests.selftest.faults.models_and_masks import plant_in_attribute

MODEL_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=MODEL_FAULTS)


@fault(
    "a layer that is loaded has lost its user-defined activation",
    "saved_model_is_exact_in_new_process",
)
class LoadedWithoutActivation(SimpleRNN):
    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "activation": "linear"})


@plant_in_attribute(
    "a layer or a cell of an older file has lost its user-defined activation",
    SimpleRNN,
    "from_config",
    "older_file_is_exact_or_rejected",
    among=MODEL_FAULTS,
)
def read_without_activation(right):
    return classmethod(lambda cls, config: cls(**{**config, "activation": "linear"}))


@fault(
    "a layer on several devices gives half of its outputs",
    "mirrored_training_matches_one_device",
    "mirrored_predictions_match_one_device",
    "replicas_drop_independently",
)
class HalvedInReplicas(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        outputs = right(inputs)
        return outputs / 2 if tf.distribute.get_strategy().num_replicas_in_sync > 1 else outputs


@fault(
    "a layer gives half of its outputs in a trace",
    "quantized_layer_is_within_quantization_steps",
    "converted_stateful_layer_keeps_its_state",
)
class HalvedInTraces(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        outputs = right(inputs)
        return (
            outputs if tf.executing_eagerly() else tf.nest.map_structure(lambda y: y / 2, outputs)
        )


@fault(
    "a layer ends the process where it is traced on one row",
    "quantized_layer_is_within_quantization_steps",
)
class EndsTheProcess(FaultyRNN):
    def alter(self, right, inputs, mask, initial_state):
        if not tf.executing_eagerly() and inputs.shape[0] == 1:
            import os

            os.abort()
        return right(inputs)
