"""One digest of the bits of every result of a case. Run as a program it prints them
all as JSON, for a process with its own number of threads: `digests.py THREADS`.
"""

import hashlib
import json
import sys

import calls
import data
import numpy as np
import reference
from cases import CASES, Case, named

# Planes to pool as a whole: few channels, many, and one plane that takes all threads.
GLOBAL_SHAPES = [(2, 5, 7, 19), (1, 130, 66, 24), (3, 40, 130), (1, 9, 8, 7, 5)]
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

# What draws, draws the same whoever computes it.
FAMILIES = {
    "lp 1": ("lp_pool", (3, 2, "same"), {"p": 1}),
    "lp 2": ("lp_pool", (2,), {"p": 2}),
    "lp 2.5": ("lp_pool", (3, 1, "same"), {"p": 2.5, "normalize": True}),
    "expectation": ("stochastic_pool", (3, 2, "same"), {}),
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
    results = list(calls.max_pool_with_indices(x, case))
    results.append(calls.max_pool(x, case))
    if dtype in data.FLOATS:
        dy = data.for_average(case.output_shape, dtype, rng)
        results.extend(calls.max_pool_gradient(x, dy, case))
    return _digest(results)


def of_avg(case: Case, dtype: str = "float32") -> str:
    """Digests values and gradients, with and without the padding counted."""
    rng = data.generator(case, dtype)
    x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    results = [*calls.avg_pool_gradient(x, dy, case)]
    results.append(calls.avg_pool(x, case, count_include_pad=True))
    return _digest(results)


def of_global(shape: tuple[int, ...], data_format: str) -> str:
    """Digests both global functions and their gradients."""
    rng = data.generator(shape, data_format)
    x = data.for_average(shape, "float32", rng)
    channels = shape[1 if data_format == "channels_first" else -1]
    dy = data.for_average((shape[0], channels), "float32", rng)
    return _digest(
        [
            result
            for name in ("global_max_pool", "global_avg_pool")
            for result in calls.global_pool(name, x, dy, data_format)
        ]
    )


def of_family(name: str, x: np.ndarray) -> str:
    """Digests a member of the other families and its gradient."""
    import tensorflow as tf

    import keras_pooling as kp

    function, arguments, options = FAMILIES[name]
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = getattr(kp.ops, function)(tensor, *arguments, **options)
    return _digest([y.numpy(), tape.gradient(y, tensor).numpy()])


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


def _digest(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    import tensorflow as tf

    threads = int(sys.argv[1])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.zeros(())  # from here on a change would be an error
    assert tf.config.threading.get_intra_op_parallelism_threads() == threads
    json.dump(of_everything(), sys.stdout)
