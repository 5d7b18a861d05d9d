"""Adaptive pooling: values, indices and gradients against the oracle, PyTorch and
Keras, in graphs whose sizes are not known, and what is refused.
"""

import dataclasses

import calls
import data
import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances

import keras_pooling as kp


@dataclasses.dataclass(frozen=True)
class Call:
    """An adaptive pool, of an input with its channels last."""

    reason: str
    shape: tuple[int, ...]
    output_size: int | tuple

    def __str__(self) -> str:
        return self.reason.replace(" ", "-")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The input along its spatial axes."""
        return self.shape[1:-1]

    @property
    def counts(self) -> tuple[int, ...]:
        """The output along its spatial axes."""
        wanted = reference.per_axis(self.output_size, len(self.sizes))
        return tuple(n or size for n, size in zip(wanted, self.sizes, strict=True))

    @property
    def windows(self) -> list[reference.Axis]:
        """The same windows as the oracle lays them."""
        return reference.adaptive(self.sizes, self.counts)

    def arranged(self, sizes: tuple[int, ...], data_format: str) -> tuple[int, ...]:
        """A shape with these spatial sizes in a layout."""
        if data_format == "channels_first":
            return (self.shape[0], self.shape[-1], *sizes)
        return (self.shape[0], *sizes, self.shape[-1])


CALLS = [
    Call("even", (2, 8, 6, 19), (4, 2)),
    Call("7 to 3, windows share elements", (2, 7, 7, 19), 3),
    Call("10 to 4, windows of two sizes", (1, 10, 10, 5), 4),
    Call("3 to 5, elements in several windows", (2, 3, 3, 17), 5),
    Call("as many windows as elements", (1, 4, 5, 3), (4, 5)),
    Call("one axis kept", (2, 7, 5, 8), (3, None)),
    Call("every axis kept", (1, 3, 4, 5), (None, None)),
    Call("one window", (2, 5, 7, 9), 1),
    Call("one long axis pooled to one window", (1, 40, 3, 4), (1, None)),
    Call("1D", (3, 11, 6), 4),
    Call("3D, everything differs", (1, 5, 6, 4, 7), (3, 2, 7)),
    Call("taps fill a byte", (1, 48, 48, 3), 3),
    Call("more taps than a byte numbers", (1, 40, 37, 3), 2),
    Call("empty batch", (0, 7, 5, 3), (3, 2)),
    Call("no channels", (2, 7, 5, 0), 2),
    Call("one channel", (2, 9, 8, 1), (4, 3)),
    Call("rows to share out", (2, 130, 66, 24), (50, 20)),
]
by_call = pytest.mark.parametrize("call", CALLS, ids=str)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
FEW = CALLS[:4] + CALLS[9:11]
by_few = pytest.mark.parametrize("call", FEW, ids=str)


def check_max(call: Call, data_format: str, dtype: str) -> None:
    """Checks maxima, with and without indices, and for floats their gradient."""
    shape, place = call.arranged(call.sizes, data_format), (call.windows, data_format)
    rng = data.generator(call, dtype)
    x = data.for_max(shape, dtype, reference.max_taps(call.windows), rng)
    expected, positions = reference.max_pool(x, *place)

    def pool(x, **options):
        return kp.ops.adaptive_max_pool(x, call.output_size, data_format, **options)

    tolerances.assert_same_values(pool(x).numpy(), expected)
    y, indices = pool(x, return_indices=True)
    tolerances.assert_same_values(y.numpy(), expected)
    tolerances.assert_same_values(indices.numpy(), positions)
    if dtype in data.FLOATS:
        dy = data.whole(expected.shape, dtype, rng)
        y, dx = calls.value_and_gradient(pool, x, dy)
        tolerances.assert_same_values(y, expected)
        exact = reference.max_pool_gradient(x, dy, *place)
        np.testing.assert_array_equal(dx.astype(exact.dtype), exact)


def check_average(call: Call, data_format: str, dtype: str) -> None:
    """Checks averages and their gradient, within rounding."""
    shape, place = call.arranged(call.sizes, data_format), (call.windows, data_format)
    rng = data.generator(call, dtype)
    x = data.for_average(shape, dtype, rng)
    dy = data.for_average(call.arranged(call.counts, data_format), dtype, rng)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.adaptive_avg_pool(x, call.output_size, data_format), x, dy
    )
    exact = reference.avg_pool(x, *place)
    magnitude = reference.avg_pool(np.abs(x), *place)
    taps = reference.max_taps(call.windows)
    tolerances.assert_within(y, exact, tolerances.of_sum(dtype, taps, exact, magnitude))
    exact = reference.avg_pool_gradient(dy, *place)
    magnitude = reference.avg_pool_gradient(np.abs(dy), *place)
    terms = reference.windows_over_each_element(call.windows) + 1
    tolerance = tolerances.of_sum(dtype, terms, exact, magnitude)
    tolerances.assert_within(dx, exact, tolerance)


@by_call
@by_format
def test_max(call, data_format):
    check_max(call, data_format, "float32")


@by_call
@by_format
def test_average(call, data_format):
    check_average(call, data_format, "float32")


@by_few
@by_format
@pytest.mark.parametrize("dtype", data.FLOATS + data.INTEGERS)
def test_max_of_each_dtype(call, data_format, dtype):
    check_max(call, data_format, dtype)


@by_few
@by_format
@pytest.mark.parametrize("dtype", data.FLOATS)
def test_average_of_each_dtype(call, data_format, dtype):
    check_average(call, data_format, dtype)


@by_format
@pytest.mark.parametrize("remainder", range(1, 71))
def test_every_remainder_of_a_vector(remainder, data_format):
    # The lanes are channels in the one layout and columns in the other.
    for call in (
        Call("channels", (1, 5, 3, remainder), (3, 2)),
        Call("columns", (1, 3, remainder, 2), (2, -(-remainder // 2))),
    ):
        check_max(call, data_format, "float32")
        check_average(call, data_format, "float32")


@pytest.mark.parametrize("dtype", ["bool", "uint16", "uint32"])
def test_small_dtypes_are_pooled_exactly(dtype):
    limit = 1 if dtype == "bool" else np.iinfo(dtype).max
    x = np.array([0, limit, 0, 0, 1]).astype(dtype).reshape(1, 5, 1)
    y = kp.ops.adaptive_max_pool(tf.constant(x), 2)
    assert y.dtype.name == dtype
    np.testing.assert_array_equal(y[0, :, 0], x[0, [1, 4], 0])


@by_few
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_gradient_of_the_gradient(kind, call):
    x = tf.constant(data.distinct(call.shape, "float64", data.generator(call)))
    function = getattr(kp.ops, f"adaptive_{kind}_pool")
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x, call.output_size)
            loss = tf.reduce_sum(y**3)
        total = tf.reduce_sum(inner.gradient(loss, x))
    ddx = outer.gradient(total, x)
    # Shifting x by h shifts y by h: Σ dx = Σ 3y², and its slope along 1 is Σ 6y.
    np.testing.assert_allclose(total, tf.reduce_sum(3 * y**2), rtol=1e-12)
    np.testing.assert_allclose(tf.reduce_sum(ddx), tf.reduce_sum(6 * y), rtol=1e-12)


def training_step(output_size, data_format: str):
    """Values, indices and gradients together."""

    def step(x):
        arguments = (x, output_size, data_format)
        y, indices = kp.ops.adaptive_max_pool(*arguments, return_indices=True)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            top = kp.ops.adaptive_max_pool(*arguments)
            mean = kp.ops.adaptive_avg_pool(*arguments)
        return y, indices, mean, tape.gradient(top, x), tape.gradient(mean, x)

    return step


def example(call: Call, data_format: str) -> np.ndarray:
    shape = call.arranged(call.sizes, data_format)
    return data.distinct(shape, "float32", data.generator(call)) / 8


@pytest.mark.parametrize("portable", [False, True])
@by_format
@by_few
def test_sizes_known_only_when_the_graph_runs(call, data_format, portable):
    step, x = training_step(call.output_size, data_format), example(call, data_format)
    unknown = list(call.arranged((None,) * len(call.sizes), data_format))
    unknown[0] = None
    spec = tf.TensorSpec(unknown, tf.float32)
    if portable:
        with kp.force_portable():
            traced = tf.function(step).get_concrete_function(spec)
    else:
        traced = tf.function(step).get_concrete_function(spec)
    # What the arguments say is known, although the input is not.
    assert (
        traced.structured_outputs[0].shape.as_list()[1:]
        == list(
            call.arranged(
                reference.per_axis(call.output_size, len(call.sizes)), data_format
            )
        )[1:]
    )
    place = (call.windows, data_format)
    y, indices, mean, dx_max, dx_mean = (t.numpy() for t in traced(tf.constant(x)))
    expected, positions = reference.max_pool(x, *place)
    ones = np.ones_like(expected)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, positions)
    assert indices.dtype == "int64"
    np.testing.assert_array_equal(
        dx_max, reference.max_pool_gradient(x, ones, *place).astype("float32")
    )
    exact = reference.avg_pool(x, *place)
    tolerance = tolerances.of_sum(
        "float32", reference.max_taps(call.windows), exact, exact
    )
    tolerances.assert_within(mean, exact, tolerance)
    exact = reference.avg_pool_gradient(ones, *place)
    terms = reference.windows_over_each_element(call.windows) + 1
    tolerances.assert_within(
        dx_mean, exact, tolerances.of_sum("float32", terms, exact, exact)
    )


@by_format
@by_few
def test_inside_xla_the_same_bits(call, data_format):
    step, x = training_step(call.output_size, data_format), example(call, data_format)
    compiled = tf.function(step, jit_compile=True)(x)
    for one, other in zip(compiled, step(tf.constant(x)), strict=True):
        tolerances.assert_same_values(one.numpy(), other.numpy())


@by_format
@by_few
def test_agrees_with_pytorch(call, data_format):
    import torch

    functional, rank = torch.nn.functional, len(call.sizes)
    x = example(call, "channels_first")
    dy = data.whole(
        call.arranged(call.counts, "channels_first"), "float32", data.generator(call)
    )
    ours = reference.to_channels_last(x, "channels_first")
    ours_dy = reference.to_channels_last(dy, "channels_first")
    if data_format == "channels_first":
        ours, ours_dy = x, dy

    def theirs(name, **options):
        given = torch.tensor(x, requires_grad=True)
        function = getattr(functional, f"adaptive_{name}_pool{rank}d")
        outputs = function(given, call.output_size, **options)
        y, *others = outputs if isinstance(outputs, tuple) else (outputs,)
        y.backward(torch.tensor(dy))
        results = (y.detach(), given.grad, *others)
        return [
            reference.from_channels_last(
                reference.to_channels_last(r.numpy(), "channels_first"), data_format
            )
            for r in results
        ]

    y, dx, indices = theirs("max", return_indices=True)
    positions = kp.ops.adaptive_max_pool(
        ours, call.output_size, data_format, return_indices=True
    )[1]
    np.testing.assert_array_equal(positions, indices)
    results = calls.value_and_gradient(
        lambda x: kp.ops.adaptive_max_pool(x, call.output_size, data_format),
        ours,
        ours_dy,
    )
    for one, other in zip(results, (y, dx), strict=True):
        tolerances.assert_same_values(one, other)
    # Both sum all the taps of a window, in some order.
    rounding = 2 * reference.max_taps(call.windows) * np.finfo("float32").eps
    results = calls.value_and_gradient(
        lambda x: kp.ops.adaptive_avg_pool(x, call.output_size, data_format),
        ours,
        ours_dy,
    )
    for one, other in zip(results, theirs("avg"), strict=True):
        np.testing.assert_allclose(one, other, rtol=rounding, atol=4 * rounding)


@by_format
@by_few
def test_agrees_with_keras_ops(call, data_format):
    # Keras's functions take no arrays.
    x, counts = tf.constant(example(call, data_format)), call.counts
    y = kp.ops.adaptive_max_pool(x, counts, data_format)
    np.testing.assert_array_equal(
        y, keras.ops.adaptive_max_pool(x, counts, data_format)
    )
    y = kp.ops.adaptive_average_pool(x, counts, data_format)
    rounding = 2 * reference.max_taps(call.windows) * np.finfo("float32").eps
    expected = keras.ops.adaptive_average_pool(x, counts, data_format)
    np.testing.assert_allclose(y, expected, rtol=rounding)


def test_a_long_axis_costs_no_more_than_its_length():
    # Were every window to look at the whole axis, this would not end.
    x = tf.reshape(tf.range(2.0**21), (1, -1, 1))
    for pool in (kp.ops.adaptive_max_pool, kp.ops.adaptive_avg_pool):
        y = pool(x, 2**20 - 1)
        with kp.force_portable():
            np.testing.assert_allclose(pool(x, 2**20 - 1), y, rtol=1e-6)


FUNCTIONS = ["adaptive_max_pool", "adaptive_avg_pool"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("output_size", "words"),
    [
        (0, "must be positive. Received output_size=0. Use for example output_size=1."),
        ((2, -1), "must be positive. Received output_size=(2, -1), including -1"),
        (2.5, "must hold integers. Received output_size=2.5"),
        ((2, True), "including True of type bool"),
        (None, "must hold integers. Received output_size=None"),
        ("7", "must be an integer, or a tuple of 2 such entries"),
        ((), "an integer, or a tuple of 2 such entries. Received output_size=()"),
        ((2, 2, 2), "Give one entry per spatial axis, or one number for all."),
        (2**31, "must be at most 2147483647"),
    ],
    ids=str,
)
def test_wrong_sizes_are_refused(name, output_size, words):
    with pytest.raises(ValueError) as error:
        getattr(kp.ops, name)(np.zeros((1, 4, 4, 1), "float32"), output_size)
    assert str(error.value).startswith(f"{name}: the `output_size` argument ")
    assert words in str(error.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_empty_axis_is_refused(name):
    for output_size in (2, (None, 2)):
        with pytest.raises(ValueError, match=f"{name}: .* empty spatial axis") as error:
            getattr(kp.ops, name)(np.zeros((1, 0, 3, 2), "float32"), output_size)
        assert "output_size=(" in str(error.value)
