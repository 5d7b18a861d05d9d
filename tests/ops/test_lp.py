"""Lp pooling: the formula, its slope at 0, infinity, PyTorch's numbers."""

import math

import calls
import data
import numpy as np
import pytest
import reference
import reference_lp
import tensorflow as tf
import tolerances
from cases import named

import keras_pooling as kp

FEW = named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "too many taps for a byte",
    "1D",
    "3D, everything differs per axis",
    "empty batch",
)
EXPONENTS = [1, 2, 3, 4, 0.5, 1.7, math.inf]
by_case = pytest.mark.parametrize("case", FEW, ids=str)
FLOAT_MAX = float(np.finfo("float32").max)
by_exponent = pytest.mark.parametrize("p", EXPONENTS)


pytestmark = pytest.mark.usefixtures("each_path")


def lp_pool(case, **options):
    return lambda x: kp.ops.lp_pool(x, **case.arguments, **options)


@by_case
@by_exponent
@pytest.mark.parametrize("normalize", [False, True])
def test_value_and_gradient(case, p, normalize):
    options = {"p": p, "normalize": normalize}
    rng = data.generator(case, p)
    x = rng.standard_normal(case.shape)
    x[rng.random(case.shape) < 0.2] = 0
    if p == math.inf:  # no ties: only the first of them gets the gradient
        x = data.distinct(case.shape, "float64", rng) + 0.25
    dy = rng.standard_normal(case.output_shape)
    y, dx = calls.value_and_gradient(lp_pool(case, **options), x, dy)
    arguments = (case.windows, case.data_format)
    exact = reference_lp.lp_pool(x, *arguments, **options)
    np.testing.assert_allclose(y, exact.astype("float64"), rtol=1e-12)
    if p == math.inf:
        exact = np.sign(x) * reference.max_pool_gradient(np.abs(x), dy, *arguments)
    else:
        exact = reference_lp.lp_pool_gradient(x, dy, *arguments, **options)
    np.testing.assert_allclose(dx, exact.astype("float64"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", data.FLOATS)
@pytest.mark.parametrize("p", [1, 2, 3.5, math.inf])
def test_dtypes(dtype, p):
    case = FEW[2]
    x = data.for_average(case.shape, dtype, data.generator(dtype, p))
    y = lp_pool(case, p=p)(tf.constant(x)).numpy()
    assert y.dtype == x.dtype
    exact = reference_lp.lp_pool(x, case.windows, case.data_format, p)
    # Each power and the root err by a few steps, relative to what is positive.
    terms = reference.max_taps(case.windows) + 4 * (1 if p == math.inf else p)
    tolerance = tolerances.of_sum(dtype, terms, exact, exact)
    tolerances.assert_within(y, exact, tolerance)


def test_halves_are_computed_in_float32():
    x = np.full((1, 4, 3), 300, "float16")  # 300² is more than float16 holds
    np.testing.assert_array_equal(kp.ops.lp_pool(x, 4), np.full((1, 1, 3), 600))


@pytest.mark.parametrize("p", [1, 2, 3, 4, 0.5, 1.5, math.inf])
@pytest.mark.parametrize("normalize", [False, True])
def test_zeros_have_slope_zero_and_are_never_nan(p, normalize):
    x = tf.constant(np.array([0, 0, 0, -0.0, 0, 2, -3, 0])[None, :, None])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = kp.ops.lp_pool(x, 4, p=p, normalize=normalize)
        dx = inner.gradient(y, x)
    ddx = outer.gradient(dx, x)
    assert y[0, 0, 0] == 0
    np.testing.assert_array_equal(dx[0, :5, 0], np.zeros(5))
    assert np.isfinite(dx).all() and dx[0, 5, 0] >= 0 and dx[0, 6, 0] < 0
    assert ddx is None or np.isfinite(ddx).all()


@pytest.mark.parametrize("p", [1.5, 2, 3, 4])
def test_gradients_against_finite_differences(p):
    def loss_and_gradients(x):
        x = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = kp.ops.lp_pool(x, 3, 2, "same", p=p)
                loss = tf.reduce_sum(y**3, axis=(1, 2, 3))
            dx = inner.gradient(loss, x)
            penalty = tf.reduce_sum(dx**2, axis=(1, 2, 3))
        return loss.numpy(), dx.numpy(), penalty.numpy(), outer.gradient(penalty, x)

    x = data.generator(p).uniform(0.3, 1, (1, 4, 5, 2)) * [[[1, -1]]]
    step = 1e-5
    steps = step * np.eye(x.size).reshape(x.size, *x.shape[1:])
    _, dx, _, ddx = loss_and_gradients(x)
    up, down = loss_and_gradients(x + steps), loss_and_gradients(x - steps)
    for given, which in ((dx, 0), (ddx.numpy(), 2)):
        slopes = ((up[which] - down[which]) / (2 * step)).reshape(x.shape)
        np.testing.assert_allclose(given, slopes, rtol=1e-5, atol=1e-6)


def test_second_derivative_of_the_euclidean_norm_at_a_zero_element():
    # y = sqrt(3² + t²): y'' = 1/3 at t = 0, though x² has slope 0 there.
    x = tf.constant(np.array([3.0, 0.0])[None, :, None])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = kp.ops.lp_pool(x, 2)
        dx = inner.gradient(y, x)
    np.testing.assert_allclose(outer.gradient(dx, x)[0, :, 0], [0, 1 / 3], atol=1e-12)


@pytest.mark.parametrize("call", reference_lp.TORCH, ids=lambda call: str(call[0]))
def test_agrees_with_torch_on_even_exponents(call):
    arguments, expected, gradient_sums = call
    arguments = dict(arguments, data_format="channels_first")
    x = reference_lp.torch_input(arguments.pop("shape"))
    y = kp.ops.lp_pool(x, **arguments).numpy()
    np.testing.assert_allclose(y.ravel(), expected, atol=1e-8)
    dy = np.arange(1.0, y.size + 1).reshape(y.shape)
    _, dx = calls.value_and_gradient(lambda x: kp.ops.lp_pool(x, **arguments), x, dy)
    sums = ((dx * np.arange(x.size).reshape(x.shape)).sum(), np.abs(dx).sum())
    np.testing.assert_allclose(sums, gradient_sums, rtol=1e-8)


def test_a_clipped_window_sums_the_taps_it_has():
    x = np.array([3.0, 4.0, 5.0]).reshape(1, 3, 1)
    y = kp.ops.lp_pool(x, 2, ceil_mode=True)
    np.testing.assert_allclose(y[0, :, 0], [5, 5])
    y = kp.ops.lp_pool(x, 2, ceil_mode=True, normalize=True)
    np.testing.assert_allclose(y[0, :, 0], [math.sqrt(12.5), 5])


@by_exponent
def test_nan_and_infinity(p):
    # Dilated, since a backend's own pooling, with rules for NaN, serves plain windows.
    x = np.array([1, -np.inf, 3, np.inf, np.nan, 2, 4, np.nan], "float32")
    y = kp.ops.lp_pool(x.reshape(1, 8, 1), 2, 1, dilation_rate=4, p=p).numpy().ravel()
    assert np.isnan(y[0]) and y[1] == np.inf and np.isfinite(y[2]) and np.isnan(y[3])


@pytest.mark.parametrize(
    ("p", "greatest"),
    [(1, FLOAT_MAX / 4), (2, FLOAT_MAX**0.5 / 4), (math.inf, FLOAT_MAX)],
)
def test_no_overflow_up_to_the_promised_size(p, greatest):
    y = kp.ops.lp_pool(np.full((1, 4, 1), greatest, "float32"), 4, p=p)
    assert np.isfinite(y).all()


@by_exponent
def test_global(p):
    x = data.generator(p).standard_normal((2, 5, 4, 3))
    for data_format in ("channels_last", "channels_first"):
        sizes = x.shape[1:3] if data_format == "channels_last" else x.shape[2:]
        windows = reference.adaptive(sizes, 1)
        for normalize in (False, True):
            options = {"p": p, "normalize": normalize}
            exact = reference_lp.lp_pool(x, windows, data_format, **options)
            y = kp.ops.global_lp_pool(x, data_format, True, **options).numpy()
            np.testing.assert_allclose(y, exact.astype("float64"), rtol=1e-12)
            flat = kp.ops.global_lp_pool(x, data_format, **options)
            np.testing.assert_array_equal(flat, y.reshape(flat.shape))


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_integers_are_pooled_as_floats(dtype):
    x = np.array([0, 1, 1, 1], dtype).reshape(1, 4, 1)
    for p in (2, math.inf):
        assert kp.ops.lp_pool(x, 4, p=p).dtype == tf.float32
    assert kp.ops.lp_pool(x, 4, p=0.5).numpy().item() == pytest.approx(9)


@pytest.mark.parametrize("p", [0, -1, -math.inf, math.nan, None, "two", True, [2], 2j])
def test_wrong_exponents_are_refused(p):
    for call in (
        lambda: kp.ops.lp_pool(np.zeros((1, 4, 1)), 2, p=p),
        lambda: kp.ops.global_lp_pool(np.zeros((1, 4, 1)), p=p),
        lambda: kp.LpPool2D(p=p),
        lambda: kp.GlobalLpPool(p=p),
    ):
        with pytest.raises(ValueError, match="`p` argument must be a number > 0"):
            call()


def test_sizes_known_only_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, None))])
    def pool(x):
        return kp.ops.lp_pool(x, 3, 2, "same", p=1.5)

    x = data.generator("sizes").standard_normal((2, 5, 6, 3)).astype("float32")
    expected = kp.ops.lp_pool(x, 3, 2, "same", p=1.5)
    np.testing.assert_allclose(pool(x), expected, rtol=1e-6)


def test_under_xla():
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.lp_pool(x, 3, 2, "same", p=3)
        return y, tape.gradient(y, x)

    x = tf.constant(data.generator("xla").standard_normal((2, 5, 6, 3)))
    for given, expected in zip(
        tf.function(step, jit_compile=True)(x), step(x), strict=True
    ):
        np.testing.assert_allclose(given, expected, rtol=1e-12, atol=1e-14)
