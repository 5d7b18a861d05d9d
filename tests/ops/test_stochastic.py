"""Stochastic pooling: what is drawn how often, what is expected, where gradients go.

Frequencies are compared by Hoeffding's inequality: a right implementation fails one
comparison in 10¹², and seeds are fixed.
"""

import calls
import data
import keras
import numpy as np
import pytest
import reference
import reference_stochastic
import tensorflow as tf
import tolerances
from cases import named

import keras_pooling as kp

pytestmark = pytest.mark.usefixtures("each_path")

INF, NAN = np.inf, np.nan
# Why, and the taps of one 2×2 window in order.
WINDOWS = {
    "distinct": [1.0, 2.0, 3.0, 4.0],
    "ties": [2.0, 2.0, 0.0, 2.0],
    "one positive": [0.0, 0.0, 5.0, 0.0],
    "negatives never win over positives": [-9.0, 1.0, -2.0, 3.0],
    "zero window": [0.0, 0.0, 0.0, 0.0],
    "zeros of both signs": [0.0, -0.0, -0.0, 0.0],
    "all negative": [-1.0, -2.0, -3.0, -4.0],
    "negatives and zero": [-1.0, 0.0, -3.0, -0.0],
    "one inf": [1.0, INF, 3.0, -2.0],
    "three infs": [INF, 7.0, INF, INF],
    "inf and -inf": [-INF, INF, 0.0, -INF],
    "-inf beside positives": [-INF, 1.0, 3.0, -INF],
    "-inf beside negatives": [-INF, -1.0, -3.0, -2.0],
    "all -inf": [-INF, -INF, -INF, -INF],
    "NaN": [1.0, NAN, 3.0, 4.0],
    "NaN and inf": [INF, 1.0, NAN, NAN],
    "sum beyond float32": [3e38, 3e38, 1e38, 0.0],
    "squares beyond float32": [1e30, 3e30, 0.0, -1e30],
    "squares below float32": [1e-30, 3e-30, 0.0, -1.0],
    "smallest normal": [2.0**-126, 2.0**-125, 0.0, -1.0],
    "one dwarfs the others": [1e-20, 1.0, 1e-20, 0.0],
}
by_window = pytest.mark.parametrize("name", WINDOWS)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
DRAWS = 20_000
ROUNDING = reference_stochastic.rounding_steps(4) * float(np.finfo("float32").eps)
TINY = 5 * 2.0**-126  # what four taps may lose where subnormals are flushed to zero
FEW = named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "asymmetric pads",
    "dilated, first taps all in the padding",
    "too many taps for a byte",
    "1D",
    "3D, everything differs per axis",
    "empty batch",
)


