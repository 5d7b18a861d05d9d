"""Arbitrary calls of the younger families against their oracles: values, gradients, the
shape that a layer foresees, and the layer that its config makes.
"""

import calls
import data
import hypothesis
import keras
import numpy as np
import reference
import reference_learned
import reference_median
import tensorflow as tf
import tolerances
from hypothesis import strategies as st
from strategies import bounded, cases, seeds

import keras_pooling as kp

WIDE = st.sampled_from(["float32", "float64"])


def is_right(case) -> bool:
    return not reference.has_empty_window(case.windows)


good_cases = cases().filter(is_right)


def check_layer(cls, case, x, y, **options):
    """The layer gives what its function gave, and foresees the shape."""
    layer = cls(**case.arguments, **options, dtype=x.dtype.name)
    assert layer.compute_output_shape(case.shape) == y.shape
    unknown = keras.KerasTensor((None, *case.shape[1:]), dtype=x.dtype.name)
    symbolic = layer(unknown)
    assert symbolic.shape == (None, *y.shape[1:]) and symbolic.dtype == x.dtype.name
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for one in (layer, again):
        np.testing.assert_array_equal(one(x).numpy(), y)


@bounded
@hypothesis.given(
    good_cases,
    WIDE,
    st.sampled_from(["gem", "soft"]),
    st.sampled_from([0.25, 1.0, 2.5, 8.0]) | st.none(),
    seeds,
)
def test_learned_pools_are_the_oracle(case, dtype, kind, number, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 4, case.shape).astype(dtype)
    dy = rng.standard_normal(case.output_shape).astype(dtype)
    axis = 1 if case.data_format == "channels_first" else -1
    parameter = rng.uniform(0.5, 4, case.shape[axis]) if number is None else number
    parameter = np.asarray(parameter, dtype)
    name = {"gem": "p", "soft": "beta"}[kind]
    pool = getattr(kp.ops, f"{kind}_pool")
    tensors = tf.constant(x), tf.constant(parameter)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = pool(tensors[0], **case.arguments, **{name: tensors[1]})
    dx, through = tape.gradient(y, tensors, output_gradients=tf.constant(dy))

    oracle = getattr(reference_learned, kind)
    exact = reference_learned.pool(
        oracle, x, dy, case.windows, case.data_format, parameter
    )
    steps = reference_learned.steps(case.windows, parameter)
    for given, wanted, magnitude, terms in (
        (y, exact.y, exact.y_magnitude, steps),
        (dx, exact.dx, exact.dx_magnitude, steps),
        (
            through,
            *exact.by_parameter(dy, parameter, case.data_format),
            steps + dy.size,
        ),
    ):
        bound = tolerances.of_sum(dtype, terms, wanted, magnitude)
        tolerances.assert_within(given.numpy(), wanted, bound)
    if number is not None:
        cls = {"gem": kp.GeMPool, "soft": kp.SoftPool}[kind]
        plain = pool(x, **case.arguments, **{name: number}).numpy()
        check_layer(cls, case, x, plain, **{name: number})


@bounded
@hypothesis.given(good_cases, st.sampled_from(data.FLOATS), seeds)
def test_median_and_min_pools_are_the_oracle(case, dtype, seed):
    rng = np.random.default_rng(seed)
    x = data.whole(case.shape, dtype, rng)  # ties, and exact halves
    dy = data.whole(case.output_shape, dtype, rng)
    arguments = (case.windows, case.data_format)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.median_pool(x, **case.arguments), x, dy
    )
    tolerances.assert_within(y, reference_median.median_pool(x, *arguments), 0)
    exact = reference_median.median_pool_gradient(x, dy, *arguments)
    tolerances.assert_within(dx, exact, 0)
    check_layer(kp.MedianPool, case, x, y)

    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.min_pool(x, **case.arguments), x, dy
    )
    np.testing.assert_array_equal(y, -reference.max_pool(-x, *arguments)[0])
    exact = reference.max_pool_gradient(-x, dy, *arguments)
    np.testing.assert_array_equal(dx.astype(exact.dtype), exact)
    check_layer(kp.MinPool, case, x, y)


@bounded
@hypothesis.given(good_cases, WIDE, st.sampled_from([0.0, 0.25, 1.0]), seeds)
def test_mixed_pools_are_the_oracle(case, dtype, alpha, seed):
    rng = np.random.default_rng(seed)
    x = data.distinct(case.shape, dtype, rng)
    dy = data.whole(case.output_shape, dtype, rng)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.mixed_pool(x, **case.arguments, alpha=alpha), x, dy
    )
    arguments = (case.windows, case.data_format)

    def mixture(x):
        greatest = reference.wide(reference.max_pool(x, *arguments)[0])
        return alpha * greatest + (1 - alpha) * reference.avg_pool(x, *arguments)

    def gradient(dy):
        of_max = reference.max_pool_gradient(x, dy, *arguments)
        of_mean = reference.avg_pool_gradient(dy, *arguments)
        return alpha * of_max + (1 - alpha) * of_mean

    terms = reference.max_taps(case.windows) + 3
    bound = tolerances.of_sum(dtype, terms, mixture(x), mixture(abs(x)))
    tolerances.assert_within(y, mixture(x), bound)
    terms = 2 * (reference.windows_over_each_element(case.windows) + 3)
    bound = tolerances.of_sum(dtype, terms, gradient(dy), gradient(abs(dy)))
    tolerances.assert_within(dx, gradient(dy), bound)
    check_layer(kp.MixedPool, case, x, y, alpha=alpha)


@bounded
@hypothesis.given(
    good_cases,
    st.sampled_from(data.FLOATS),
    st.sampled_from(["int32", "int64"]),
    st.booleans(),
    seeds,
)
def test_unpooling_is_the_oracle(case, dtype, index_dtype, of_a_pool, seed):
    rng = np.random.default_rng(seed)
    x = data.whole(case.shape, dtype, rng)
    y, indices = calls.max_pool_with_indices(x, case)
    if not of_a_pool:  # any index of the plane, some of them several times
        indices = rng.integers(0, np.prod(case.sizes), indices.shape)
    indices = indices.astype(index_dtype)
    dx = data.whole(case.shape, dtype, rng)
    where = dict(output_size=case.sizes, data_format=case.data_format)
    unpooled, dy = calls.value_and_gradient(
        lambda y: kp.ops.max_unpool(y, indices, **where), y, dx
    )
    exact = reference.max_unpool(y, indices, case.sizes, case.data_format)
    tolerances.assert_same_values(unpooled, exact)
    exact = reference.max_unpool_gradient(dx, indices, case.data_format)
    tolerances.assert_same_values(dy, exact)
    layer = kp.MaxUnpool(**where, dtype=dtype)
    assert layer.compute_output_shape(y.shape) == case.shape
    symbolic = layer(
        keras.KerasTensor((None, *y.shape[1:]), dtype),
        keras.KerasTensor((None, *y.shape[1:]), index_dtype),
    )
    assert symbolic.shape == (None, *case.shape[1:])
    again = kp.MaxUnpool.from_config(layer.get_config())
    np.testing.assert_array_equal(again(y, indices).numpy(), unpooled)
