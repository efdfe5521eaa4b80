"""The probability that a fault passes the statistical property that must detect it is below 1e-9.

The probabilities are computed, from the numbers of draws and the levels of the properties.
"""

from math import exp, log, log1p
from typing import Any

import numpy as np
import pytest
from scipy import stats

from reference import distribution
from reference.initializers import INITIALIZERS
from tests.harness.probes import dropout_masks, initializers
from tests.harness.probes.dropout_masks import P, Q
from tests.harness.properties import statistical
from tests.harness.properties.evidence import AGREEMENT_PROBABILITY, RESOLUTION, significance_level
from tests.harness.properties.registry import all_properties
from tests.randomness import test_dropout, test_initializers
from tests.selftest.faults.randomness import STATISTICAL_FAULTS

ENTRIES = 150  # no property has more
ALPHA = significance_level() / ENTRIES
MASK = dropout_masks.ROWS * dropout_masks.FEATURES
MANY = test_dropout.CALLS * MASK
SAME = P**2 + (1 - P) ** 2
"""The probability that two independent masks of rate P agree in an entry."""


def counted(n: int, p: float, wrong: float) -> float:
    """Return P(the binomial test of p accepts n outcomes of probability `wrong`); exact."""
    counts = np.arange(n + 1)
    tails = np.minimum(stats.binom.logcdf(counts, n, p), stats.binom.logsf(counts - 1, n, p))
    accepted = distribution.LOG_2 + tails >= log(ALPHA)
    return float(np.sum(stats.binom.pmf(counts[accepted], n, wrong)))


def compared(n: int, gap: float) -> float:
    """Return a bound of P(the DKW test accepts) for a distribution function that errs by `gap`.

    The bound is the DKW inequality for the wrong distribution.
    """
    threshold = np.sqrt((distribution.LOG_2 - log(ALPHA)) / (2 * n)) + RESOLUTION
    return 2 * exp(-2 * n * max(0, gap - threshold) ** 2)


def unfilled(n: int, f: float) -> float:
    """Return P(the extremes are accepted) if all n numbers have cdf values up to f: 0 or 1."""
    return float(distribution.LOG_2 + n * log(f + RESOLUTION) >= log(ALPHA))


def distant(n: int, d: float) -> float:
    """Return P(the DKW test accepts) if the empirical function errs by d in each draw: 0 or 1."""
    return float(distribution.LOG_2 - 2 * n * (d - RESOLUTION) ** 2 >= log(ALPHA))


def gap(one, other) -> float:
    x = np.linspace(-1, 1, 100_001)
    return float(np.max(np.abs(one.cdf(x) - other.cdf(x))))


GLOROT = min(int(np.prod(shape)) * draws for shape, draws in test_initializers.SHAPES.items())
KERNEL = initializers.FEATURES * initializers.UNITS
PAIRS = test_initializers.SQUARE**2 // 2 - test_initializers.SQUARE
SHAPE = (300, 900)
UNIFORM = INITIALIZERS["glorot_uniform"](SHAPE)
NORMAL = INITIALIZERS["variance_scaling"](SHAPE, mode="fan_avg")
LECUN: Any = INITIALIZERS["lecun_normal"]((initializers.FEATURES, initializers.UNITS))

MISSED = {
    "LimitTooLarge": exp(-GLOROT * log1p(0.01)),  # no number exceeds the correct limit
    "LimitTooSmall": unfilled(GLOROT, 1 - 0.01 / 2),
    "GlorotOneSided": unfilled(GLOROT, 1 / 2),
    "NormalForUniform": compared(SHAPE[0] * SHAPE[1], gap(NORMAL, UNIFORM)),
    "RowsRepeated": counted(PAIRS, 1 / 2, 1),
    "Symmetric": counted(PAIRS, 1 / 2, 1),
    "FansSwapped": unfilled(KERNEL, (1 + np.sqrt(initializers.FEATURES / initializers.UNITS)) / 2),
    "TruncationNotCorrected": unfilled(KERNEL, float(LECUN.cdf(0.88 * LECUN.support()[1]))),
    "NoSignCorrection": distant(test_initializers.LARGE - 1, 1 / 2),  # each first one < 0
    "RotationsOnly": counted(len(test_initializers.SMALL), 1 / 2, 1),
    "OneUnitIsOne": counted(test_initializers.SINGLE_UNIT_DRAWS, 1 / 2, 1),
    # Every second coordinate of 400 units is 0, so the empirical function jumps by 1/2.
    "BlockwiseOrthogonal": distant(initializers.UNITS * (initializers.UNITS - 1) // 2, 1 / 4),
    "OrthogonalRoundedToFloat32": 0.0,  # the residual is a million thresholds in each draw
    "GainIgnored": 0.0,  # ||Q^T Q - g^2 I|| exceeds the threshold in each draw
    "InitializersSwapped": 0.0,  # a weight of zeros gets ones
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
    "Unscaled": P**MASK,  # passes only if every entry is dropped
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
    "DropsFirstStateOnly": (1 - Q) ** MASK,  # passes only if no entry is dropped
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
    for prop in all_properties().values():
        for p in prop.paths:
            if (
                not isinstance(prop, statistical.StatisticalProperty)
                or str(p) != path
                or prop.missing_features(p)
                or prop.known_deviations(p)
            ):
                continue
            facts = {}
            prop.check(p, facts.__setitem__)
            assert facts["entries"] <= ENTRIES


def test_power_calculation_can_fail():
    assert counted(100, 0.5, 0.6) > 1e-9
    assert compared(1000, 0.05) > 1e-9
    assert unfilled(100, 0.99) == 1
