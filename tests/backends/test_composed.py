"""Layers composed of several steps on the Keras backend that is in use: values,
gradients, compiled, saved, trained, masked. `make hosts` runs this file on the others.
"""

from collections.abc import Callable
from typing import NamedTuple

import data
import keras
import numpy as np
import pytest
import reference
import reference_composed as composed
import tolerances
from hosts import BACKEND, array, compiled, value_and_gradient
from training import assert_fit_trains

import keras_pooling as kp

IMAGES = (2, 8, 9, 6)
SEQUENCES = (2, 11, 6)
LEVELS = (1, 2, 4)


class Composed(NamedTuple):
    """A layer, and what it must give."""

    make: Callable  # of data_format and arguments of every layer
    value: Callable  # of x and data_format
    gradient: Callable  # of x, dy and data_format
    shape: tuple[int, ...] = IMAGES  # channels_last
    steps: int = 0  # roundings that a result comes of, at most


def blur(filter_size, strides, padding, pool_size=None) -> Composed:
    given = dict(filter_size=filter_size, strides=strides, padding=padding)
    if pool_size is not None:
        given["pool_size"] = pool_size
    cls = kp.BlurPool2D if pool_size is None else kp.MaxBlurPool2D
    sizes = IMAGES[1:-1]
    matrices = composed.blur_matrices(
        sizes, filter_size, strides, padding, pool_size or 1
    )
    windows = reference.sliding(sizes, pool_size or 1, 1)

    def value(x, data_format):
        maxima, _ = reference.max_pool(x, windows, data_format)
        return composed.along_axes(maxima, matrices, data_format)

    def gradient(x, dy, data_format):
        turned = [matrix.T for matrix in matrices]
        of_maxima = composed.along_axes(dy, turned, data_format)
        return reference.max_pool_gradient(x, of_maxima, windows, data_format)

    # Each average adds four numbers, or four numbers of its gradient; reflection and
    # overlapping maxima add some more.
    steps = 5 * (filter_size - 1) + 4 + (pool_size or 1) ** 2
    return Composed(lambda **more: cls(**given, **more), value, gradient, steps=steps)


def k_max(k, layer=None, num_layers=None) -> Composed:
    dynamic = (k, layer, num_layers)

    def value(x, data_format):
        x = reference.to_channels_last(x, data_format)
        y = composed.taken(x, composed.k_max_places(x, *dynamic))
        return reference.from_channels_last(y, data_format)

    def gradient(x, dy, data_format):
        x, dy = (reference.to_channels_last(t, data_format) for t in (x, dy))
        dx = composed.taken_gradient(x, dy, composed.k_max_places(x, *dynamic))
        return reference.from_channels_last(dx, data_format)

    def make(**more):
        return kp.KMaxPool1D(k, layer=layer, num_layers=num_layers, **more)

    return Composed(make, value, gradient, SEQUENCES)


def channel_axis(data_format) -> int:
    return -1 if data_format == "channels_last" else 1


def maxout(num_pieces, shape) -> Composed:
    def make(data_format="channels_last", **more):
        return kp.Maxout(num_pieces, channel_axis(data_format), **more)

    def value(x, data_format):
        return composed.maxout(x, num_pieces, channel_axis(data_format))[0]

    def gradient(x, dy, data_format):
        return composed.maxout_gradient(x, dy, num_pieces, channel_axis(data_format))

    return Composed(make, value, gradient, shape)


def pyramid(mode) -> Composed:
    def value(x, data_format):
        return composed.pyramid(x, LEVELS, mode, data_format)

    def gradient(x, dy, data_format):
        return composed.pyramid_gradient(x, dy, LEVELS, mode, data_format)

    def make(**more):
        return kp.SpatialPyramidPool2D(LEVELS, mode, **more)

    return Composed(make, value, gradient, steps=IMAGES[1] * IMAGES[2] + 1)


LAYERS = {
    "blur": blur(3, 2, "same"),
    "blur of 2 taps, which begins at each element": blur(2, (1, 3), "same"),
    "blur that needs an element beyond the last": blur(4, (2, 2), "same"),
    "blur of 5 taps": blur(5, (2, 3), "same"),
    "blur of 7 taps": blur(7, 1, "same"),
    "blur inside the image": blur(6, (2, 1), "valid"),
    "max blur": blur(3, 2, "same", 2),
    "max blur inside the image": blur(2, (1, 2), "valid", 3),
    "k-max": k_max(3),
    "k-max of fewer steps": k_max(14),
    "dynamic k-max": k_max(2, 1, 3),
    "the last of dynamic k-max": k_max(2, 3, 3),
    "maxout": maxout(3, IMAGES),
    "maxout of dense units": maxout(2, (5, 6)),
    "pyramid of maxima": pyramid("max"),
    "pyramid of averages": pyramid("avg"),
}
by_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])


