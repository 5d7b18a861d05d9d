"""More than 2³¹ elements, bytes and units of work: what int would cut off."""

import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp
from keras_pooling.implementations import tensorflow as implementation

ROWS, ROW = 2**15 + 1, 2**16  # 2³¹ + 2¹⁶ elements


def free_gigabytes() -> float:
    with open("/proc/meminfo") as lines:
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return kilobytes["MemAvailable"] / 2**20


@pytest.mark.skipif(free_gigabytes() < 12, reason="less than 12 GB of memory are free")
@pytest.mark.parametrize("reference", ["CVE-2020-15202"])
def test_maxima_of_more_than_2_to_31_bytes(reference):
    x = np.zeros((1, ROWS, ROW, 1), "int8")
    last, before = (ROWS - 1, ROW - 2), (2**14, 12345)
    x[0, *last, 0], x[0, *before, 0] = 100, 50
    x = tf.constant(x)

    # Each 64 elements of a row as channels.
    y = kp.ops.max_pool(tf.reshape(x, (1, ROWS, ROW // 64, 64)), (3, 2))[0].numpy()
    assert y.shape == (ROWS // 3, ROW // 128, 64)
    assert np.count_nonzero(y) == 2
    for (row, column), value in ((last, 100), (before, 50)):
        assert y[row // 3, column // 128, column % 64] == value
    del y

    y, indices = kp.ops.max_pool(x, (1, ROW), return_indices=True)
    assert indices.dtype == tf.int64
    y, indices = y.numpy().ravel(), indices.numpy().ravel()
    assert y[[before[0], last[0]]].tolist() == [50, 100]
    expected = np.arange(ROWS, dtype="int64") * ROW
    for row, column in (last, before):
        expected[row] += column
    np.testing.assert_array_equal(indices, expected)

    assert kp.ops.global_max_pool(x).numpy().ravel() == [100]
    with pytest.raises(tf.errors.InvalidArgumentError, match="than taps can number"):
        kp.ops.adaptive_max_pool(x, 1, return_indices=True)
    # Taps that were never made are not taken for taps.
    pool = implementation._library.load().keras_pooling_selecting_pool
    arguments = dict(geometry="adaptive", window=[1, 1], regions=[])
    y, taps = pool(x=x, seed=[], Tap=tf.int32, taps_are_read=False, **arguments)
    assert y.numpy().ravel() == [100] and taps.numpy().ravel() == [-1]
