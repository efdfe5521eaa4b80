"""`fit` and `evaluate` of a model with the layer under test, compared with the NumPy trainer.

The model is [Masking,] SimpleRNN, Dense for inputs of any batch and time, in float32. Each kind of
model is compiled once and reset for each case, because traces dominate the cost of training.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from reference import training as reference
from reference.formats import FORMATS
from reference.training import Batch, Trainer, adam, exponential_decay, sgd, spread
from tests.harness import session
from tests.harness.cases.case import Case, noise, replace
from tests.harness.compare.assertions import Mismatch, assert_near, assert_same
from tests.harness.paths import feeds
from tests.harness.paths.feeds import MASK_VALUE, Feed
from tests.harness.probes.training import (
    WEIGHT_NAMES,
    train_with_tape,
    weights_of,
    with_dropout_masks,
)
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

OUTPUTS = 2
SPARSE, ONE_HOT = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"

# Betas and rates that float32 holds. A rate that halves at each step tells the steps apart.
SGD, ADAM = tf.keras.optimizers.SGD, tf.keras.optimizers.Adam
SCALED = tf.keras.mixed_precision.LossScaleOptimizer
DECAY = tf.keras.optimizers.schedules.ExponentialDecay
OPTIMIZERS: dict[str, tuple[Callable, Callable]] = {
    "sgd": (partial(sgd, 2**-4), partial(SGD, 2**-4)),
    "momentum": (partial(sgd, 2**-5, 0.5), partial(SGD, 2**-5, momentum=0.5)),
    "adam": (partial(adam, 2**-5, 0.875, 0.96875), partial(ADAM, 2**-5, 0.875, 0.96875)),
    "schedule": (
        lambda: adam(exponential_decay(2**-5, 1, 0.5), 0.875, 0.96875),
        lambda: ADAM(DECAY(2**-5, 1, 0.5), 0.875, 0.96875),
    ),
    "scaled": (
        partial(sgd, 2**-5, 0.5),
        lambda: SCALED(SGD(2**-5, momentum=0.5), initial_scale=2.0**8),
    ),
}


@dataclass(frozen=True)
class Setup:
    """The options of a compiled model.

    optimizer: a key of OPTIMIZERS. masked: whether the model begins with Masking. sequences:
    whether Dense is applied to each output. steps: `steps_per_execution`. eager: whether the model
    runs without a trace. compiled: `jit_compile`. weighted: whether a metric has weights. loss: the
    name of its class; a loss of labels takes logits, and the model then has no metrics.
    """

    optimizer: str = "momentum"
    masked: bool = False
    sequences: bool = False
    steps: int = 1
    eager: bool = False
    compiled: bool = False
    weighted: bool = False
    loss: str = "MeanSquaredError"


class Fitted:
    """A compiled model, and the initial values of its variables."""

    def __init__(self, features: int, units: int, setup: Setup):
        made = layer.under_test().make(units, return_sequences=setup.sequences)
        masking = [tf.keras.layers.Masking(MASK_VALUE)] if setup.masked else []
        inputs = tf.keras.Input((None, features))
        self.model = tf.keras.Sequential([inputs, *masking, made, tf.keras.layers.Dense(OUTPUTS)])
        errors = {
            name: [tf.keras.metrics.MeanAbsoluteError(name=label)]
            for name, label in (("metrics", "mae"), ("weighted_metrics", "weighted_mae"))
        }
        if not setup.weighted:
            del errors["weighted_metrics"]
        of_labels = setup.loss in (SPARSE, ONE_HOT)
        loss = getattr(tf.keras.losses, setup.loss)(**{"from_logits": True} if of_labels else {})
        optimizer = OPTIMIZERS[setup.optimizer][1]()
        how = {"steps_per_execution": setup.steps, "run_eagerly": setup.eager}
        how |= {"jit_compile": True} if setup.compiled else {}
        self.model.compile(optimizer, loss, **({} if of_labels else errors), **how)
        optimizer.build(self.model.trainable_variables)
        self.start = [np.asarray(variable) + 0 for variable in optimizer.variables]

    @property
    def iterations(self) -> int:
        """The number of steps that the optimizer has counted."""
        return int(np.asarray(self.model.optimizer.iterations))

    def restart(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set the weights of the model, and reset the optimizer."""
        self.model.set_weights([weights[name] for name in WEIGHT_NAMES])
        for variable, value in zip(self.model.optimizer.variables, self.start, strict=True):
            variable.assign(value)


