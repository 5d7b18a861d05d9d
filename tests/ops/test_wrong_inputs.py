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
def test_error_says_what_was_found_and_what_would_do(pool):
    x = tf.zeros((1, 3, 4, 8))
    with pytest.raises(ValueError) as caught:
        pool(x, pool_size=(5, 5), strides=1)
    for words in (pool.__name__, "(5, 5)", "(1, 3, 4, 8)", "strides", "valid", "same"):
        assert words in str(caught.value)


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
