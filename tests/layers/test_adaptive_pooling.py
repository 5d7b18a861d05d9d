"""Adaptive layers: agreement with Keras, sizes that are not known, kept axes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp

SIZES = {1: (10,), 2: (7, 10), 3: (5, 7, 4)}
COUNTS = {1: 4, 2: (3, 5), 3: (2, 3, 4)}
by_family = pytest.mark.parametrize("family", ["Max", "Average"])
by_rank = pytest.mark.parametrize("rank", [1, 2, 3])
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


def value_and_gradient(layer, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(y**2)
    return y.numpy(), tape.gradient(loss, x).numpy()


@by_family
@by_rank
@by_format
def test_agrees_with_keras(family, rank, data_format):
    shape = (2, *SIZES[rank], 4)
    if data_format == "channels_first":
        shape = (2, 4, *SIZES[rank])
    # No ties: TensorFlow divides the gradient of those otherwise.
    x = np.random.default_rng(rank).permutation(int(np.prod(shape)))
    x = (x / x.size).reshape(shape).astype("float32")
    name = f"Adaptive{family}Pooling{rank}D"
    results = [
        value_and_gradient(getattr(module, name)(COUNTS[rank], data_format), x)
        for module in (kp, keras.layers)
    ]
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@by_family
@by_rank
def test_rank_comes_from_the_input(family, rank):
    x = np.random.default_rng(0).standard_normal((2, *SIZES[rank], 3)).astype("float32")
    short = f"Adaptive{family.replace('Average', 'Avg')}Pool"
    free, fixed = getattr(kp, short)(3), getattr(kp, f"{short}{rank}D")(3)
    np.testing.assert_array_equal(free(x), fixed(x))
    assert free.output_size == 3 and fixed.output_size == (3,) * rank
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
        getattr(kp, short)((2, None))(np.zeros((1, 4, 1), "float32"))


@by_family
def test_a_model_of_images_of_every_size(family):
    # Keras's own layers need to know the sizes.
    inputs = keras.Input((None, None, 3))
    y = getattr(kp, f"Adaptive{family}Pooling2D")((2, 3))(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(y)))
    assert y.shape == (None, 2, 3, 3)
    model.compile("sgd", "mse")
    for size in ((7, 5), (2, 3), (1, 1), (32, 33)):
        x = np.random.default_rng(1).standard_normal((4, *size, 3)).astype("float32")
        model.fit(x, np.zeros((4, 1)), verbose=0)
        assert model.predict(x, verbose=0).shape == (4, 1)


def test_shapes_of_kept_and_unknown_axes():
    for output_size, shape, expected in (
        (3, (None, None, None, 2), (None, 3, 3, 2)),
        ((3, None), (None, None, None, 2), (None, 3, None, 2)),
        ((None, 3), (None, 8, None, 2), (None, 8, 3, 2)),
    ):
        layer = kp.AdaptiveMaxPool2D(output_size, return_indices=True)
        y, indices = layer(keras.KerasTensor(shape))
        assert y.shape == indices.shape == expected
        assert indices.dtype == "int64"
        assert layer.compute_output_shape(shape) == (expected, expected)


def test_one_window_is_global_pooling():
    x = np.random.default_rng(2).standard_normal((2, 6, 5, 3)).astype("float32")
    for adaptive, everything in (
        (kp.AdaptiveMaxPool(1), kp.GlobalMaxPool(keepdims=True)),
        (kp.AdaptiveAvgPool(1), kp.GlobalAvgPool(keepdims=True)),
    ):
        np.testing.assert_array_equal(adaptive(x), everything(x))


@pytest.mark.parametrize(
    "name", ["AdaptiveMaxPooling2D", "AdaptiveAveragePooling2D", "AdaptiveAvgPool"]
)
def test_wrong_arguments_are_refused_at_construction(name):
    for arguments in ({"output_size": 0}, {"output_size": (2, 2, 2, 2)}):
        with pytest.raises(ValueError, match=f"{name}: .*output_size"):
            getattr(kp, name)(**arguments)
    with pytest.raises(ValueError, match=f"{name}: .*`data_format` argument"):
        getattr(kp, name)(2, "NHWC")
    with pytest.raises(TypeError, match="output_size"):
        getattr(kp, name)()


def test_half_averages_are_summed_in_float32():
    x = np.full((1, 4097, 1), 1, "float16")
    y = kp.AdaptiveAvgPool1D(2, dtype="float16")(x)
    np.testing.assert_array_equal(y, np.ones((1, 2, 1)))
    x = np.full((1, 5, 1), 60000, "float16")
    y = kp.AdaptiveAvgPool1D(2, dtype="float16")(x)
    np.testing.assert_array_equal(y, np.full((1, 2, 1), 60000))
