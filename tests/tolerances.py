"""How far a result may be from exact: formulas, nothing tuned. Holds no test data."""

import ml_dtypes
import numpy as np

HALVES = ("float16", "bfloat16")


def accumulated(dtype) -> np.dtype:
    """Returns the type in which sums of `dtype` are kept."""
    name = np.dtype(dtype).name
    return np.dtype("float32" if name in HALVES else name)


def of_sum(dtype, terms: int, exact: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Bounds the error of a sum of `terms` terms, divided or weighted.

    `terms · eps · magnitude` in the accumulated type, where `magnitude` is the same
    sum over absolute values; for the halves half a step more, the one final rounding.
    Below the normal numbers a step is constant, and may be flushed to zero.
    """
    sums = ml_dtypes.finfo(accumulated(dtype))
    error = terms * (float(sums.eps) * magnitude + float(sums.tiny))
    if np.dtype(dtype).name in HALVES:
        out = ml_dtypes.finfo(dtype)
        error = error + (np.abs(exact) + error) * float(out.eps) / 2
        error = error + float(out.smallest_subnormal)
    return error


def assert_within(actual: np.ndarray, exact: np.ndarray, tolerance) -> None:
    """Fails on the element furthest beyond its tolerance; NaN and inf must agree."""
    assert actual.shape == exact.shape, f"shape {actual.shape}, expected {exact.shape}"
    actual = actual.astype(exact.dtype)
    tolerance = np.broadcast_to(tolerance, exact.shape)
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(actual[~finite], exact[~finite])
    beyond = np.where(finite, np.abs(actual - np.where(finite, exact, 0)), 0)
    wrong = ~(beyond <= tolerance) & finite
    if wrong.any():
        excess = np.where(wrong, beyond - tolerance, -np.inf)
        worst = np.unravel_index(np.nanargmax(excess), exact.shape)
        raise AssertionError(
            f"{wrong.sum()} of {wrong.size} elements beyond tolerance. At {worst}: "
            f"{actual[worst]!r}, expected {exact[worst]!r} ± {tolerance[worst]!r}"
        )


def assert_same_values(actual: np.ndarray, expected: np.ndarray) -> None:
    """Tolerance 0: same dtype, same bits, except that every NaN is as good."""
    assert actual.dtype == expected.dtype, f"{actual.dtype}, not {expected.dtype}"
    assert actual.shape == expected.shape, f"{actual.shape}, not {expected.shape}"
    if actual.dtype.kind in "iub":
        np.testing.assert_array_equal(actual, expected)
        return
    # Exact in float64, and the sign of zero shows in the second comparison.
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(actual, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(
        np.signbit(actual)[numbers], np.signbit(expected)[numbers]
    )
