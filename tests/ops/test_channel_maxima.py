"""Maxout: any rank and axis, ties and special values, what is refused."""

import calls
import data
import keras
import numpy as np
import pytest
import reference_composed as composed
import tensorflow as tf
import tolerances

import keras_pooling as kp

# Shape, pieces and axis; each with its reason.
CASES = {
    "dense units": ((5, 12), 3, -1),
    "steps": ((2, 7, 10), 5, 2),
    "images": ((2, 3, 4, 8), 2, -1),
    "images, channels first": ((2, 8, 3, 5), 4, 1),
    "channels in the middle": ((2, 3, 9, 4), 3, -2),
    "volumes and more axes": ((2, 2, 3, 2, 2, 6), 2, -1),
    "one group": ((4, 7), 7, 1),
    "groups of one": ((4, 7), 1, 1),
    "more pieces than a vector has lanes": ((3, 160), 80, -1),
    "one sample": ((1, 1, 1, 4), 2, -1),
    "an axis of no elements": ((2, 0, 4), 2, -1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_values_and_gradients_with_ties_and_special_values(case, dtype):
    shape, num_pieces, axis = case
    rng = data.generator(*shape, dtype)
    x = data.for_max(shape, dtype, num_pieces, rng)
    y, _ = composed.maxout(x.astype("float64"), num_pieces, axis)
    dy = data.whole(y.shape, dtype, rng)
    given_y, dx = calls.value_and_gradient(
        lambda x: kp.ops.maxout(x, num_pieces, axis), x, dy
    )
    tolerances.assert_same_values(given_y, y.astype(x.dtype))
    exact = composed.maxout_gradient(x.astype("float64"), dy, num_pieces, axis)
    np.testing.assert_array_equal(dx.astype("float64"), exact.astype("float64"))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_integers_stay_integers(dtype):
    x = data.for_max((3, 12), dtype, 4, data.generator(dtype))
    y = kp.ops.maxout(tf.constant(x), 4)
    assert y.dtype.name == dtype
    np.testing.assert_array_equal(y, composed.maxout(x, 4, -1)[0])
    assert kp.Maxout(4)(keras.KerasTensor((None, 12), dtype=dtype)).dtype == dtype


def test_maxout_of_dense_units_is_what_the_paper_defines():
    x = data.generator("paper").standard_normal((8, 5)).astype("float32")
    dense, units, pieces = keras.layers.Dense(6), 2, 3
    z = dense(x).numpy()
    expected = [z[:, i * pieces : (i + 1) * pieces].max(axis=1) for i in range(units)]
    np.testing.assert_array_equal(kp.Maxout(pieces)(z), np.stack(expected, axis=1))


def test_a_mask_is_passed_on():
    layers = [keras.layers.Masking(), kp.Maxout(2), kp.GlobalAvgPool1D()]
    model = keras.Sequential([keras.Input((3, 2)), *layers])
    x = np.array([[[1.0, 5.0], [0.0, 0.0], [3.0, 2.0]]])
    np.testing.assert_array_equal(model(x), [[4.0]])


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"num_pieces": 0}, "`num_pieces` argument must be positive"),
        ({"num_pieces": "two"}, "`num_pieces` argument must hold integers"),
        ({"num_pieces": 2, "axis": 0}, "`axis` argument must be that of the channels"),
        ({"num_pieces": 2, "axis": (1,)}, "`axis` argument must hold integers"),
    ],
)
def test_wrong_arguments_are_refused_when_the_layer_is_made(arguments, words):
    with pytest.raises(ValueError, match=r"^Maxout: ") as error:
        kp.Maxout(**arguments)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "shape, axis, words",
    [
        ((2, 7), -1, "7 channels are no whole groups of 2"),
        ((2, 1), -1, "1 channels are no whole groups of 2"),
        ((2, 0), -1, "0 channels are no whole groups of 2"),
        ((2, 3, 4), 1, "3 channels are no whole groups of 2"),
        ((2, 4), 2, "the input has no channel axis 2"),
        ((2, 4), -2, "the input has no channel axis -2"),
        ((4,), -1, "the input has no channel axis -1"),
    ],
)
def test_channels_that_are_no_whole_groups_are_refused(shape, axis, words):
    for x in (np.zeros(shape, "float32"), keras.KerasTensor(shape)):
        with pytest.raises(ValueError, match=f"^maxout: {words}.*shape="):
            kp.ops.maxout(x, 2, axis)


def test_they_are_refused_by_a_graph_that_did_not_know(each_path):
    @tf.function(input_signature=[tf.TensorSpec((None, None))])
    def pieces(x):
        return kp.ops.maxout(x, 2)

    for shape in ((1, 5), (4, 3), (1, 1)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            pieces(tf.zeros(shape))
    assert pieces(tf.zeros((3, 4))).shape == (3, 2)