fitted = session.kept(maxsize=64)(Fitted)


@dataclass(frozen=True)
class Problem:
    """Rows of training data in batches: the inputs and the mask of a case, with targets.

    A model without Masking gets no mask. sample_weights: (rows,) or (rows, time), or None.
    batch_size, epochs: by default they depend on the sizes of the case: from one row to more than
    all rows, and one or two epochs. The simplest case, which every run draws, has two epochs and a
    short last batch.
    """

    case: Case
    setup: Setup
    sample_weights: np.ndarray | None = None
    batch_size: int = 0
    epochs: int = 0

    def __post_init__(self):
        case = self.case
        size = self.batch_size or (2, 1, 3, 8)[(case.batch + case.time) % 4]
        object.__setattr__(self, "batch_size", size)
        object.__setattr__(self, "epochs", self.epochs or 1 + case.time % 2)
        if not self.setup.masked:
            object.__setattr__(self, "case", replace(self.case, mask=None))

    @property
    def rows(self) -> tuple:
        """The arrays x, y and, if given, sample weights, in float32."""
        time = (self.case.time,) if self.setup.sequences else ()
        y = uniform(50, self.case.batch, *time, OUTPUTS)
        given = (feeds.masked_inputs(self.case), y, self.sample_weights)
        return tuple(a.astype(np.float32) for a in given if a is not None)

    @property
    def batches(self) -> list[Batch]:
        """The batches of an epoch, for the reference."""
        return self.batches_of(range(self.case.batch))

    def batches_of(self, rows: range) -> list[Batch]:
        """Return the batches of some consecutive rows, for the reference."""
        x, y, *weights = (a.astype(np.float64) for a in self.rows)
        arrays = (x, y, None, self.case.mask, *(weights or [None]))

        def part(first: int) -> list[Any]:
            chosen = rows[first : first + self.batch_size]
            return [None if a is None else a[chosen.start : chosen.stop] for a in arrays]

        return [Batch(*part(i)) for i in range(0, len(rows), self.batch_size)]

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """The initial weights of the training."""
        made = (*self.case.weights, uniform(3, self.case.units, OUTPUTS), uniform(4, OUTPUTS))
        return dict(zip(WEIGHT_NAMES, made, strict=True))

    @property
    def steps(self) -> int:
        """The number of steps of the whole training."""
        return self.epochs * len(self.batches)

    def trainer(self, disturb: Callable = lambda gradient: gradient) -> Trainer:
        """Return a new reference trainer."""
        optimizer = OPTIMIZERS[self.setup.optimizer][0]()
        sequences = self.setup.sequences
        return Trainer(dict(self.weights), optimizer, sequences=sequences, disturb=disturb)

    def fitted(self) -> Fitted:
        """Return the compiled model with its initial weights."""
        case = self.case
        with layer_call():
            made = fitted(case.features, case.units, self.setup)
            made.restart(self.weights)
        return made


def uniform(seed: int, *shape: int) -> np.ndarray:
    """Return float32 numbers in [-1, 1)."""
    return (2 * noise(seed, shape) - 1).astype(np.float32).astype(np.float64)


def fit(
    problem: Problem, feed: Feed, validate: bool = False, **options: object
) -> tuple[Fitted, dict]:
    """Train a model with `fit`, and return it with its results by name.

    options: more arguments of `fit`. The results are the losses and metrics of each epoch, and the
    final weights.
    """
    made, rows, size = problem.fitted(), problem.rows, problem.batch_size
    calls, epochs = (problem.epochs, 1) if feed.iterates_once else (1, problem.epochs)
    histories = []
    with layer_call():
        for _ in range(calls):
            given = feed.arguments(rows, size, "steps_per_epoch")
            given |= feed.validation(rows, size) if validate else {}
            given |= {"epochs": epochs, "shuffle": False, "verbose": 0, **options}
            done = made.model.fit(**given)
            histories.append(done.history)
    got = {name: np.concatenate([h[name] for h in histories]) for name in histories[0]}
    return made, got | weights_of(made.model)


def assert_fit_matches_reference(
    problem: Problem, feed: Feed, validate: bool = False, **options: object
) -> None:
    """Raise Mismatch unless `fit` gives the losses, metrics and weights of the reference.

    options: more arguments of `fit`.
    """
    _, got = fit(problem, feed, validate, **options)
    assert_matches_reference(got, problem, feed, problem.batches if validate else ())


