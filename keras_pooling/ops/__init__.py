"""The stateless functions, as `keras_pooling.ops`; knows no layer."""

from keras_pooling.ops.pooling import (
    avg_pool,
    global_avg_pool,
    global_lp_pool,
    global_max_pool,
    lp_pool,
    max_pool,
)
from keras_pooling.ops.random_pooling import (
    fractional_avg_pool,
    fractional_max_pool,
    stochastic_pool,
)

__all__ = [
    "avg_pool",
    "fractional_avg_pool",
    "fractional_max_pool",
    "global_avg_pool",
    "global_lp_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
    "stochastic_pool",
]
