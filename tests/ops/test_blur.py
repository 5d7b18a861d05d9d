"""Blurring: against the oracle, on every rank, reflected, and what is refused."""

import itertools

import data
import hypothesis
import numpy as np
import pytest
import reference
import reference_composed as composed
import tensorflow as tf
import tolerances
from hypothesis import strategies as st

import keras_pooling as kp

by_padding = pytest.mark.parametrize("padding", ["same", "valid"])


def check(x, filter_size, strides, padding, data_format="channels_last") -> None:
    sizes = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
    matrices = composed.blur_matrices(sizes, filter_size, strides, padding)
    exact = composed.along_axes(x, matrices, data_format)
    magnitude = composed.along_axes(abs(x), matrices, data_format)
    y = kp.ops.blur_pool(x, filter_size, strides, padding, data_format).numpy()
    # Each average adds 2^rank numbers, at most 8.
    terms = 9 * (filter_size - 1)
    bound = tolerances.of_sum(x.dtype, terms, exact, magnitude)
    tolerances.assert_within(y, exact, bound)


@by_padding
@pytest.mark.parametrize("filter_size", range(2, 8))
def test_every_filter_at_every_stride_of_every_size(filter_size, padding, each_path):
    least = filter_size if padding == "valid" else filter_size // 2 + 1
    for size, stride in itertools.product(range(least, least + 5), range(1, 5)):
        shape = (2, size, 3)
        x = data.for_average(shape, "float32", data.generator(*shape))
        check(x, filter_size, stride, padding)


@by_padding
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_rank_and_dtype(rank, dtype, padding, each_path):
    shape = (2, *(7, 6, 8)[:rank], 5)
    x = data.for_average(shape, dtype, data.generator(*shape, dtype))
    for filter_size in (3, 4):
        check(x, filter_size, (2, 1, 3)[:rank], padding)
        first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        check(first, filter_size, (2, 1, 3)[:rank], padding, "channels_first")


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(
    st.integers(2, 7),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.sampled_from(["same", "valid"]),
)
def test_any_blur_is_the_oracles_or_is_refused(filter_size, strides, sizes, padding):
    shape = (1, *sizes, 3)
    least = filter_size if padding == "valid" else filter_size // 2 + 1
    if min(sizes) < least:
        with pytest.raises(ValueError, match=f"needs {least} along each axis"):
            kp.ops.blur_pool(np.zeros(shape), filter_size, strides, padding)
        return
    check(
        data.for_average(shape, "float32", data.generator(*shape)),
        filter_size,
        strides,
        padding,
    )


def test_the_image_is_reflected_as_numpy_reflects():
    x = data.generator("reflect").standard_normal((1, 4, 1))
    w = np.array([1, 6, 15, 20, 15, 6, 1]) / 64
    padded = np.pad(x[0, :, 0], (3, 3), mode="reflect")
    expected = np.convolve(padded, w, "valid")
    y = kp.ops.blur_pool(x, 7, 1).numpy()[0, :, 0]
    np.testing.assert_allclose(y, expected, rtol=1e-13)


def test_a_constant_image_stays_and_the_finest_stripes_vanish():
    ones = tf.ones((1, 8, 8, 2))
    stripes = ones * tf.constant([1.0, -1.0] * 4)[:, None]
    for filter_size in range(2, 8):
        y = kp.BlurPool2D(filter_size)(ones)
        np.testing.assert_array_equal(y, np.ones((1, 4, 4, 2)))
        y = kp.BlurPool2D(filter_size)(stripes)
        np.testing.assert_array_equal(y, np.zeros((1, 4, 4, 2)))


@by_padding
def test_max_blur_is_maxima_then_blur(padding, each_path):
    x = data.for_average((2, 9, 10, 4), "float32", data.generator("max blur"))
    for data_format in ("channels_last", "channels_first"):
        given = reference.from_channels_last(x, data_format)
        maxima = kp.MaxPooling2D((3, 2), 1, "valid", data_format)(given)
        expected = kp.BlurPool2D(4, (2, 3), padding, data_format)(maxima)
        layer = kp.MaxBlurPool2D((3, 2), (2, 3), padding, data_format, filter_size=4)
        np.testing.assert_array_equal(layer(given), expected)
        assert layer.compute_output_shape(given.shape) == expected.shape


