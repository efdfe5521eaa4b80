"""The measures of initializers are small for correct weights and large for wrong ones."""

import numpy as np
import pytest

from reference.initializers import (
    LAPACK_THRESHOLD,
    glorot_excess,
    glorot_limit,
    orthogonality_residual,
)

FLOATS = ("float32", "float64")
SHAPES = ((1, 1), (4, 4), (64, 64), (300, 300), (130, 7), (7, 130), (1, 50), (50, 1))

# A recurrent kernel that TensorFlow printed with eight digits.
LESSON = np.array(
    [
        [-0.38325727, -0.41429952, -0.81510204, -0.13068363],
        [0.68143183, 0.06215988, -0.4446668, 0.57797766],
        [0.6015466, -0.534525, 0.08308589, -0.5878107],
        [-0.16403064, -0.73401296, 0.36190706, 0.55076504],
    ]
)


def orthogonal(shape, dtype, seed=0):
    """Return Q of a normal matrix by LAPACK in that dtype, transposed for a wide shape."""
    normal = np.random.default_rng(seed).normal(size=(max(shape), min(shape)))
    q, _ = np.linalg.qr(normal.astype(dtype))
    return q if shape[0] >= shape[1] else q.T


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_qr_factor_is_orthogonal(shape, dtype):
    assert orthogonality_residual(orthogonal(shape, dtype), dtype) < LAPACK_THRESHOLD


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("gain", [0.1, 1.0, 30.0])
def test_the_residual_does_not_depend_on_the_gain(gain, dtype):
    # A matrix is multiplied by the gain with one rounding: one more eps in each element.
    q = orthogonal((40, 9), dtype) * np.dtype(dtype).type(gain)
    assert orthogonality_residual(q, dtype, gain) < LAPACK_THRESHOLD


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [s for s in SHAPES if min(s) > 1])
def test_non_orthogonal_matrix_has_a_large_residual(shape, dtype):
    uniform = np.random.default_rng(1).uniform(-1, 1, shape).astype(dtype)
    assert orthogonality_residual(uniform, dtype) > 1000 * LAPACK_THRESHOLD


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_wrong_element_exceeds_the_threshold(dtype):
    q = orthogonal((16, 16), dtype)
    # An error e in one element adds about e to Q^T Q - I, and the threshold is 30 * 16 eps.
    q[3, 5] += 10 * LAPACK_THRESHOLD * 16 * np.finfo(dtype).eps
    assert orthogonality_residual(q, dtype) > LAPACK_THRESHOLD


@pytest.mark.parametrize("dtype", FLOATS)
def test_wrong_gain_exceeds_the_threshold(dtype):
    q = orthogonal((16, 16), dtype)
    assert orthogonality_residual(q, dtype, gain=1.01) > LAPACK_THRESHOLD
    assert orthogonality_residual(0 * q, dtype) > LAPACK_THRESHOLD


def test_lesson_kernel_is_orthogonal_in_float32_only():
    # Eight digits have an error of at most 5e-9, a twenty-fourth of float32's eps.
    assert orthogonality_residual(LESSON, "float32") < 1
    # The eps of float64 is 2^29 times smaller than that of float32.
    assert orthogonality_residual(LESSON, "float64") > LAPACK_THRESHOLD
    swapped = LESSON.copy()
    swapped[0, :2] = LESSON[0, 1::-1]
    assert orthogonality_residual(swapped, "float32") > LAPACK_THRESHOLD


def test_the_glorot_limit_is_the_documented_one():
    assert glorot_limit(2, 4) == 1
    assert glorot_limit(1, 5) == 1
    assert glorot_limit(100, 50) == pytest.approx(0.2, rel=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
def test_glorot_excess_separates_values_at_the_limit(dtype):
    limit = glorot_limit(3, 7)
    at_limit = np.full((3, 7), -limit, dtype)
    assert glorot_excess(at_limit, dtype) <= 1
    at_limit[2, 6] = limit * (1 + 16 * np.finfo(dtype).eps)
    assert glorot_excess(at_limit, dtype) > 1


def test_glorot_excess_rejects_a_fan_in_limit():
    uniform = np.random.default_rng(2).uniform(-1, 1, (40, 10))
    # sqrt(3 / fan_out) is larger here than sqrt(6 / 50).
    assert glorot_excess(uniform * np.sqrt(3 / 10), "float64") > 1
    assert 0.9 < glorot_excess(uniform * glorot_limit(40, 10), "float64") <= 1


def test_empty_matrix_has_no_excess():
    assert glorot_excess(np.zeros((0, 4)), "float32") == 0
