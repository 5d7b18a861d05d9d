"""Random inputs that are hard where pooling is. Knows neither calls nor results."""

import ml_dtypes
import numpy as np

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")


def dtype_of(name: str) -> np.dtype:
    """Returns the NumPy dtype, that of ml_dtypes for bfloat16."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def generator(*words) -> np.random.Generator:
    """Returns a generator seeded by words, so that every case has its own numbers."""
    return np.random.default_rng(list("/".join(map(str, words)).encode()))


def for_max(shape, dtype: str, taps: int, rng: np.random.Generator) -> np.ndarray:
    """Returns many ties and every special value, rare enough to leave others to win."""
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        x = rng.integers(-3, 4, shape).astype(dtype)
        extremes = rng.choice(np.array([limits.min, limits.max], dtype), shape)
        return np.where(rng.random(shape) < 0.2, extremes, x)
    x = rng.integers(-3, 4, shape) * rng.choice([0.5, -0.0, 1.0], shape)
    x = np.where(rng.random(shape) < 0.3, rng.standard_normal(shape), x)
    x = np.where(rng.random(shape) < 0.1, -np.inf, x)
    rare = 0.3 / max(taps, 3)
    x = np.where(rng.random(shape) < rare, np.inf, x)
    x = np.where(rng.random(shape) < rare, np.nan, x)
    return x.astype(dtype_of(dtype))


def ruled_by_us(x: np.ndarray) -> np.ndarray:
    """Returns numbers in place of what a backend's own max pooling has rules for."""
    return np.where(np.isnan(x) | (x == -np.inf), x.dtype.type(-4), x)


def for_average(shape, dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Returns finite numbers over several orders of magnitude."""
    x = rng.standard_normal(shape) * 10 ** rng.uniform(-3, 3, shape)
    return x.astype(dtype_of(dtype))


def whole(shape, dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Returns small whole numbers: their sums are exact in every float type."""
    return rng.integers(-2, 3, shape).astype(dtype_of(dtype))


def distinct(shape, dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Returns numbers at least 1/4 apart, for finite differences."""
    numbers = rng.permutation(int(np.prod(shape))) / 4
    return numbers.reshape(shape).astype(dtype_of(dtype))
