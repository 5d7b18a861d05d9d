"""Agreement with tf.nn and keras.layers on all that they support. Uses no oracle.

Inputs hold distinct finite numbers: on ties and NaN TensorFlow's kernels differ among
themselves.
"""

import calls
import data
import keras
import numpy as np
import pytest
import tensorflow as tf
import tolerances
from cases import CASES, Case

import keras_pooling as kp


def supported_by_keras(case: Case) -> bool:
    # TensorFlow's ops under keras.layers know neither dilation nor ceil_mode nor
    # explicit padding, and refuse an input without channels.
    return (
        isinstance(case.padding, str)
        and case.dilation_rate == 1
        and not case.ceil_mode
        and 0 not in case.shape
    )


KERAS_CASES = [case for case in CASES if supported_by_keras(case)]
EXPLICIT_CASES = [
    case
    for case in CASES
    if not isinstance(case.padding, str)
    and case.dilation_rate == 1
    and not case.ceil_mode
    and case.rank == 2
    and case.data_format == "channels_last"
]
DILATED_CASES = [
    Case("2D", (2, 9, 10, 19), pool_size=3, strides=1, dilation_rate=2),
    Case("each axis its own", (1, 12, 11, 5), (3, 2), 1, dilation_rate=(3, 5)),
    Case("1D", (2, 13, 5), pool_size=4, strides=1, dilation_rate=3),
    Case("3D", (1, 6, 7, 8, 3), pool_size=2, strides=1, dilation_rate=(1, 2, 3)),
]


def check_agreement(ours, theirs, x, tolerance, gradients: bool = True) -> None:
    """Compares values, then gradients, eagerly."""
    if not gradients:
        tolerances.assert_within(ours(x).numpy(), theirs(x).numpy(), tolerance)
        return
    shape = ours(tf.constant(x)).shape
    dy = data.whole(shape, x.dtype.name, data.generator("dy", shape))
    y, dx = calls.value_and_gradient(ours, x, dy)
    their_y, their_dx = calls.value_and_gradient(theirs, x, dy)
    tolerances.assert_within(y, their_y, tolerance)
    tolerances.assert_within(dx, their_dx, tolerance)


def average_tolerance(x, case: Case) -> float:
    """Both sides may err, on windows of up to as many taps as the input has."""
    taps = np.prod([len(axis.windows[0]) for axis in case.windows])
    return 2 * float(taps) * float(np.finfo(x.dtype).eps) * float(np.abs(x).max())


def input_of(case: Case) -> np.ndarray:
    x = data.distinct(case.shape, "float32", data.generator(case))
    return (x - x.mean()) / max(x.std(), 1)


@pytest.mark.parametrize("case", KERAS_CASES, ids=str)
def test_keras_layers(case):
    x = input_of(case)
    arguments = dict(case.arguments)
    del arguments["dilation_rate"], arguments["ceil_mode"]
    layer = getattr(keras.layers, f"MaxPooling{case.rank}D")(**arguments)
    check_agreement(lambda x: kp.ops.max_pool(x, **case.arguments), layer, x, 0)
    layer = getattr(keras.layers, f"AveragePooling{case.rank}D")(**arguments)
    check_agreement(
        lambda x: kp.ops.avg_pool(x, **case.arguments),
        layer,
        x,
        average_tolerance(x, case),
    )


@pytest.mark.parametrize("case", EXPLICIT_CASES, ids=str)
def test_tf_max_pool_with_explicit_padding(case):
    pads = [(axis.before, axis.after) for axis in case.windows]
    arguments = case.arguments
    check_agreement(
        lambda x: kp.ops.max_pool(x, **arguments),
        lambda x: tf.nn.max_pool2d(
            x,
            arguments["pool_size"],
            arguments["strides"] or arguments["pool_size"],
            [(0, 0), *pads, (0, 0)],
        ),
        input_of(case),
        0,
    )


@pytest.mark.parametrize("case", DILATED_CASES, ids=str)
def test_tf_pool_with_dilation(case):
    # tf.nn.pool dilates at stride 1 only, and its padding would enter the average.
    x = input_of(case)
    pool_size, rate = (
        (value,) * case.rank if isinstance(value, int) else value
        for value in (case.pool_size, case.dilation_rate)
    )
    for name, tolerance in (("max", 0), ("avg", average_tolerance(x, case))):
        check_agreement(
            lambda x, name=name: getattr(kp.ops, f"{name}_pool")(x, **case.arguments),
            lambda x, name=name: tf.nn.pool(
                x, pool_size, name.upper(), padding="VALID", dilations=rate
            ),
            x,
            tolerance,
        )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pool_size, strides", [(2, 2), (3, 1), ((3, 2), (2, 3))])
def test_tf_max_pool_with_argmax(pool_size, strides, padding):
    x = data.distinct((2, 7, 8, 19), "float32", data.generator("argmax"))
    y, indices = kp.ops.max_pool(x, pool_size, strides, padding, return_indices=True)
    their_y, argmax = tf.nn.max_pool_with_argmax(x, pool_size, strides, padding.upper())
    np.testing.assert_array_equal(y, their_y)
    # TensorFlow's index counts channels too: (row · columns + column) · channels + c.
    np.testing.assert_array_equal(indices, argmax // x.shape[-1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_keras_layers_of_other_dtypes(dtype):
    x = data.distinct((2, 6, 7, 5), "float64", data.generator(dtype)).astype(
        data.dtype_of(dtype)
    )
    x = tf.constant(x / x.dtype.type(16))
    ours = kp.ops.max_pool(x, 3, 2, "same")
    theirs = keras.layers.MaxPooling2D(3, 2, "same", dtype=dtype)(x)
    tolerances.assert_same_values(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_keras_global_layers(rank, keepdims, data_format):
    x = data.distinct((2, 5, 4, 3, 6)[: rank + 2], "float32", data.generator(rank))
    x = (x - x.mean()) / x.std()
    rounding = 2 * x[0].size * float(np.finfo(np.float32).eps) * float(x.max())
    for ours, name, tolerance in (
        (kp.ops.global_max_pool, "Max", 0),
        (kp.ops.global_avg_pool, "Average", rounding),
    ):
        layer = getattr(keras.layers, f"Global{name}Pooling{rank}D")
        check_agreement(
            lambda x, ours=ours: ours(x, data_format, keepdims=keepdims),
            layer(data_format=data_format, keepdims=keepdims),
            x,
            tolerance,
        )
