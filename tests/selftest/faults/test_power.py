"""How probable it is that a fault passes the law that is to find it: below 1e-9, computed.

Nothing is drawn here. The numbers of draws are those of the laws, and so are the levels.
"""

from math import exp, log, log1p

import numpy as np
import pytest
from scipy import stats

from reference import distribution
from reference.initializers import INITIALIZERS
from tests import test_dropout, test_initializers
from tests.harness.probes import dropout_masks, initializers
from tests.harness.probes.dropout_masks import P, Q
from tests.harness.properties import statistical
from tests.harness.properties.evidence import AGREEMENT_PROBABILITY, RESOLUTION, significance_level
from tests.harness.properties.registry import all_properties
from tests.selftest.faults.randomness import STATISTICAL_FAULTS

ENTRIES = 150  # no law has more
ALPHA = significance_level() / ENTRIES
MASK = dropout_masks.ROWS * dropout_masks.FEATURES
MANY = test_dropout.CALLS * MASK
SAME = P**2 + (1 - P) ** 2
"""How probable it is that two independent masks of rate P agree in an entry."""


def counted(n: int, p: float, wrong: float) -> float:
    """P(the binomial test of p accepts) where the probability is `wrong`: exact."""
    counts = np.arange(n + 1)
    tails = np.minimum(stats.binom.logcdf(counts, n, p), stats.binom.logsf(counts - 1, n, p))
    accepted = distribution.LOG_2 + tails >= log(ALPHA)
    return float(np.sum(stats.binom.pmf(counts[accepted], n, wrong)))


def compared(n: int, gap: float) -> float:
    """P(the DKW test accepts) where the distribution function is `gap` off somewhere: by the same
    inequality, for the empirical function of the wrong law."""
    threshold = np.sqrt((distribution.LOG_2 - log(ALPHA)) / (2 * n)) + RESOLUTION
    return 2 * exp(-2 * n * max(0, gap - threshold) ** 2)


def unfilled(n: int, f: float) -> float:
    """P(the extremes are accepted) where no number's distribution function is above f: 0 or 1."""
    return float(distribution.LOG_2 + n * log(f + RESOLUTION) >= log(ALPHA))


def distant(n: int, d: float) -> float:
    """P(the DKW test accepts) where the empirical function is surely d off somewhere: 0 or 1."""
    return float(distribution.LOG_2 - 2 * n * (d - RESOLUTION) ** 2 >= log(ALPHA))


def gap(one, other) -> float:
    x = np.linspace(-1, 1, 100_001)
    return float(np.max(np.abs(one.cdf(x) - other.cdf(x))))


GLOROT = min(np.prod(shape) * draws for shape, draws in test_initializers.SHAPES.items())
KERNEL = initializers.FEATURES * initializers.UNITS
PAIRS = test_initializers.SQUARE**2 // 2 - test_initializers.SQUARE
SHAPE = (300, 900)
UNIFORM = INITIALIZERS["glorot_uniform"](SHAPE)
NORMAL = INITIALIZERS["variance_scaling"](SHAPE, mode="fan_avg")
LECUN = INITIALIZERS["lecun_normal"]((initializers.FEATURES, initializers.UNITS))