def copies(taps, data_format) -> np.ndarray:
    """Lays the same 2×2 window out DRAWS times, over channels, images and columns."""
    x = np.array(taps, "float32").reshape(1, 2, 2, 1)
    x = np.tile(x, (5, 1, 40, DRAWS // 200))
    return reference.from_channels_last(x, data_format)


def draw(x, dy, seed, **arguments):
    """Returns the draws, and the gradients that show where they were drawn."""
    return calls.value_and_gradient(
        lambda x: kp.ops.stochastic_pool(x, **arguments, seed=seed), x, dy
    )


@by_window
@by_format
def test_inference_is_the_expectation_of_training(name, data_format):
    taps = np.array(WINDOWS[name], "float32")
    x = copies(taps, data_format)
    arguments = dict(pool_size=2, data_format=data_format)
    y = kp.ops.stochastic_pool(x, **arguments, training=False).numpy()
    expected = reference_stochastic.expectation(taps)
    np.testing.assert_allclose(y, np.full_like(y, expected), rtol=ROUNDING, atol=TINY)

    drawn, dx = draw(x, np.ones_like(y), (1, 2), **arguments)
    assert drawn.size == DRAWS
    # Each output drew one tap, and is that tap.
    chosen = reference.to_channels_last(dx, data_format)
    chosen = chosen.reshape(5, 2, 40, 2, -1).transpose(0, 2, 4, 1, 3).reshape(-1, 4)
    np.testing.assert_array_equal(np.sort(chosen, axis=-1), [[0, 0, 0, 1]] * DRAWS)
    drawn = reference.to_channels_last(drawn, data_format).reshape(-1)
    np.testing.assert_array_equal(drawn, taps[chosen.argmax(axis=-1)])
    # Each tap as often as it should be, and never if it should not be.
    chances = reference_stochastic.probabilities(taps)
    frequencies = chosen.mean(axis=0)
    assert (frequencies[chances == 0] == 0).all(), frequencies
    bound = reference_stochastic.deviation(DRAWS)
    assert np.abs(frequencies - chances).max() < bound, (frequencies, chances)
    # And so their mean is what inference gives.
    possible = taps[chances > 0].astype("float64")
    if np.isfinite(possible).all():
        span = possible.max() - possible.min()
        error = abs(drawn.astype("float64").mean() - float(y.ravel()[0]))
        assert error <= bound * span + ROUNDING * abs(expected) + TINY


@by_window
def test_gradient_of_the_expectation(name):
    if name == "smallest normal":
        pytest.skip("what flows back is subnormal on the way")
    taps = np.array(WINDOWS[name], "float32")
    x = taps.reshape(1, 2, 2, 1).repeat(37, axis=-1)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.stochastic_pool(x, 2), x, np.ones((1, 1, 1, 37), "float32")
    )
    slopes = reference_stochastic.expectation_gradient(taps)
    # Backward rounds as often as forward, in terms that may nearly cancel.
    bound = 2 * ROUNDING * reference_stochastic.gradient_magnitude(taps) + TINY
    for lane in dx.reshape(4, 37).T:
        tolerances.assert_within(lane, slopes, bound)
    expected = reference_stochastic.expectation(taps)
    np.testing.assert_allclose(y, np.full_like(y, expected), rtol=ROUNDING, atol=TINY)


def test_gradients_against_finite_differences():
    def loss_and_gradients(x):
        x = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = kp.ops.stochastic_pool(x, 3, 2, "same")
                loss = tf.reduce_sum(y**3, axis=(1, 2, 3))
            dx = inner.gradient(loss, x)
            penalty = tf.reduce_sum(dx**2, axis=(1, 2, 3))
        return loss.numpy(), dx.numpy(), penalty.numpy(), outer.gradient(penalty, x)

    rng = data.generator("finite differences")
    x = rng.uniform(0.3, 1, (1, 4, 5, 2)) * rng.choice([-1, 1, 1], (1, 4, 5, 2))
    step = 1e-5
    steps = step * np.eye(x.size).reshape(x.size, *x.shape[1:])
    _, dx, _, ddx = loss_and_gradients(x)
    up, down = loss_and_gradients(x + steps), loss_and_gradients(x - steps)
    for given, which in ((dx, 0), (ddx.numpy(), 2)):
        slopes = ((up[which] - down[which]) / (2 * step)).reshape(x.shape)
        np.testing.assert_allclose(given, slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_windows_of_every_kind(case):
    rng = data.generator(case)
    x = rng.standard_normal(case.shape).astype("float32")
    x[rng.random(x.shape) < 0.3] *= -1
    dy = rng.standard_normal(case.output_shape).astype("float32")
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.stochastic_pool(x, **case.arguments), x, dy
    )
    windows = (case.windows, case.data_format)
    steps = reference_stochastic.rounding_steps(reference.max_taps(case.windows))
    exact = reference_stochastic.stochastic_pool(x, *windows)
    tolerance = tolerances.of_sum("float32", steps, exact, abs(exact))
    tolerances.assert_within(y, exact, tolerance)
    exact = reference_stochastic.stochastic_pool_gradient(x, dy, *windows)
    magnitude = reference_stochastic.stochastic_pool_gradient(
        x, abs(dy), *windows, slopes=reference_stochastic.gradient_magnitude
    )
    # Backward rounds as often as forward, and adds what each window sends.
    steps = 2 * steps + reference.windows_over_each_element(case.windows)
    tolerance = tolerances.of_sum("float32", steps, exact, magnitude)
    tolerances.assert_within(dx, exact, tolerance)

    drawn, dx = draw(x, np.ones_like(dy), (3, 4), **case.arguments)
    possible = reference_stochastic.possible(x, *windows)
    assert all(y in taps for y, taps in zip(drawn.ravel(), possible, strict=True))
    assert dx.sum() == dy.size  # nothing went to the padding
    again, _ = draw(x, np.ones_like(dy), (3, 4), **case.arguments)
    np.testing.assert_array_equal(again, drawn)


def test_taps_in_the_padding_are_never_drawn():
    x = np.full((8, 3, 3, 100), -1, "float32")  # less than the 0 of any padding
    arguments = dict(pool_size=2, strides=1, padding=1)
    y, dx = draw(x, np.ones((8, 4, 4, 100), "float32"), (5, 6), **arguments)
    np.testing.assert_array_equal(y, np.full((8, 4, 4, 100), -1))
    assert dx.sum() == y.size
    # A corner is in one window with 1 tap, two with 2 and one with 4.
    bound = reference_stochastic.deviation(800)
    for row, column in ((0, 0), (0, 2), (2, 0), (2, 2)):
        assert abs(dx[:, row, column].mean() - (1 + 1 / 2 + 1 / 2 + 1 / 4)) < 4 * bound


@by_format
def test_draws_of_neighbouring_outputs_are_independent(data_format):
    # Windows 2 wide at stride 1 over ones: each output draws its first or second tap.
    x = np.ones((40, 1, 9, 64), "float32")
    dy = 4.0 ** np.arange(8)  # which windows an element was drawn by
    dy = np.broadcast_to(dy[:, None], (40, 1, 8, 64)).astype("float32")
    arguments = dict(pool_size=(1, 2), strides=1, data_format=data_format)
    _, dx = draw(
        reference.from_channels_last(x, data_format),
        reference.from_channels_last(dy, data_format),
        (7, 8),
        **arguments,
    )
    dx = reference.to_channels_last(dx, data_format)[:, 0].astype("int64")
    second = np.stack([dx[:, i + 1] // 4**i % 2 for i in range(8)])  # window first
    bound = reference_stochastic.deviation(second[0].size)
    assert abs(second.mean(axis=(1, 2)) - 1 / 2).max() < bound
    for axis in range(3):
        for shift in (1, 2, 4):
            both = (second * np.roll(second, shift, axis)).mean()
            assert abs(both - 1 / 4) < bound, (axis, shift, both)


def test_one_seed_one_draw_another_seed_another():
    x = np.ones((2, 32, 32, 8), "float32").cumsum(axis=-1)
    x = x + data.generator("seeds").random(x.shape).astype("float32")
    one, same, first, second = (
        kp.ops.stochastic_pool(x, 2, seed=seed).numpy()
        for seed in ((9, 0), np.array([9, 0]), tf.constant([10, 0]), (9, 1))
    )
    np.testing.assert_array_equal(one, same)
    for other in (first, second):
        # Taps are nearly as likely as each other.
        assert 0.15 < (one == other).mean() < 0.35
    generator = keras.random.SeedGenerator(9)
    np.testing.assert_array_equal(kp.ops.stochastic_pool(x, 2, seed=generator), one)
    np.testing.assert_array_equal(kp.ops.stochastic_pool(x, 2, seed=generator), second)


def test_the_same_draw_in_a_graph():
    x = data.generator("graph").random((2, 8, 8, 5)).astype("float32")

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None))])
    def pool(x):
        return kp.ops.stochastic_pool(x, 3, 2, "same", seed=(1, 2))

    expected = kp.ops.stochastic_pool(x, 3, 2, "same", seed=(1, 2))
    np.testing.assert_array_equal(pool(x), expected)


