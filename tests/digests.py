"""One digest of the bits of every result of a case, on any backend. Run as a program it
prints them all as JSON, for a process with its own number of threads:
`digests.py THREADS`.
"""

import functools
import hashlib
import json
import sys

import data
import keras
import numpy as np
import reference
from cases import CASES, Case, named
from hosts import array, value_and_gradient

import keras_pooling as kp

# Planes to pool as a whole: few channels, many, and one plane that takes all threads.
GLOBAL_SHAPES = [
    *((2, 5, 7, 19), (1, 130, 66, 24), (3, 40, 130), (1, 9, 8, 7, 5)),
    (2, 7, 7, 1057),  # read a few taps at a time
]
# Chosen by name: a case that is added elsewhere changes nothing here.
DIGEST_CASES = CASES + named(
    *(f"{channels} channels" for channels in range(1, 71, 6)),
    *(
        f"{columns} columns at stride {stride}"
        for stride in (1, 2)
        for columns in range(stride, 36, 6)
    ),
)
EVERY_DTYPE = named(
    "one element",
    "overlapping windows",
    "another stride per axis",
    "same on odd sizes",
    "a pad per axis",
    "ceil with nothing left over",
    "dilated, first taps all in the padding",
    "3D",
    "no channels",
    "too many taps for a byte, channels first",
)


def sparse_max(x, pool_size: int, strides: int, data_format: str):
    """Maxima where they were, zeros elsewhere; several windows may have one."""
    options = {"data_format": data_format}
    y, indices = kp.ops.max_pool(x, pool_size, strides, return_indices=True, **options)
    return kp.ops.max_unpool(y, indices, pool_size, strides, **options)


# Among them what draws: it draws the same whoever computes it.
FAMILIES = {
    **{
        f"sparse max {data_format}": (sparse_max, (3, 1, data_format), {})
        for data_format in ("channels_last", "channels_first")
    },
    "adaptive max": ("adaptive_max_pool", ((4, 7),), {}),
    "adaptive avg": (
        "adaptive_avg_pool",
        ((4, 25),),
        {"data_format": "channels_first"},
    ),
    "lp 1": ("lp_pool", (3, 2, "same"), {"p": 1}),
    "lp 2": ("lp_pool", (2,), {"p": 2}),
    "lp 2.5": ("lp_pool", (3, 1, "same"), {"p": 2.5, "normalize": True}),
    "expectation": ("stochastic_pool", (3, 2, "same"), {}),
    "min": ("min_pool", (3, 2, "same"), {}),
    "soft": ("soft_pool", (3, 2, "same"), {"beta": 1.5}),
    "soft, large": ("soft_pool", (2,), {"beta": -500.0}),  # with care
    "gem": ("gem_pool", (3, 2, "same"), {"p": 2.25}),
    "median": ("median_pool", (3, 2, "same"), {}),
    "mixed": ("mixed_pool", (3, 2, "same"), {"alpha": 0.3}),
    **{
        f"{name} {data_format}": (function, arguments, {**options, **layout})
        for data_format in ("channels_last", "channels_first")
        for layout in [{"data_format": data_format, "seed": (5, 6)}]
        for name, function, arguments, options in [
            ("stochastic", "stochastic_pool", (3, 2, "same"), {}),
            ("fractional", "fractional_max_pool", (1.44,), {}),
            (
                "fractional by channel",
                "fractional_avg_pool",
                (1.3,),
                {"regions_per": "channel", "pseudo_random": False},
            ),
        ]
    },
}
FAMILY_SHAPES = [(2, 9, 12, 19), (1, 20, 21, 37)]


def of_max(case: Case, dtype: str = "float32") -> str:
    """Digests values, indices and, for floats, the gradient."""
    rng = data.generator(case, dtype)
    x = data.for_max(case.shape, dtype, reference.max_taps(case.windows), rng)
    tensor, arguments = keras.ops.convert_to_tensor(x), case.arguments
    y, indices = kp.ops.max_pool(tensor, **arguments, return_indices=True)
    # The dtype of the indices is the host's.
    results = [array(y), array(indices).astype("int64")]
    results.append(array(kp.ops.max_pool(tensor, **arguments)))
    if dtype in data.FLOATS:
        dy = data.for_average(case.output_shape, dtype, rng)
        pool = functools.partial(kp.ops.max_pool, **arguments)
        results.extend(value_and_gradient(pool, x, dy))
    return _digest([_comparable(result) for result in results])


def of_avg(case: Case, dtype: str = "float32") -> str:
    """Digests values and gradients, with and without the padding counted."""
    rng = data.generator(case, dtype)
    x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    pool = functools.partial(kp.ops.avg_pool, **case.arguments)
    results = [*value_and_gradient(pool, x, dy)]
    tensor = keras.ops.convert_to_tensor(x)
    results.append(array(pool(tensor, count_include_pad=True)))
    return _digest(results)


def of_global(shape: tuple[int, ...], data_format: str) -> str:
    """Digests both global functions and their gradients."""
    rng = data.generator(shape, data_format)
    x = data.for_average(shape, "float32", rng)
    channels = shape[1 if data_format == "channels_first" else -1]
    dy = data.for_average((shape[0], channels), "float32", rng)
    results = []
    for function in (kp.ops.global_max_pool, kp.ops.global_avg_pool):
        pool = functools.partial(function, data_format=data_format)
        results.extend(value_and_gradient(pool, x, dy))
    return _digest(results)


def of_family(name: str, x: np.ndarray) -> str:
    """Digests a member of the other families and its gradient."""
    function, arguments, options = FAMILIES[name]

    def pool(x):
        call = function if callable(function) else getattr(kp.ops, function)
        return call(x, *arguments, **options)

    y = array(pool(keras.ops.convert_to_tensor(x)))
    if name == "expectation":  # whose gradient is composed of the host's own ops
        return _digest([y])
    return _digest(value_and_gradient(pool, x, np.ones_like(y)))


def of_everything() -> dict[str, str]:
    """Digests every case in float32, and some in each dtype."""
    digests = {}
    for case in DIGEST_CASES:
        digests[f"max {case}"] = of_max(case)
        digests[f"avg {case}"] = of_avg(case)
    for case in EVERY_DTYPE:
        for dtype in data.FLOATS + data.INTEGERS:
            digests[f"max {case} {dtype}"] = of_max(case, dtype)
        for dtype in data.FLOATS:
            digests[f"avg {case} {dtype}"] = of_avg(case, dtype)
    for shape in GLOBAL_SHAPES:
        for data_format in ("channels_last", "channels_first"):
            digests[f"global {shape} {data_format}"] = of_global(shape, data_format)
    for name in FAMILIES:
        for dtype in ("float16", "float32", "float64"):
            for shape in FAMILY_SHAPES:
                x = data.for_average(shape, dtype, data.generator(name, shape, dtype))
                digests[f"{name} {shape} {dtype}"] = of_family(name, x)
    return digests


def _comparable(values: np.ndarray) -> np.ndarray:
    """The same, but for the bits of bfloat16 NaNs, which PyTorch gives NumPy anew."""
    if values.dtype != data.dtype_of("bfloat16"):
        return values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values)


def _digest(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def use_threads(count: int) -> None:
    """Has this process compute on so many threads. JAX takes all that there are."""
    if keras.config.backend() == "torch":
        import torch

        torch.set_num_threads(count)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.zeros(())  # from here on a change would be an error
        assert tf.config.threading.get_intra_op_parallelism_threads() == count


if __name__ == "__main__":
    use_threads(int(sys.argv[1]))
    json.dump(of_everything(), sys.stdout)
