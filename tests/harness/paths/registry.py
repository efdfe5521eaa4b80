"""Every path of the suite, by name."""

from itertools import chain

from tests.harness.paths import (
    bidirectional,
    custom_cells,
    direct_cells,
    execution,
    feeds,
    implicit_masks,
    models,
    serialization,
    stacked_cells,
    stateful_models,
    time_distributed,
    transformations,
)
from tests.harness.paths.path import Path

EVERY_PATH = tuple(
    chain(
        execution.EXECUTION_PATHS,
        execution.VERSION_SPECIFIC,
        (execution.UNROLL_FUNCTION, execution.SHARED),
        models.MODEL_PATHS,
        models.TFLITE_PATHS,
        serialization.COPY_PATHS,
        (serialization.LOADED,),
        custom_cells.CUSTOM_CELL_PATHS,
        custom_cells.KERAS_2_CELL_PATHS,
        (direct_cells.NEW_CELL, direct_cells.RNN_OF_NEW_CELL),
        implicit_masks.IMPLICIT_MASK_PATHS,
        bidirectional.BIDIRECTIONAL_PATHS,
        bidirectional.STATEFUL_DIRECTIONS,
        stacked_cells.STACKED_PATHS,
        feeds.FEEDS,
        stateful_models.STATEFUL_MODEL_PATHS,
        time_distributed.TIME_DISTRIBUTED_PATHS,
        transformations.TRANSFORMATION_PATHS,
    )
)

PATHS: dict[str, Path] = {path.name: path for path in EVERY_PATH}
"""The paths that the installed release has, by name."""