def test_under_xla_draws_are_taps():
    x = tf.constant(data.generator("xla").random((2, 8, 8, 5)).astype("float32"))

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.stochastic_pool(x, 2, seed=(1, 2))
        return y, tape.gradient(y, x), kp.ops.stochastic_pool(x, 2)

    y, dx, mean = step(x)
    tapped = tf.reduce_sum(tf.reshape(x * dx, (2, 4, 2, 4, 2, 5)), axis=(2, 4))
    np.testing.assert_array_equal(tapped, y)
    np.testing.assert_allclose(mean, kp.ops.stochastic_pool(x, 2), rtol=ROUNDING)


@pytest.mark.parametrize("dtype", data.FLOATS)
def test_dtypes(dtype):
    rng = data.generator(dtype)
    x = (rng.standard_normal((2, 6, 6, 19)) * 100).astype(data.dtype_of(dtype))
    windows = (reference.sliding((6, 6), 3, 1), "channels_last")
    y = kp.ops.stochastic_pool(tf.constant(x), 3, 1).numpy()
    assert y.dtype == x.dtype
    exact = reference_stochastic.stochastic_pool(x, *windows)
    steps = reference_stochastic.rounding_steps(9)
    tolerances.assert_within(
        y, exact, tolerances.of_sum(dtype, steps, exact, abs(exact))
    )
    drawn = kp.ops.stochastic_pool(tf.constant(x), 3, 1, seed=(0, 0)).numpy()
    assert drawn.dtype == x.dtype
    possible = reference_stochastic.possible(x, *windows)
    assert all(y in taps for y, taps in zip(drawn.ravel(), possible, strict=True))


