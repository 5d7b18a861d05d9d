"""Global layers: agreement with Keras, masks, the empty axis."""

import keras
import numpy as np
import pytest

import keras_pooling as kp

SHAPES = {1: (2, 5, 3), 2: (2, 4, 5, 3), 3: (2, 3, 4, 5, 3)}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("family", ["GlobalMaxPooling", "GlobalAveragePooling"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_agrees_with_keras(family, rank, keepdims, data_format):
    x = np.random.default_rng(rank).standard_normal(SHAPES[rank]).astype("float32")
    name = f"{family}{rank}D"
    expected = array(getattr(keras.layers, name)(data_format, keepdims)(x))
    y = array(getattr(kp, name)(data_format, keepdims)(x))
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    short = family.replace("Pooling", "Pool").replace("Average", "Avg")
    np.testing.assert_array_equal(getattr(kp, short)(data_format, keepdims)(x), y)


@pytest.mark.parametrize("layer", [kp.GlobalAvgPool1D(), kp.GlobalAvgPool()])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_masked_steps_do_not_count(layer, dtype):
    x = np.arange(12).reshape(2, 3, 2).astype(dtype)
    mask = np.array([[1, 0, 1], [0, 0, 0]])
    y = array(layer(x, mask=mask))
    np.testing.assert_array_equal(y, [[2, 3], [0, 0]])  # keras#18152: 0, not NaN
    x = x.astype("float32")
    x[0, 1] = np.nan
    np.testing.assert_array_equal(array(layer(x, mask=mask)), y)


def test_a_masked_half_average_does_not_overflow():
    x = np.full((1, 4, 1), 60000, "float16")
    layer = kp.GlobalAvgPool1D(dtype="float16")
    np.testing.assert_array_equal(layer(x, mask=np.ones((1, 4))), [[60000]])


def test_mask_comes_from_the_layer_before_and_ends_here():
    model = keras.Sequential(
        [keras.Input((3, 1)), keras.layers.Masking(), kp.GlobalAvgPool1D()]
    )
    y = model(np.array([[[2.0], [0.0], [4.0]]], "float32"))
    np.testing.assert_array_equal(array(y), [[3.0]])
    assert getattr(model.outputs[0], "_keras_mask", None) is None


def test_a_mask_over_two_axes_is_refused():
    with pytest.raises(ValueError, match="a mask needs an input with one spatial axis"):
        kp.GlobalAvgPool()(np.zeros((2, 3, 4, 1), "float32"), mask=np.ones((2, 3)))


@pytest.mark.parametrize("name", ["GlobalMaxPooling2D", "GlobalAveragePooling2D"])
def test_an_empty_spatial_axis_is_refused(name):  # keras#16491
    with pytest.raises(ValueError, match=f"{name}: .*empty spatial axis") as error:
        getattr(kp, name)()(np.zeros((1, 0, 3, 2), "float32"))
    assert "Received shape=(1, 0, 3, 2). Every" in str(error.value)
    y = getattr(kp, name)()(np.zeros((0, 3, 3, 2), "float32"))
    assert y.shape == (0, 2)