def assert_matches_reference(
    got: dict, problem: Problem, feed: Feed, validation: Sequence[Batch] = (), every: int = 1
) -> None:
    """Raise Mismatch unless the results of `fit` are those of the reference, within rounding.

    validation: the batches of the validation data. every: the number of epochs from one validation
    to the next.
    """

    def run(disturb):
        trainer = problem.trainer(disturb)
        found = reference.fit(trainer, problem.batches, problem.epochs, validation)
        return {
            name: values[every - 1 :: every] if name.startswith("val_") else values
            for name, values in found.items()
        }

    assert_all_within(got, run, problem, feed)


def assert_first_step_validates(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless `validation_steps=1` evaluates the first batch after each epoch."""
    _, got = fit(problem, feed, validate=True, validation_steps=1)
    assert_matches_reference(got, problem, feed, problem.batches[:1])


def assert_epochs_continue_in_the_data(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless each epoch of one step takes the batch that follows in the data."""
    count = len(problem.batches)
    _, got = fit(problem, feed, steps_per_epoch=1, epochs=count)

    def run(disturb):
        trainer = problem.trainer(disturb)
        epochs = [reference.fit(trainer, [batch], 1) for batch in problem.batches]
        losses = {name: np.concatenate([e[name] for e in epochs]) for name in ("loss", "mae")}
        return trainer.weights | losses

    assert_all_within(got, run, problem, feed)


def assert_second_epochs_validate(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless `validation_freq=2` evaluates after each second epoch."""
    _, got = fit(problem, feed, validate=True, validation_freq=2)
    assert_matches_reference(got, problem, feed, problem.batches, every=2)


def assert_last_rows_validate(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless `validation_split=0.5` trains on the first half of the rows and
    evaluates the others."""
    rows = range(problem.case.batch)
    half = len(rows) // 2
    _, got = fit(problem, feed, validation_split=0.5)

    def run(disturb):
        parts = [problem.batches_of(part) for part in (rows[:half], rows[half:])]
        return reference.fit(problem.trainer(disturb), parts[0], problem.epochs, parts[1])

    assert_all_within(got, run, problem, feed)


def assert_evaluate_matches_reference(problem: Problem, feed: Feed, **options: object) -> None:
    """Raise Mismatch unless `evaluate` gives the loss and the metrics of the reference.

    options: more arguments of `evaluate`.
    """
    made = problem.fitted()
    with layer_call():
        given = feed.arguments(problem.rows, problem.batch_size, "steps") | options
        got = made.model.evaluate(**given, return_dict=True, verbose=0) or {}

    def run(disturb):
        return reference.means(map(problem.trainer().totals, problem.batches))

    assert_all_within(got, run, problem, feed)


def assert_predict_matches_reference(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless `predict` gives the predictions of the reference for all rows, in their
    order, or `steps_per_execution` is rejected."""
    made, got = problem.fitted(), None
    with accept_refusal("steps_per_execution"), layer_call():
        given = feed.arguments(problem.rows, problem.batch_size, "steps")
        inputs = {name: given[name] for name in given.keys() - {"y", "sample_weight"}}
        got = made.model.predict(**inputs, verbose=0)
    if got is None:
        return

    def run(disturb):
        trainer = problem.trainer(disturb)
        parts = [trainer.predict(batch.x, None, batch.used)[0] for batch in problem.batches]
        return {"predictions": np.concatenate(parts)}

    assert_all_within({"predictions": got}, run, problem, feed)


def assert_all_within(got: Mapping, run: Callable, problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless the results are those of the reference `run`, within rounding."""
    expected, tolerances = run(lambda gradient: gradient), spread(run, FORMATS["float32"].u)
    skipped = set() if problem.setup.weighted else {"weighted_mae", "val_weighted_mae"}
    if problem.setup.sequences and feed is feeds.PADDED_DATASET:
        # No sentence says what a metric means over batches of unlike lengths.
        skipped |= {name for name in expected if name.endswith("mae")}
    for name in (name for name in expected if name not in skipped):
        if name not in got:
            raise Mismatch(f"{name} is missing")
        wanted = np.asarray(expected[name])
        tolerance = np.broadcast_to(tolerances[name], wanted.shape)
        assert_near(name, np.asarray(got[name]), wanted, tolerance, "float32")


def assert_steps_per_execution(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch as `assert_counts_each_batch`, unless `steps_per_execution` is rejected."""
    with accept_refusal("steps_per_execution"):
        assert_counts_each_batch(problem, feed)


@contextlib.contextmanager
def accept_refusal(argument: str):
    """Accept a ValueError within the block if its message names the argument."""
    try:
        yield
    except Mismatch as mismatch:
        if not isinstance(mismatch.__cause__, ValueError) or argument not in str(mismatch):
            raise


def assert_counts_each_batch(problem: Problem, feed: Feed) -> None:
    """Raise Mismatch unless the optimizer counts each batch and `fit` matches the reference."""
    made, got = fit(problem, feed)
    if made.iterations != problem.steps:
        raise Mismatch(f"optimizer.iterations: expected {problem.steps}, got {made.iterations}")
    assert_matches_reference(got, problem, feed)


def square_case(case: Case) -> Case:
    """Return the case with as many rows as steps, for which confusing the two raises no error."""
    size = min(case.batch, case.time)
    mask = None if case.mask is None else case.mask[:size, :size]
    return replace(case, inputs=case.inputs[:size, :size], mask=mask)


def no_row_masked(case: Case) -> Case:
    """Return the case with the first step of each row unmasked."""
    return case if case.mask is None else replace(case, mask=case.mask | (np.arange(case.time) < 1))


def last_row_masked(case: Case) -> Case:
    """Return the case with a mask of all steps of its last row, and of no other step."""
    mask = np.ones((case.batch, case.time), bool)
    mask[-1:] = False
    return replace(case, mask=mask)


def often_square(case: Case) -> Case:
    """Return the case, as a square case for more than 3 steps, without a fully masked row."""
    return no_row_masked(square_case(case) if case.time > 3 else case)


def sample_weights(*shape: int) -> np.ndarray:
    """Return weights of rows (rows,) or steps (rows, time): eighths from 0 to 2, the first is 0."""
    weights = np.floor(noise(70, shape) * 17) / 8
    weights.flat[0] = 0.0
    return weights


def with_step_weights(case: Case, batch_size: int = 0) -> Problem:
    """Return the problem of this case with a weight for each step, masked steps included."""
    setup = Setup("momentum", masked=True, sequences=True, weighted=True)
    return Problem(case, setup, sample_weights(case.batch, case.time), batch_size)


CLASS_WEIGHTS = {0: 0.25, 1: 3.0}
LABELS = {
    "integers": (SPARSE, False, lambda classes: classes),
    "column": (SPARSE, False, lambda classes: classes[..., None]),
    "one-hot": (ONE_HOT, False, lambda classes: np.eye(OUTPUTS)[classes]),
    "columns of steps": (SPARSE, True, lambda classes: classes[..., None]),
    "one-hot steps": (ONE_HOT, True, lambda classes: np.eye(OUTPUTS)[classes]),
}
"""Forms of labels: the class of the loss, whether steps have labels, and their array."""


def assert_class_weights_weigh(labels: str, feed: Feed) -> None:
    """Raise Mismatch unless two epochs with class weights match the reference.

    A ValueError that names the class weights is accepted. If steps have labels, some are masked.
    """
    loss, sequences, form = LABELS[labels]
    case = Case(
        inputs=uniform(20, 4, 4, 3),
        kernel=uniform(21, 3, 5),
        recurrent_kernel=uniform(22, 5, 5),
        bias=uniform(23, 5),
        mask=np.arange(4) < np.array([[4], [2], [3], [1]]) if sequences else None,
    )
    setup = Setup("sgd", masked=sequences, sequences=sequences, eager=True, loss=loss)
    problem = Problem(case, setup, batch_size=case.batch, epochs=2)
    made, classes = problem.fitted(), np.floor(noise(60, (4, 4)[: 1 + sequences]) * 2).astype(int)
    rows = (problem.rows[0], form(classes).astype(np.float32))
    given = feed.arguments(rows, case.batch, "steps_per_epoch")
    more = {"class_weight": CLASS_WEIGHTS, "epochs": 2, "shuffle": False, "verbose": 0}
    history = None
    with accept_refusal("class_weight"), layer_call():
        history = made.model.fit(**given, **more).history
    if history is None:
        return
    weights = np.vectorize(CLASS_WEIGHTS.get)(classes)
    batch = Batch(problem.batches[0].x, classes, None, problem.case.mask, weights)

    def run(disturb):
        trainer = problem.trainer(disturb)
        trainer.loss = reference.cross_entropy
        return {"loss": np.array([trainer.step(*batch) for _ in range(2)]), **trainer.weights}

    got = {"loss": history["loss"]}
    got |= weights_of(made.model)
    assert_all_within(got, run, problem, feed)


RATES = {"dropout": 0.5, "recurrent_dropout": 0.5}


class DroppingModel:
    """A seeded model with dropout, and the results of an eager loop over its batches.

    steps: the arguments of `Trainer.step`. draws: the state of the seeds after the loop.
    """

    def __init__(self):
        case = Case(
            inputs=uniform(30, 5, 3, 2),
            kernel=uniform(31, 2, 3),
            recurrent_kernel=uniform(32, 3, 3),
            bias=uniform(33, 3),
        )
        self.problem = Problem(case, Setup("schedule"), batch_size=2, epochs=2)
        self.made = layer.under_test().make(3, seed=7, **RATES)
        head = tf.keras.layers.Dense(OUTPUTS)
        self.model = tf.keras.Sequential([tf.keras.Input((None, 2)), self.made, head])
        self.start = [np.asarray(variable) + 0 for variable in self.model.variables]
        self.model.compile(OPTIMIZERS["schedule"][1](), "mse")
        self.model.optimizer.build(self.model.trainable_variables)
        self.memory = [np.asarray(variable) + 0 for variable in self.model.optimizer.variables]
        self.restart()
        observed = []
        batches = [(b.x.astype(np.float32), b.y.astype(np.float32)) for b in self.problem.batches]
        optimizer, loss = OPTIMIZERS["schedule"][1](), tf.keras.losses.MeanSquaredError()
        train_with_tape(
            self.model, 2 * batches, optimizer, loss, lambda *step: observed.append(step)
        )
        self.steps = with_dropout_masks(2 * batches, observed, RATES)
        self.draws = self.seed_states()

    def restart(self) -> None:
        """Reset weights, seeds and the optimizer to their initial values."""
        variables = (*self.model.variables, *self.model.optimizer.variables)
        for variable, value in zip(variables, (*self.start, *self.memory), strict=True):
            variable.assign(value)
        self.model.set_weights([self.problem.weights[name] for name in WEIGHT_NAMES])

    def seed_states(self) -> np.ndarray:
        """The states of all seed generators of the layer."""
        trained = {id(weight) for weight in self.made.trainable_variables}
        return np.stack([np.asarray(v) for v in self.made.variables if id(v) not in trained])

    def fit(self, feed: Feed, validate: bool = False) -> dict[str, list[float]]:
        """Train from the initial weights with `fit`, with data from this feed, which may also
        validate; return the history of the last call."""
        self.restart()
        problem, history = self.problem, {}
        calls, epochs = (2, 1) if feed.iterates_once else (1, 2)
        for _ in range(calls):
            given = feed.arguments(problem.rows, problem.batch_size, "steps_per_epoch")
            given |= feed.validation(problem.rows, problem.batch_size) if validate else {}
            done = self.model.fit(**given, epochs=epochs, shuffle=False, verbose=0)
            history = done.history
        return history


dropping_model = session.kept(maxsize=1)(DroppingModel)


def assert_draws_for_each_batch(feed: Feed) -> None:
    """Raise Mismatch unless `fit` draws dropout masks once per batch.

    Its final seeds are then those of the loop, and its weights those of the reference.
    """
    with layer_call():
        dropping = dropping_model()
        dropping.fit(feed)
    assert_same("seeds of dropout", dropping.seed_states(), dropping.draws)

    def run(disturb):
        trainer = dropping.problem.trainer(disturb)
        for step in dropping.steps:
            trainer.step(*step)
        return trainer.weights

    got = weights_of(dropping.model)
    assert_all_within(got, run, dropping.problem, feed)


def assert_validation_does_not_drop(feed: Feed) -> None:
    """Raise Mismatch unless the last validation of `fit` and a call of `evaluate` on the same rows
    give equal losses; masks would differ."""
    with layer_call():
        dropping = dropping_model()
        history = dropping.fit(feed, validate=True)
        given = feed.arguments(dropping.problem.rows, dropping.problem.batch_size, "steps")
        loss = dropping.model.evaluate(**given, verbose=0)
    assert_same("val_loss of the last epoch", history["val_loss"][-1], loss)
