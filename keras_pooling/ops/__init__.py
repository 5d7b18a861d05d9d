"""The stateless functions, as `keras_pooling.ops`; knows no layer."""

from keras_pooling.ops.functions import (
    adaptive_average_pool,
    adaptive_avg_pool,
    adaptive_max_pool,
    average_pool,
    avg_pool,
    fractional_avg_pool,
    fractional_max_pool,
    gem_pool,
    global_avg_pool,
    global_gem_pool,
    global_lp_pool,
    global_max_pool,
    lp_pool,
    max_pool,
    soft_pool,
    stochastic_pool,
)

__all__ = [
    "adaptive_average_pool",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "average_pool",
    "avg_pool",
    "fractional_avg_pool",
    "fractional_max_pool",
    "gem_pool",
    "global_avg_pool",
    "global_gem_pool",
    "global_lp_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
    "soft_pool",
    "stochastic_pool",
]


def __dir__() -> list[str]:
    return __all__
