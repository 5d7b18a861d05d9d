"""Wrong arguments and inputs: a ValueError that names them, and life goes on."""

import numpy as np
import pytest
import tensorflow as tf
from cases import CASES, Case

import keras_pooling as kp

POOLS = [kp.ops.max_pool, kp.ops.avg_pool]
by_pool = pytest.mark.parametrize("pool", POOLS, ids=["max_pool", "avg_pool"])
ERRORS = (ValueError, tf.errors.InvalidArgumentError)


@by_pool
@pytest.mark.parametrize("case", CASES, ids=str)
def test_near_every_good_call_lie_wrong_ones(case, pool):
    x = tf.zeros(case.shape)
    for wrong in case.wrong_calls():
        with pytest.raises(ValueError) as caught:
            pool(x, **{**case.arguments, **wrong.changes})
            pytest.fail(f"{wrong} did not raise")
        message = str(caught.value)
        missing = [word for word in wrong.words if word not in message]
        assert not missing, f"{wrong}: no {missing} in: {message}"
        assert pool.__name__ in message, f"{wrong}: call not named in: {message}"
    # Nothing of it lingers.
    assert pool(x, **case.arguments).shape == case.output_shape


@by_pool
@pytest.mark.parametrize(
    "shape, arguments, reference",
    [
        ((1, 4, 4, 1), dict(pool_size=10**20), "CVE-2022-35941"),
        ((1, 4, 4, 1), dict(pool_size=1e38), "tensorflow#61601"),
        ((1, 4, 4, 1), dict(pool_size=2, strides=10**20), "tensorflow#61601"),
        ((1, 4, 4, 1), dict(pool_size=2, dilation_rate=2**31), "tensorflow#61601"),
        ((1, 4, 4, 1), dict(pool_size=2**30, dilation_rate=2**30), "overflow"),
        ((1, 4, 4, 1), dict(pool_size=2, padding=10**20), "overflow"),
        ((1, 11, 9, 1), dict(pool_size=(40, 128)), "CVE-2022-35968"),
        ((1, 4, 4, 1), dict(pool_size=(5, 2)), "CVE-2022-35989"),
        ((1, 4, 4, 1), dict(pool_size=(0, 2)), "CVE-2021-41196"),
        ((1, 4, 4, 1), dict(pool_size=2, strides=(0, 1)), "CVE-2025-2953"),
        ((1, 1, 1, 1), dict(pool_size=2, padding=((2, 2), (2, 2))), "CVE-2021-37674"),
        ((1, 4, 4, 1), dict(pool_size=()), "pytorch#50967"),
        ((1, 0, 4, 1), dict(pool_size=2), "keras#16491"),
        ((1, 0, 4, 1), dict(pool_size=2, padding="same"), "keras#16491"),
        ((1, 1, 4, 1), dict(pool_size=2, dilation_rate=3, padding="same"), "no tap"),
        ((1, 2, 2, 1), dict(pool_size=2, dilation_rate=3, padding=1), "no tap"),
        ((4, 4), dict(pool_size=2), "rank"),
        ((1, 1, 4, 4, 4, 1), dict(pool_size=2), "rank"),
        ((1, 4, 4, 1), dict(pool_size=None), "None"),
        ((1, 4, 4, 1), dict(pool_size="two"), "text"),
        ((1, 4, 4, 1), dict(pool_size=(2, None)), "None"),
        ((1, 4, 4, 1), dict(pool_size=2, padding=None), "None"),
        ((1, 4, 4, 1), dict(pool_size=2, padding=((1, 0, 0), (1, 0))), "triple"),
        ((1, 4, 4, 1), dict(pool_size=float("nan")), "NaN"),
    ],
)
def test_what_once_crashed_elsewhere_raises(pool, shape, arguments, reference):
    x = tf.zeros(shape)
    with pytest.raises(ERRORS):
        pool(x, **arguments)
    with pytest.raises(ERRORS):
        tf.function(lambda x: pool(x, **arguments), autograph=False)(x)
    assert pool(tf.zeros((1, 4, 4, 1)), 2).shape == (1, 2, 2, 1)


@by_pool
def test_error_says_what_was_found_and_what_would_do(pool):
    x = tf.zeros((1, 3, 4, 8))
    with pytest.raises(ValueError) as caught:
        pool(x, pool_size=(5, 5), strides=1)
    for words in (pool.__name__, "(5, 5)", "(1, 3, 4, 8)", "strides", "valid", "same"):
        assert words in str(caught.value)


@pytest.mark.parametrize("divisor", [0, -3, 2.5, "three"])
def test_divisor_must_be_a_positive_integer(divisor):
    with pytest.raises(ValueError, match="divisor_override"):
        kp.ops.avg_pool(tf.zeros((1, 4, 4, 1)), 2, divisor_override=divisor)


@pytest.mark.parametrize("dtype", ["complex64", "string"])
@by_pool
def test_dtypes_without_an_order_or_a_mean_are_refused(pool, dtype):
    x = tf.zeros((1, 4, 4, 1), tf.as_dtype(dtype))
    with pytest.raises((TypeError, *ERRORS), match=dtype):
        pool(x, 2)


@pytest.mark.parametrize("name", ["global_max_pool", "global_avg_pool"])
@pytest.mark.parametrize("shape", [(2, 0, 3), (2, 4, 0, 3), (4, 4), ()])
def test_global_pooling_of_nothing_is_an_error(name, shape):
    with pytest.raises(ERRORS):
        getattr(kp.ops, name)(tf.zeros(shape))


def test_every_wrong_call_says_what_its_message_must_hold():
    for case in CASES:
        assert all(wrong.words for wrong in case.wrong_calls())


def test_the_catalogue_repeats_nothing():
    reasons = [case.reason for case in CASES]
    calls = [(case.shape, *case.arguments.values()) for case in CASES]
    assert len(set(reasons)) == len(reasons)
    assert len(set(calls)) == len(calls)
    assert all(isinstance(case, Case) for case in CASES)
    assert {np.prod(case.shape) == 0 for case in CASES} == {False, True}
