"""Mixed pooling: a share α of the maximum; α given, learned or gated."""

import calls
import data
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances
from cases import named

import keras_pooling as kp

FEW = named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "same on odd sizes",
    "asymmetric pads",
    "dilation coprime to the stride",
    "too many taps for a byte",
    "1D",
    "3D, everything differs per axis",
    "empty batch",
)
by_case = pytest.mark.parametrize("case", FEW, ids=str)
pytestmark = pytest.mark.usefixtures("each_path")


def channels_of(case):
    return case.shape[1 if case.data_format == "channels_first" else -1]


def per_output(numbers, case):
    """One number per channel, to go with outputs."""
    first = case.data_format == "channels_first"
    return numbers.reshape(-1, *[1] * len(case.windows)) if first else numbers


def mixture(x, alpha, case):
    """The value in the wide type."""
    arguments = (case.windows, case.data_format)
    greatest, _ = reference.max_pool(x, *arguments)
    mean = reference.avg_pool(x, *arguments)
    return alpha * reference.wide(greatest) + (1 - alpha) * mean


@by_case
@pytest.mark.parametrize("dtype", data.FLOATS)
def test_value_and_gradient_of_a_given_share(case, dtype):
    rng = data.generator(case, dtype)
    x = data.distinct(case.shape, dtype, rng)
    dy = data.whole(case.output_shape, dtype, rng)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.mixed_pool(x, **case.arguments, alpha=0.25), x, dy
    )
    arguments = (case.windows, case.data_format)
    terms = reference.max_taps(case.windows) + 3
    exact, magnitude = mixture(x, 0.25, case), mixture(abs(x), 0.25, case)
    tolerances.assert_within(
        y, exact, tolerances.of_sum(dtype, terms, exact, magnitude)
    )

    def gradient(dy):
        of_max = reference.max_pool_gradient(x, dy, *arguments)
        return 0.25 * of_max + 0.75 * reference.avg_pool_gradient(dy, *arguments)

    exact, magnitude = gradient(dy), gradient(abs(dy))
    terms = 3 + reference.windows_over_each_element(case.windows)
    tolerances.assert_within(
        dx, exact, tolerances.of_sum(dtype, 2 * terms, exact, magnitude)
    )


@by_case
def test_gradient_of_one_share_per_channel(case):
    rng = data.generator(case, "shares")
    x = rng.standard_normal(case.shape)
    dy = rng.standard_normal(case.output_shape)
    alpha = tf.constant(rng.random(channels_of(case)))
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        y = kp.ops.mixed_pool(x, **case.arguments, alpha=alpha)
    exact = mixture(x, per_output(alpha.numpy(), case), case).astype("float64")
    np.testing.assert_allclose(y.numpy(), exact, rtol=1e-12, atol=1e-12)
    slope = mixture(x, 1.0, case) - mixture(x, 0.0, case)
    axes = [axis for axis in range(slope.ndim) if axis != channel_axis(case)]
    np.testing.assert_allclose(
        tape.gradient(y, alpha, output_gradients=tf.constant(dy)).numpy(),
        (slope * dy).sum(axis=tuple(axes)).astype("float64"),
        rtol=1e-9,
        atol=1e-12,
    )


def test_gradients_of_gradients_by_a_share_are_those_of_finite_differences():
    rng = data.generator("second order")
    x = tf.constant(data.distinct((2, 5, 4, 3), "float64", rng) / 8)
    alpha = tf.constant(rng.random(3))

    def gradients(x, alpha):
        with tf.GradientTape() as tape:
            tape.watch([x, alpha])
            y = kp.ops.mixed_pool(x, (3, 2), 2, "same", alpha=alpha)
            loss = tf.reduce_sum(y**3)
        dx, through = tape.gradient(loss, [x, alpha])
        return tf.reduce_sum(tf.sin(dx)) + tf.reduce_sum(through**2)

    theory, numeric = tf.test.compute_gradient(gradients, [x, alpha], delta=1e-6)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def channel_axis(case):
    return 1 if case.data_format == "channels_first" else len(case.shape) - 1


def gated_share(x, gate, case):
    """σ of the taps' weighted sum, window by window."""
    sums = np.zeros((*case.output_shape,))
    sums = reference.to_channels_last(sums, case.data_format)
    x = reference.to_channels_last(x, case.data_format)
    gate = gate if gate.ndim > len(case.windows) else gate[..., None]
    for position in np.ndindex(*reference.output_sizes(case.windows)):
        for tap in np.ndindex(*gate.shape[:-1]):
            at = [
                axis.windows[i][t]
                for axis, i, t in zip(case.windows, position, tap, strict=True)
            ]
            if all(
                0 <= p < axis.size for p, axis in zip(at, case.windows, strict=True)
            ):
                sums[:, *position] += x[:, *at] * gate[tap]
    return reference.from_channels_last(1 / (1 + np.exp(-sums)), case.data_format)


@by_case
@pytest.mark.parametrize("per_channel", [False, True])
def test_gated_share(case, per_channel):
    rng = data.generator(case, "gate", per_channel)
    x = rng.standard_normal(case.shape)
    pool_size = reference.per_axis(case.arguments["pool_size"], len(case.windows))
    channels = (channels_of(case),) if per_channel else ()
    gate = rng.standard_normal((*pool_size, *channels)) / 4
    y = kp.ops.mixed_pool(x, **case.arguments, gate=gate).numpy()
    exact = mixture(x, gated_share(x, gate, case), case).astype("float64")
    np.testing.assert_allclose(y, exact, rtol=1e-11, atol=1e-12)


def test_gradients_of_a_gate_are_those_of_finite_differences():
    rng = data.generator("gate")
    x = tf.constant(data.distinct((2, 5, 4, 3), "float64", rng) / 8)
    gate = tf.constant(rng.standard_normal((3, 2, 3)) / 8)

    def pool(x, gate):
        y = kp.ops.mixed_pool(x, (3, 2), 1, "same", gate=gate)
        return tf.reduce_sum(y * tf.cos(y))

    theory, numeric = tf.test.compute_gradient(pool, [x, gate], delta=1e-6)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"alpha": 1.5}, "a number from 0 to 1.*=1.5. Use for example alpha=1.0"),
        ({"alpha": "learned"}, "'trainable', 'gated'.*Received alpha="),
    ],
)
def test_a_wrong_share_is_named(options, found):
    with pytest.raises(ValueError, match=f"^MixedPool: .*{found}"):
        kp.MixedPool(2, **options)


def test_a_gate_of_another_shape_is_named():
    x = np.zeros((1, 4, 4, 3), "float32")
    with pytest.raises(ValueError, match=r"\(2, 2\), or \(2, 2, 3\).*shape=\(2, 3\)"):
        kp.ops.mixed_pool(x, 2, gate=np.zeros((2, 3)))
