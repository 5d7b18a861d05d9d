"""The stateless functions, as `keras_pooling.ops`; knows no layer."""

from keras_pooling.ops.blur import blur_pool, max_blur_pool
from keras_pooling.ops.channel_maxima import maxout
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
    max_unpool,
    median_pool,
    min_pool,
    mixed_pool,
    soft_pool,
    stochastic_pool,
)
from keras_pooling.ops.k_max import k_max_pool
from keras_pooling.ops.spatial_pyramid import spatial_pyramid_pool

__all__ = [
    "adaptive_average_pool",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "average_pool",
    "avg_pool",
    "blur_pool",
    "fractional_avg_pool",
    "fractional_max_pool",
    "gem_pool",
    "global_avg_pool",
    "global_gem_pool",
    "global_lp_pool",
    "global_max_pool",
    "k_max_pool",
    "lp_pool",
    "max_blur_pool",
    "max_pool",
    "max_unpool",
    "maxout",
    "median_pool",
    "min_pool",
    "mixed_pool",
    "soft_pool",
    "spatial_pyramid_pool",
    "stochastic_pool",
]


def __dir__() -> list[str]:
    return __all__