def test_max_blur_of_the_defaults_has_the_size_of_max_pooling():
    for size in range(3, 12):
        shape = (1, size, size, 1)
        expected = kp.MaxPooling2D(2).compute_output_shape(shape)
        assert kp.MaxBlurPool2D().compute_output_shape(shape) == expected


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "bool"])
def test_integers_are_blurred_as_floats(dtype):
    x = np.array([0, 1, 1, 0], dtype).reshape(1, 4, 1)
    for pool in (kp.ops.blur_pool, lambda x: kp.ops.max_blur_pool(x, 1)):
        y = pool(tf.constant(x))
        assert y.dtype == "float32"
        np.testing.assert_array_equal(y.numpy()[0, :, 0], [0.5, 0.75])
    big = tf.constant(2**31 - 1, "int32", (1, 5, 1))
    np.testing.assert_allclose(kp.ops.max_blur_pool(big), 2**31, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"filter_size": 1}, "`filter_size` argument must be at least 2"),
        ({"filter_size": 8}, "`filter_size` argument must be at most 7"),
        ({"filter_size": 3.0}, "including 3.0 of type float"),
        ({"filter_size": (3, 3)}, "`filter_size` argument must hold integers"),
        ({"strides": 0}, "`strides` argument must be positive"),
        ({"strides": None}, "`strides` argument must hold integers"),
        ({"strides": (1, 2, 3)}, "`strides` argument must be an integer, or a tuple"),
        ({"padding": 1}, "`padding` argument must be one of 'same', 'valid'"),
        ({"padding": "reflect"}, "`padding` argument must be one of 'same', 'valid'"),
        ({"data_format": "NCHW"}, 'Use data_format="channels_first"'),
        ({"pool_size": 0}, "`pool_size` argument must be positive"),
        ({"pool_size": None}, "`pool_size` argument must hold integers"),
    ],
)
def test_wrong_arguments_are_refused_when_the_layer_is_made(arguments, words):
    layers = [kp.MaxBlurPool2D]
    if "pool_size" not in arguments:
        layers.append(kp.BlurPool2D)
    for layer in layers:
        with pytest.raises(ValueError, match=f"^{layer.__name__}: ") as error:
            layer(**arguments)
        assert words in str(error.value)


def test_an_input_too_small_to_be_reflected_is_refused():
    x = tf.zeros((1, 3, 2, 4))
    with pytest.raises(ValueError) as error:
        kp.ops.blur_pool(x, 5)
    assert str(error.value) == (
        "blur_pool: the input is too small to be reflected for a filter of 5 taps, "
        "which needs 3 along each axis. Received shape=(1, 3, 2, 4), filter_size=5, "
        'padding="same". Use a smaller filter_size, or a larger input.'
    )
    with pytest.raises(ValueError, match="too small for a filter of 3 taps"):
        kp.ops.blur_pool(x, 3, padding="valid")
    with pytest.raises(ValueError, match=r"needs 2 maxima along.*pool_size=\(4, 4\)"):
        kp.ops.max_blur_pool(x, 4)
    for pool in (kp.BlurPool2D(5), kp.MaxBlurPool2D(4)):
        with pytest.raises(ValueError, match=type(pool).__name__):
            pool.compute_output_shape((None, None, 2, 4))
    assert kp.ops.blur_pool(x).shape == (1, 2, 1, 4)


@by_padding
@pytest.mark.parametrize("filter_size", [3, 4, 5])
def test_it_is_refused_by_a_graph_that_did_not_know(filter_size, padding, each_path):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1))])
    def pool(x):
        return kp.ops.blur_pool(x, filter_size, 1, padding)

    least = filter_size if padding == "valid" else filter_size // 2 + 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="smaller filter_size"):
        pool(tf.zeros((1, least, least - 1, 1)))
    lost = filter_size - 1 if padding == "valid" else 0
    size = least - lost
    assert pool(tf.zeros((1, least, least, 1))).shape == (1, size, size, 1)