def input_of(layer: Composed, data_format="channels_last") -> np.ndarray:
    x = data.distinct(layer.shape, "float32", data.generator("composed"))
    x = (x - x.mean()) / x.std()
    return reference.from_channels_last(x, data_format).astype("float32")


def check(result, exact, magnitude, steps) -> None:
    exact = exact.astype("float64")
    bound = tolerances.of_sum("float32", steps, exact, magnitude.astype("float64"))
    tolerances.assert_within(result, exact, bound if steps else 0)


def check_value(layer: Composed, y, x, data_format="channels_last") -> None:
    # What is linear in x is at most its greatest magnitude.
    exact = layer.value(x, data_format)
    check(y, exact, np.full_like(exact, abs(x).max()), layer.steps)


@by_layer
@by_format
def test_values_and_gradients(layer, data_format):
    made, x = layer.make(data_format=data_format), input_of(layer, data_format)
    dy = data.generator("dy").standard_normal(made(x).shape).astype("float32")
    y, dx = value_and_gradient(made, x, dy)
    check_value(layer, y, x, data_format)
    exact = layer.gradient(x, dy, data_format)
    # Of elements that were taken several times.
    steps = layer.steps or dy.size // dx.size + 1
    check(dx, exact, layer.gradient(x, abs(dy), data_format), steps)


@by_layer
def test_compiled(layer):
    x = input_of(layer)
    y = array(compiled(layer.make())(keras.ops.convert_to_tensor(x)))
    check_value(layer, y, x)


