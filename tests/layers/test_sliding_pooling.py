"""Max and average layers: agreement with Keras, ranks, errors where they belong."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from training import assert_fit_trains

import keras_pooling as kp

SIZES = {1: (9,), 2: (9, 6), 3: (5, 9, 6)}


def value_and_gradient(layer, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(y * tf.cast(tf.range(1, tf.size(y) + 1), y.dtype)[0])
    return y.numpy(), tape.gradient(loss, x).numpy()


@pytest.mark.parametrize("family", ["MaxPooling", "AveragePooling"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "SAME"])
def test_agrees_with_keras(family, rank, padding):
    rng = np.random.default_rng(rank)
    x = rng.permutation(2 * 4 * np.prod(SIZES[rank])).astype("float32")
    x = x.reshape(2, *SIZES[rank], 4)  # no ties: TensorFlow divides those otherwise
    name = f"{family}{rank}D"
    for pool_size, strides in itertools.product((2, 3), (None, 1, 2)):
        y, dx = value_and_gradient(getattr(kp, name)(pool_size, strides, padding), x)
        keras_layer = getattr(keras.layers, name)(pool_size, strides, padding)
        expected, expected_dx = value_and_gradient(keras_layer, x)
        np.testing.assert_allclose(y, expected, rtol=1e-6)
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_rank_comes_from_the_input(family, rank):
    x = np.random.default_rng(0).standard_normal((2, *SIZES[rank], 3)).astype("float32")
    free = getattr(kp, family)(2, padding=1)
    fixed = getattr(kp, f"{family}{rank}D")(2, padding=1)
    np.testing.assert_array_equal(free(x), fixed(x))
    assert free.pool_size == free.strides == 2
    assert fixed.pool_size == fixed.strides == (2,) * rank
    assert fixed.padding == ((1, 1),) * rank


@pytest.mark.parametrize("family", ["MaxPool", "AvgPool"])
def test_one_argument_per_axis_fixes_the_rank(family):
    layer = getattr(kp, family)(2, strides=(1, 2))
    assert layer.pool_size == (2, 2)
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
        layer(np.zeros((1, 4, 1), "float32"))
    with pytest.raises(ValueError, match="there are 1, 2 or 3 spatial axes"):
        getattr(kp, family)((2, 2, 2, 2))
    with pytest.raises(
        ValueError, match="`strides` argument must be an integer, or a tuple of 2"
    ):
        getattr(kp, family)((2, 2), strides=(1, 1, 1))


@pytest.mark.parametrize(
    "family", ["MaxPooling2D", "AveragePooling2D", "MaxPool", "AvgPool"]
)
@pytest.mark.parametrize(
    "arguments",
    [
        {"pool_size": 0},
        {"strides": -1},
        {"padding": "causal"},
        {"padding": 2},
        {"dilation_rate": 0},
        {"ceil_mode": "yes"},
        {"data_format": "channels_middle"},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_at_construction(family, arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"{family}: .*`{name}` argument"):
        getattr(kp, family)(**arguments)


def test_wrong_arguments_of_one_family():
    with pytest.raises(ValueError, match="AvgPool: the `divisor_override` argument"):
        kp.AvgPool(divisor_override=0)
    with pytest.raises(ValueError, match="`count_include_pad` argument"):
        kp.AvgPool1D(count_include_pad=None)
    with pytest.raises(ValueError, match="`return_indices` argument"):
        kp.MaxPool3D(return_indices=2)


@pytest.mark.parametrize("use", ["symbolic", "eager", "build", "shape"])
def test_a_window_larger_than_the_input_is_refused(use):
    layer = kp.MaxPool2D(5, strides=1)
    shape = (1, 3, 4, 8)
    use = {
        "symbolic": lambda: layer(keras.KerasTensor(shape)),
        "eager": lambda: layer(np.zeros(shape, "float32")),
        "build": lambda: layer.build(shape),
        "shape": lambda: layer.compute_output_shape(shape),
    }[use]
    message = r"MaxPooling2D: window \(5, 5\) is larger than the input \(3, 4\)"
    with pytest.raises(ValueError, match=message):
        use()


def test_return_indices_in_a_model():
    inputs = keras.Input((None, None, 2))
    y, indices = kp.MaxPool2D(return_indices=True)(inputs)
    model = keras.Model(inputs, [y, indices])
    x = np.random.default_rng(3).standard_normal((2, 4, 6, 2)).astype("float32")
    y, indices = (keras.ops.convert_to_numpy(output) for output in model(x))
    plane = np.take_along_axis(
        x.reshape(2, 24, 2), indices.reshape(2, 6, 2).astype("int64"), axis=1
    )
    np.testing.assert_array_equal(y.reshape(2, 6, 2), plane)


@pytest.mark.parametrize("jit_compile", [False, True, "auto"])
def test_trains_the_layer_before_it(jit_compile):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32, 8, 8, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(4, 3),
        kp.MaxPool2D(),
        kp.AvgPool2D(2, 1),
        kp.GlobalAvgPool2D(),
        keras.layers.Dense(1, "sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", jit_compile=jit_compile)
    model.build(x.shape)
    assert_fit_trains(model.layers[0], model, x, y)