MISSED = {
    "LimitTooLarge": exp(-GLOROT * log1p(0.01)),  # no number is beyond the limit
    "LimitTooSmall": unfilled(GLOROT, 1 - 0.01 / 2),
    "GlorotOneSided": unfilled(GLOROT, 1 / 2),
    "NormalForUniform": compared(SHAPE[0] * SHAPE[1], gap(NORMAL, UNIFORM)),
    "RowsRepeated": counted(PAIRS, 1 / 2, 1),
    "Symmetric": counted(PAIRS, 1 / 2, 1),
    "FansSwapped": unfilled(KERNEL, (1 + np.sqrt(initializers.FEATURES / initializers.UNITS)) / 2),
    "TruncationNotCorrected": unfilled(KERNEL, float(LECUN.cdf(0.88 * LECUN.high))),
    "NoSignCorrection": distant(test_initializers.LARGE - 1, 1 / 2),  # each first one < 0
    "RotationsOnly": counted(len(test_initializers.SMALL), 1 / 2, 1),
    "OneUnitIsOne": counted(test_initializers.SINGLE_UNIT_DRAWS, 1 / 2, 1),
    # Of the coordinates of 400 units, every second is 0: the empirical function jumps by half.
    "BlockwiseOrthogonal": distant(initializers.UNITS * (initializers.UNITS - 1) // 2, 1 / 4),
    "OrthogonalRoundedToFloat32": 0.0,  # the residual is a million times the threshold in each draw
    "GainIgnored": 0.0,  # ||Q^T Q - g^2 I|| is far off in each draw
    "InitializersSwapped": 0.0,  # ones are where none should be
    "BiasInitializerIgnored": 0.0,
    "OneSeedForAll": counted(initializers.UNITS**2, 1 / 2, 1),
    "SeedIgnored": AGREEMENT_PROBABILITY**20,  # all 20 numbers of a kernel agree by chance
    "SeedZeroIsNone": AGREEMENT_PROBABILITY**20,
    "SeedsHalved": counted(42, AGREEMENT_PROBABILITY, 1),
    "OneSeedForAllLayers": counted(100 * 100, AGREEMENT_PROBABILITY, 1),
    "SeedsTruncatedTo32Bits": counted(20, AGREEMENT_PROBABILITY, 1),
    "InitializerDoesNotRepeat": AGREEMENT_PROBABILITY**49,
    "GeneratorUsedAsSeed": counted(49, AGREEMENT_PROBABILITY, 1),
    "FromEntropy": AGREEMENT_PROBABILITY**42,
    "SeedsNotInConfig": AGREEMENT_PROBABILITY**30,
    "OneSeedForBothKernels": counted(100 * 100, 1 / 2, 1),
    "RateIsKeptFraction": counted(MANY, P, 1 - P),
    "RateSlightlyWrong": counted(MANY, P, P + 0.02),
    "RatesSwapped": counted(MANY, P, Q),
    "RateNeverZero": (1 - 0.001) ** MASK,
    "RateNeverOne": counted(MASK, 0.998, 0.9),
    "MaskDrawnEachStep": SAME**MASK,
    "MaskRedrawnAtMaskedSteps": SAME**MASK,
    "Unscaled": P**MASK,  # nothing is kept
    "ScaleTooLarge": P**MASK,
    "UnscaledAtHighRates": Q**MASK,
    "RowsShareMasks": counted(MASK // 2, SAME, 1),
    "UnitsShareMasks": counted(MASK // 2, SAME, 1),
    "InputsAndStatesShareMasks": counted(MASK, SAME, 1),
    "MasksRepeatAcrossCalls": counted(MASK, SAME, 1),
    "DropsAfterTraining": (1 - P) ** MASK,
    "MasksRepeatUnderMask": counted(MASK, SAME, 1),
    "DropsInInference": (1 - P) ** MASK,
    "NoDropoutInTrace": counted(400, P, 0),
    "GradientUsesOtherMasks": SAME**MASK,
    "DropsFirstStateOnly": (1 - Q) ** MASK,  # nothing is dropped
    "BiasDropped": (1 - Q) ** MASK,
    "ReturnedStateScaled": Q**MASK,
    "LayerSeedIgnored": SAME**MASK,
    "LayerSeedZeroIsNone": SAME**MASK,
    "LayerSeedModulo": counted(MASK, SAME, 1),
    "OneSeedForDropout": counted(MASK, SAME, 1),
    "GeneratorsNotInConfig": AGREEMENT_PROBABILITY**49,
    "NoDropoutUnderMask": counted(MASK, P, 0),
    "NoDropoutIfStateful": counted(MASK, P, 0),
    "NoDropoutUnderMixedPolicy": counted(MASK, P, 0),
    "NoDropoutUnrolledInTrace": counted(MASK, P, 0),
    "DropsHighRatesInInference": (1 - test_dropout.HIGH_RATES["recurrent_dropout"]) ** MASK,
}


@pytest.mark.parametrize("name", [fault.layer.partition(":")[2] for fault in STATISTICAL_FAULTS])
def test_miss_probability_of_fault_is_below_1e_9(name):
    assert MISSED[name] < 1e-9


@pytest.mark.parametrize("path", ["eager", "unroll"])
def test_number_of_entries_is_bounded(path):
    for law in all_properties().values():
        for p in law.paths:
            if (
                not isinstance(law, statistical.StatisticalProperty)
                or str(p) != path
                or law.missing_features(p)
                or law.known_deviations(p)
            ):
                continue
            facts = {}
            law.check(p, facts.__setitem__)
            assert facts["entries"] <= ENTRIES


def test_power_calculation_can_fail():
    assert counted(100, 0.5, 0.6) > 1e-9
    assert compared(1000, 0.05) > 1e-9
    assert unfilled(100, 0.99) == 1
