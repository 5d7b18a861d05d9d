"""The stateless functions, as `keras_pooling.ops`; knows no layer."""

from keras_pooling.ops.pooling import (
    avg_pool,
    global_avg_pool,
    global_max_pool,
    max_pool,
)

__all__ = ["avg_pool", "global_avg_pool", "global_max_pool", "max_pool"]
