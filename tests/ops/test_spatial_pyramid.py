"""Spatial pyramids: any rank and size, the order of the vector, what is refused."""

import data
import keras
import numpy as np
import pytest
import reference
import reference_composed as composed
import tensorflow as tf
import tolerances

import keras_pooling as kp

by_mode = pytest.mark.parametrize("mode", ["max", "avg"])


@by_mode
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_rank_and_size(rank, mode, each_path):
    for sizes in ((4, 8, 4), (7, 5, 6), (1, 2, 1)):
        x = data.distinct((2, *sizes[:rank], 3), "float32", data.generator(*sizes))
        exact = composed.pyramid(x, (1, 2, 3), mode, "channels_last")
        taps = x[0, ..., 0].size
        bound = tolerances.of_sum("float32", taps + 1, exact, exact) * (mode == "avg")
        for data_format in ("channels_last", "channels_first"):
            given = reference.from_channels_last(x, data_format)
            y = kp.ops.spatial_pyramid_pool(given, (1, 2, 3), mode, data_format)
            tolerances.assert_within(y.numpy(), exact, bound)


def test_the_order_is_levels_then_rows_then_columns_then_channels():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    expected = [6, 7, *range(8)]
    first = np.moveaxis(x, -1, 1)
    for y in (
        kp.SpatialPyramidPool2D((1, 2))(x),
        kp.SpatialPyramidPool2D((1, 2), data_format="channels_first")(first),
    ):
        np.testing.assert_array_equal(y, [expected])


@by_mode
def test_a_model_of_images_of_every_size(mode):
    inputs = keras.Input((None, None, 3))
    y = kp.SpatialPyramidPool2D(mode=mode)(inputs)
    assert y.shape == (None, 63)
    model = keras.Model(inputs, keras.layers.Dense(1)(y))
    model.compile("sgd", "mse")
    for sizes in ((7, 5), (2, 3), (1, 1), (32, 33)):
        x = np.random.default_rng(1).standard_normal((4, *sizes, 3)).astype("float32")
        model.fit(x, np.zeros((4, 1)), verbose=0)
        assert model.predict(x, verbose=0).shape == (4, 1)


def test_maxima_of_integers_stay_integers_and_averages_are_floats():
    x = tf.constant(np.arange(8).reshape(1, 2, 2, 2).astype("int16"))
    for mode, dtype in (("max", "int16"), ("avg", "float32")):
        layer = kp.SpatialPyramidPool2D((1,), mode)
        assert layer(x).dtype.name == dtype
        assert layer(keras.KerasTensor(x.shape, dtype="int16")).dtype == dtype


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"levels": ()}, "`levels` argument must hold one integer per level"),
        ({"levels": 4}, "`levels` argument must hold one integer per level"),
        ({"levels": "124"}, "`levels` argument must hold one integer per level"),
        ({"levels": (1, 0)}, "`levels` argument must be positive"),
        ({"levels": (1, 2.0)}, "`levels` argument must hold integers"),
        ({"levels": (1, (2, 3))}, "`levels` argument must hold integers"),
        ({"mode": "mean"}, "`mode` argument must be one of 'max', 'avg'"),
        ({"data_format": "NHWC"}, 'Use data_format="channels_last"'),
    ],
)
def test_wrong_arguments_are_refused_when_the_layer_is_made(arguments, words):
    with pytest.raises(ValueError, match=r"^SpatialPyramidPool2D: ") as error:
        kp.SpatialPyramidPool2D(**arguments)
    assert words in str(error.value)


def test_an_empty_spatial_axis_is_refused():
    with pytest.raises(
        ValueError, match=r"^spatial_pyramid_pool: .*empty spatial axis"
    ):
        kp.ops.spatial_pyramid_pool(np.zeros((1, 0, 3, 2), "float32"))
