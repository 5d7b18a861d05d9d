"""Outputs that no memory holds: an error, on every backend, and the next call works."""

import keras
import numpy as np
import pytest
from hosts import BACKEND, array

import keras_pooling as kp

HUGE = 2**31 - 1
X = np.ones((1, 2, 2, 1), "float32")
INDICES = np.zeros(X.shape, "int32")
# Each with its function's name. Their outputs have more bytes than 64 bits count.
OVERFLOWS = {
    "adaptive max": ("adaptive_max_pool", {"output_size": HUGE}),
    "adaptive average": ("adaptive_avg_pool", {"output_size": (HUGE, 2**30)}),
    "max": ("max_pool", {"pool_size": HUGE, "strides": 1, "padding": HUGE - 1}),
    "average": ("avg_pool", {"pool_size": HUGE, "strides": 1, "padding": HUGE - 1}),
    "median": ("median_pool", {"pool_size": HUGE, "strides": 1, "padding": HUGE - 1}),
}


@pytest.fixture(autouse=True)
def the_next_call_works():
    yield
    assert array(kp.ops.max_pool(X, 2)).ravel() == [1]


@pytest.mark.parametrize("name, arguments", OVERFLOWS.values(), ids=OVERFLOWS)
def test_an_output_beyond_all_counts_is_refused(name, arguments):
    for x in (X, keras.KerasTensor(X.shape)):
        with pytest.raises(ValueError, match=rf"{name}: .*more than 2\^60 elements.*"):
            getattr(kp.ops, name)(x, **arguments)
    layer = getattr(kp, "".join(map(str.capitalize, name.split("_"))))(**arguments)
    with pytest.raises(ValueError, match=r"more than 2\^60 elements"):
        layer(X)


def test_a_plane_beyond_all_counts_is_refused():
    with pytest.raises(ValueError, match=r"max_unpool: .*more than 2\^60 elements"):
        kp.ops.max_unpool(X, INDICES, output_size=HUGE)


def test_an_empty_batch_of_them_is_nothing():
    assert kp.AdaptiveMaxPool(HUGE).compute_output_shape((0, 2, 2, 1)) == (
        *(0, HUGE, HUGE, 1),
    )


# 4 TiB.
FOUR_TERABYTES = {
    "adaptive max": lambda: kp.ops.adaptive_max_pool(X, 2**20),
    "adaptive average": lambda: kp.ops.adaptive_avg_pool(X, 2**20),
    "unpooling": lambda: kp.ops.max_unpool(X, INDICES, output_size=2**20),
    "layer": lambda: kp.AdaptiveMaxPool(2**20)(X),
}
if BACKEND == "tensorflow":  # which waits 10 seconds for memory, each time
    FOUR_TERABYTES = {"layer": FOUR_TERABYTES["layer"]}


def errors():
    """What a backend raises where memory is short."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.errors.ResourceExhaustedError, ""
    if BACKEND == "jax":
        import jax

        return jax.errors.JaxRuntimeError, "RESOURCE_EXHAUSTED"
    return RuntimeError, "can't allocate memory"


@pytest.mark.skipif(
    not kp.build_info()["compiled"], reason="how frameworks pool is theirs to rule"
)
@pytest.mark.parametrize("call", FOUR_TERABYTES.values(), ids=FOUR_TERABYTES)
def test_an_output_that_no_memory_holds_is_an_error_that_says_so(call):
    error, message = errors()
    with pytest.raises(error, match=message):
        array(call())