@by_layer
def test_saved(layer, tmp_path):
    model = keras.Sequential([keras.Input(layer.shape[1:]), layer.make(name="it")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("it").get_config() == model.get_layer("it").get_config()
    x = input_of(layer)
    np.testing.assert_array_equal(array(loaded(x)), array(model(x)))
    check_value(layer, loaded.predict(x, verbose=0), x)


@by_layer
def test_trains_the_layer_before_it(layer):
    x = data.generator("train").standard_normal((32, *layer.shape[1:-1], 2))
    x = x.astype("float32")
    y = (x.mean(axis=tuple(range(1, x.ndim))) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    first = keras.layers.Dense(6)
    layers = [first, layer.make(), keras.layers.Flatten()]
    layers = [keras.Input(x.shape[1:]), *layers, keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    assert_fit_trains(first, model, x, y)


# Masks of k-max pooling: what does not count is never taken, and leaves no trace.

MASK = np.array([[1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1], [0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0]])
DYNAMIC = {"three": (3, None, None), "half": (1, 1, 2), "all but few": (2, 1, 4)}
by_dynamic = pytest.mark.parametrize("dynamic", DYNAMIC.values(), ids=DYNAMIC)


@by_dynamic
@by_format
def test_masked_steps_are_never_taken(dynamic, data_format):
    k, layer, num_layers = dynamic
    x = data.for_max(SEQUENCES, "float32", 11, data.generator("mask"))
    x[~MASK.astype(bool)] = np.inf
    x[1, 2] = -np.inf  # which counts all the same
    places = composed.k_max_places(x, *dynamic, MASK)
    exact = composed.taken(x, places)
    pool = kp.KMaxPool1D(k, data_format, layer=layer, num_layers=num_layers)
    given = reference.from_channels_last(x, data_format)
    dy = data.whole(exact.shape, "float32", data.generator("dy"))
    y, dx = value_and_gradient(
        lambda x: pool(x, mask=keras.ops.convert_to_tensor(MASK)),
        given,
        reference.from_channels_last(dy, data_format),
    )
    np.testing.assert_array_equal(reference.to_channels_last(y, data_format), exact)
    dx = reference.to_channels_last(dx, data_format)
    np.testing.assert_array_equal(dx, composed.taken_gradient(x, dy, places))
    mask = pool.compute_mask(keras.ops.convert_to_tensor(given), MASK)
    np.testing.assert_array_equal(array(mask), places[..., 0] >= 0)


@by_dynamic
def test_padding_changes_nothing(dynamic):
    k, layer, num_layers = dynamic
    pool = kp.KMaxPool1D(k, layer=layer, num_layers=num_layers)
    x = data.distinct((1, 5, 3), "float32", data.generator("padding"))
    alone = array(pool(x))
    padded = np.concatenate([x, np.full((1, 7, 3), 99, "float32")], axis=1)
    mask = np.arange(12)[None] < 5
    y = array(pool(padded, mask=mask))
    np.testing.assert_array_equal(y[:, : alone.shape[1]], alone)
    assert not y[:, alone.shape[1] :].any()
    valid = array(pool.compute_mask(keras.ops.convert_to_tensor(padded), mask))
    assert valid.sum() == alone.shape[1]


@by_dynamic
def test_a_mask_of_kept_steps_reaches_the_next_layer(dynamic, tmp_path):
    k, layer, num_layers = dynamic
    pool = kp.KMaxPool1D(k, layer=layer, num_layers=num_layers)
    layers = [keras.layers.Masking(), pool, kp.GlobalAvgPool1D()]
    x = data.distinct(SEQUENCES, "float32", data.generator("reaches")) + 1
    x[~MASK.astype(bool)] = 0
    kept = composed.k_max_places(x, *dynamic, MASK)
    exact = composed.taken(x, kept).sum(axis=1) / (kept >= 0).sum(axis=1)
    bound = tolerances.of_sum("float32", 12, exact, exact)
    for steps in (11, None):
        model = keras.Sequential([keras.Input((steps, 6)), *layers])
        tolerances.assert_within(array(model(x)), exact, bound)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        tolerances.assert_within(loaded.predict(x, verbose=0), exact, bound)


def test_too_few_steps_are_masked_without_a_mask():
    pool, x = kp.KMaxPool1D(4), keras.ops.ones((2, 3, 1))
    np.testing.assert_array_equal(
        array(pool.compute_mask(x)), [[True, True, True, False]] * 2
    )
    assert kp.KMaxPool1D(3).compute_mask(x) is None
    model = keras.Sequential([keras.Input((3, 1)), pool, kp.GlobalAvgPool1D()])
    np.testing.assert_array_equal(array(model(x)), [[1.0], [1.0]])


def test_of_equal_steps_the_first_are_taken():
    x = np.array([0.0, -0.0, 1.0, 0.0, -0.0, 1.0], "float32").reshape(1, 6, 1)
    y, dx = value_and_gradient(
        lambda x: kp.ops.k_max_pool(x, 4), x, np.ones((1, 4, 1), "float32")
    )
    np.testing.assert_array_equal(dx[0, :, 0], [1, 1, 1, 0, 0, 1])
    np.testing.assert_array_equal(np.signbit(y[0, :, 0]), [False, True, False, False])
    many = np.zeros((1, 300, 1), "float32")
    dy = np.ones((1, 100, 1), "float32")
    _, dx = value_and_gradient(lambda x: kp.ops.k_max_pool(x, 100), many, dy)
    np.testing.assert_array_equal(dx[0, :, 0], np.arange(300) < 100)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_nan_is_the_greatest_step(dtype):
    x = np.array([np.inf, 1, np.nan, -np.inf, -np.nan, 2, np.inf], "float32")
    x = keras.ops.cast(x.reshape(1, 7, 1), dtype)
    for k, expected in (
        (1, [np.nan]),
        (2, [np.nan, np.nan]),
        (3, [np.inf, np.nan, np.nan]),
        (5, [np.inf, np.nan, np.nan, 2, np.inf]),
    ):
        y = array(keras.ops.cast(kp.ops.k_max_pool(x, k), "float32"))
        np.testing.assert_array_equal(y[0, :, 0], expected)


INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "bool"]


@pytest.mark.parametrize("dtype", INTEGERS + ["int64"] * (BACKEND != "jax"))
def test_greatest_integers_of_the_whole_range(dtype):
    limits = np.iinfo("uint8" if dtype == "bool" else dtype)
    x = data.generator(dtype).integers(
        limits.min, limits.max, (2, 9, 3), limits.dtype, endpoint=True
    )
    x[0, ::2], x[1, ::3] = limits.max, limits.min
    x = (x > 99).astype(dtype) if dtype == "bool" else x
    mask = np.arange(9)[None] % [[2], [9]] > 0
    layer, given = kp.KMaxPool1D(5), keras.ops.convert_to_tensor(x)
    for y, of in ((layer(given), None), (layer(given, mask=mask), mask)):
        exact = composed.taken(x, composed.k_max_places(x, 5, mask=of))
        # PyTorch has wider types for some.
        np.testing.assert_array_equal(array(y).astype(dtype), exact)


def test_maxout_of_ties_nan_and_integers():
    x = np.array([[3, 3, 0.0, -0.0, -np.inf, -np.inf, np.nan, 1, 5, np.nan]], "float32")
    y, dx = value_and_gradient(
        lambda x: kp.ops.maxout(x, 2), x, np.ones((1, 5), "float32")
    )
    # Where the core is not in use, NaN and −inf alone are the backend's to rule.
    ruled = 5 if kp.build_info()["compiled"] else 2
    expected = np.array([[3, 0, -np.inf, np.nan, np.nan]])[:, :ruled]
    np.testing.assert_array_equal(y[:, :ruled], expected)
    expected = np.array([[1, 0, 1, 0, 1, 0, 1, 0, 0, 1]])[:, : 2 * ruled]
    np.testing.assert_array_equal(dx[:, : 2 * ruled], expected)
    integers = np.array([[2**31 - 1, -(2**31), 5, 7]], "int32")
    np.testing.assert_array_equal(array(kp.ops.maxout(integers, 2)), [[2**31 - 1, 7]])