def test_half_sums_do_not_overflow():
    x = np.full((1, 4, 1), 60000, "float16")
    np.testing.assert_array_equal(kp.ops.stochastic_pool(x, 4), [[[60000]]])


def test_integers_are_pooled_as_floats():
    x = np.array([1, 3, 0, 0], "int32").reshape(1, 4, 1)
    np.testing.assert_array_equal(kp.ops.stochastic_pool(x, 2)[0, :, 0], [2.5, 0])


def test_training_says_whether_to_draw():
    x = np.array([1, 3], "float32").reshape(1, 2, 1)
    mean = kp.ops.stochastic_pool(x, 2, seed=(0, 0), training=False)
    assert mean.numpy().item() == 2.5
    drawn = kp.ops.stochastic_pool(x, 2, seed=(0, 0), training=True)
    assert drawn.numpy().item() in (1, 3)
    with pytest.raises(ValueError, match="a draw needs the `seed` argument"):
        kp.ops.stochastic_pool(x, 2, training=True)
    with pytest.raises(ValueError, match="`training` argument must be True or False"):
        kp.ops.stochastic_pool(x, 2, training="yes")


@pytest.mark.parametrize(
    "seed", [7, (1,), (1, 2, 3), (1.5, 2), "ab", np.zeros(3, int), tf.zeros(2), {}]
)
def test_wrong_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="stochastic_pool: the `seed` argument"):
        kp.ops.stochastic_pool(np.ones((1, 2, 1)), 2, seed=seed)


def test_a_functional_model_needs_the_layer_to_draw():
    inputs = keras.Input((4, 1))
    model = keras.Model(inputs, kp.ops.stochastic_pool(inputs, 2))
    assert model(np.ones((1, 4, 1), "float32")).shape == (1, 2, 1)
    with pytest.raises(ValueError, match="cannot keep the state of a seed"):
        kp.ops.stochastic_pool(inputs, 2, seed=keras.random.SeedGenerator(1))
