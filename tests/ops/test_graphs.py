"""The same results in tf.function, with shapes known in full, in part or not at all."""

import data
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances

import keras_pooling as kp

ARGUMENTS = dict(pool_size=(3, 2), strides=2, padding=((1, 0), (0, 1)), ceil_mode=True)
# One trace each; every trace serves all of SHAPES that it admits.
SHAPES = [(2, 7, 9, 5), (1, 8, 6, 19), (0, 7, 9, 5), (3, 7, 9, 5)]
SIGNATURES = [
    (2, 7, 9, 5),
    (None, 7, 9, 5),
    (None, None, 9, None),
    (None, 7, None, 5),
    (None, None, None, None),
]


def training_step(data_format: str, signature):
    """Traces values, indices and gradients of both functions together."""

    @tf.function(input_signature=[tf.TensorSpec(signature, tf.float32)])
    def step(x):
        y, indices = kp.ops.max_pool(
            x, **ARGUMENTS, data_format=data_format, return_indices=True
        )
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            top = kp.ops.max_pool(x, **ARGUMENTS, data_format=data_format)
            mean = kp.ops.avg_pool(x, **ARGUMENTS, data_format=data_format)
        # Whatever the trace knows of a shape must be true of every run.
        step.static_shape = top.shape
        return y, indices, mean, tape.gradient(top, x), tape.gradient(mean, x)

    return step


def check(step, shape, data_format: str) -> None:
    x = data.for_max(shape, "float32", 100, data.generator(shape))
    x[~np.isfinite(x)] = 4
    sizes = shape[2:] if data_format == "channels_first" else shape[1:-1]
    windows = reference.sliding(sizes, **ARGUMENTS)
    y, indices, mean, dx_max, dx_mean = (t.numpy() for t in step(tf.constant(x)))
    expected_y, expected_indices = reference.max_pool(x, windows, data_format)
    ones = np.ones_like(expected_y)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(
        dx_max, reference.max_pool_gradient(x, ones, windows, data_format)
    )
    taps = reference.max_taps(windows)
    exact = reference.avg_pool(x, windows, data_format)
    magnitude = reference.avg_pool(np.abs(x), windows, data_format)
    tolerance = tolerances.of_sum("float32", taps, exact, magnitude)
    tolerances.assert_within(mean, exact, tolerance)
    exact = reference.avg_pool_gradient(ones, windows, data_format)
    terms = reference.windows_over_each_element(windows) + 1
    tolerance = tolerances.of_sum("float32", terms, exact, exact)
    tolerances.assert_within(dx_mean, exact, tolerance)
    assert step.static_shape.is_compatible_with(y.shape)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("signature", SIGNATURES, ids=str)
def test_known_and_unknown_sizes(signature, data_format):
    # A signature of channels_last names; moved where channels come first.
    step = training_step(data_format, move(signature, data_format))
    served = 0
    for shape in SHAPES:
        if tf.TensorShape(signature).is_compatible_with(shape):
            check(step, move(shape, data_format), data_format)
            served += 1
    assert served and step.experimental_get_tracing_count() == 1


def move(shape, data_format: str):
    if data_format == "channels_first":
        return (shape[0], shape[-1], *shape[1:-1])
    return shape


def test_static_shapes_know_all_that_can_be_known():
    step = training_step("channels_last", (None, 7, None, 5))
    step.get_concrete_function()
    assert step.static_shape.as_list() == [None, 4, None, 5]


def test_unknown_rank_is_asked_for():
    with pytest.raises(ValueError, match=r"rank.*ensure_shape"):
        training_step("channels_last", None).get_concrete_function()

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def pool(x):
        return kp.ops.max_pool(tf.ensure_shape(x, (None, None, 2)), 2)

    assert pool(tf.zeros((3, 5, 2))).shape == (3, 2, 2)


def test_too_small_an_input_of_unknown_size_is_an_error_at_run_time():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1))])
    def pool(x):
        return kp.ops.max_pool(x, 3)

    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        pool(tf.zeros((1, 2, 3, 1)))
    assert pool(tf.zeros((1, 3, 3, 1))).shape == (1, 1, 1, 1)


def test_indices_and_gradient_under_a_loop():
    # The winning taps must be those of this turn of the loop.
    x = data.distinct((4, 1, 4, 4, 3), "float32", data.generator("loop"))

    @tf.function
    def total(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.constant(0.0)
            for turn in tf.range(4):
                loss += tf.reduce_sum(kp.ops.max_pool(x[turn], 2))
        return tape.gradient(loss, x)

    dx = total(tf.constant(x)).numpy()
    windows = reference.sliding((4, 4), 2)
    for turn in range(4):
        ones = np.ones((1, 2, 2, 3), np.float32)
        expected = reference.max_pool_gradient(x[turn], ones, windows)
        np.testing.assert_array_equal(dx[turn], expected)
