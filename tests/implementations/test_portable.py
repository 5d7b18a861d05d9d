"""The portable floor: its two ways of pooling an axis agree; it runs in any graph."""

import calls
import cases
import data
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances
from keras import ops
from processes import run_python

import keras_pooling as kp
from keras_pooling.arguments import AdaptiveWindows, sliding_windows
from keras_pooling.implementations import portable
from keras_pooling.implementations.portable import spans as portable_spans

FEW = cases.named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "3D, channels first",
    "empty batch",
)
by_case = pytest.mark.parametrize("case", FEW, ids=str)


@pytest.fixture(params=["fold", "gather"])
def way(request, monkeypatch):
    if request.param == "gather":
        monkeypatch.setattr(portable_spans, "_WIDEST_FOLD", 0)
    return request.param


@pytest.fixture(autouse=True)
def on_the_portable_floor():
    with kp.force_portable():
        yield


@by_case
def test_max_and_its_gradient(case, way):
    taps = reference.max_taps(case.windows)
    x = data.for_max(case.shape, "float32", taps, data.generator(case))
    expected, positions = reference.max_pool(x, case.windows, case.data_format)
    y, indices = calls.max_pool_with_indices(x, case)
    tolerances.assert_same_values(y, expected)
    tolerances.assert_same_values(indices, positions)
    dy = data.whole(case.output_shape, "float32", data.generator(case, "dy"))
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.max_pool(x, **case.arguments, return_indices=True)[0], x, dy
    )
    tolerances.assert_same_values(y, expected)
    exact = reference.max_pool_gradient(x, dy, case.windows, case.data_format)
    np.testing.assert_array_equal(dx, exact)


@by_case
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_and_its_gradient(case, count_include_pad, way):
    options = {"count_include_pad": count_include_pad}
    x = data.for_average(case.shape, "float64", data.generator(case))
    dy = data.for_average(case.output_shape, "float64", data.generator(case, "dy"))
    y, dx = calls.avg_pool_gradient(x, dy, case, **options)
    arguments = (case.windows, case.data_format)
    exact = reference.avg_pool(x, *arguments, **options)
    np.testing.assert_allclose(y, exact, rtol=1e-12, atol=1e-9)
    exact = reference.avg_pool_gradient(dy, *arguments, **options)
    np.testing.assert_allclose(dx, exact, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("dtype", data.INTEGERS)
def test_the_most_negative_integer_wins_over_padding(dtype, way):
    x = np.full((1, 3, 3, 2), np.iinfo(dtype).min, dtype)
    y, indices = kp.ops.max_pool(x, 3, 2, "same", return_indices=True)
    np.testing.assert_array_equal(y, x[:, ::2, ::2])
    np.testing.assert_array_equal(indices[0, :, :, 0], [[0, 1], [3, 4]])


def test_a_wide_window_is_gathered():
    # One fold over 2³¹ - 1 slices would not end.
    x = np.arange(12, dtype="float32").reshape(1, 3, 4, 1)
    for function, expected in ((kp.ops.max_pool, 11), (kp.ops.avg_pool, 5.5)):
        assert function(x, 2**31 - 1, padding="same").numpy().item() == expected


@pytest.mark.parametrize("output_size", [(1, 1), (2, 3), (5, 7), (8, None)], ids=str)
def test_adaptive_windows(output_size):
    x = data.for_max((2, 5, 7, 3), "float32", 9, data.generator(output_size))
    wanted = [size or 7 for size in output_size]
    axes = [
        axis
        for size, count in zip((5, 7), wanted, strict=True)
        for axis in reference.adaptive((size,), count)
    ]
    windows = AdaptiveWindows(output_size)
    y, indices = portable.max_pool(
        ops.convert_to_tensor(x), windows, "channels_last", True
    )
    expected, positions = reference.max_pool(x, axes)
    tolerances.assert_same_values(y.numpy(), expected)
    np.testing.assert_array_equal(indices.numpy(), positions)
    x = data.whole(x.shape, "float32", data.generator("average"))
    y = portable.avg_pool(ops.convert_to_tensor(x), windows, "channels_last")
    np.testing.assert_allclose(y, reference.avg_pool(x, axes), rtol=1e-6, atol=1e-6)


@by_case
def test_sizes_known_only_when_the_graph_runs(case, way):
    x = data.for_max(case.shape, "float32", 4, data.generator(case))
    channels = 1 if case.data_format == "channels_first" else -1
    known = [None] * x.ndim
    known[channels] = case.shape[channels]

    @tf.function(input_signature=[tf.TensorSpec(known, tf.float32)])
    def pool(x):
        y, indices = kp.ops.max_pool(x, **case.arguments, return_indices=True)
        return y, indices, kp.ops.avg_pool(x, **case.arguments)

    y, indices, average = pool(x)
    expected, positions = reference.max_pool(x, case.windows, case.data_format)
    tolerances.assert_same_values(y.numpy(), expected)
    assert indices.dtype == tf.int64
    np.testing.assert_array_equal(indices, positions)
    np.testing.assert_array_equal(average, calls.avg_pool(x, case))


@pytest.mark.parametrize(("padding", "windows"), [("valid", 1), ("same", 6)])
def test_a_misfit_found_when_the_graph_runs_is_an_error(padding, windows):
    @tf.function(input_signature=[tf.TensorSpec([1, None, 1])])
    def pool(x):
        return kp.ops.max_pool(x, 2, 1, padding, dilation_rate=5)

    assert pool(np.zeros((1, 6, 1), "float32")).shape == (1, windows, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit the input"):
        pool(np.zeros((1, 2, 1), "float32"))


def test_under_xla_the_same_bits():
    case = FEW[2]
    x = data.for_max(case.shape, "float32", 4, data.generator(case))

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.max_pool(x, **case.arguments)
        return y, tape.gradient(y, x)

    y, dx = step(tf.constant(x))
    expected, _ = reference.max_pool(x, case.windows, case.data_format)
    tolerances.assert_same_values(y.numpy(), expected)
    dy = np.ones_like(expected)
    exact = reference.max_pool_gradient(x, dy, case.windows, case.data_format)
    np.testing.assert_array_equal(dx, exact)


def test_gradient_of_the_gradient():
    x = tf.constant(data.distinct((1, 4, 4, 2), "float64", data.generator("twice")))
    windows = sliding_windows(2, 3, 1, "same")
    for function in (portable.max_pool, portable.avg_pool):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(function(x, windows, "channels_last") ** 3)
            dx = inner.gradient(y, x)
            total = tf.reduce_sum(dx)
        ddx = outer.gradient(total, x)
        pooled = function(x, windows, "channels_last")
        # Shifting x by h shifts y by h: Σ dx = Σ 3y², and its slope along 1 is Σ 6y.
        np.testing.assert_allclose(total, tf.reduce_sum(3 * pooled**2))
        np.testing.assert_allclose(tf.reduce_sum(ddx), tf.reduce_sum(6 * pooled))


WITHOUT_TENSORFLOW = """
import sys
import numpy as np
import keras_pooling as kp
x = np.array([[3, np.nan, 1, 4, 1, 5, 9, 2]], "float32").reshape(1, 8, 1)
y, indices = kp.MaxPool(3, 2, "same", return_indices=True)(x)
print([int(i) for i in np.ravel(indices)], [float(v) for v in np.ravel(y)][2:])
print([float(v) for v in np.ravel(kp.AvgPool1D(2)(x))][1:])
print([float(v) for v in np.ravel(kp.GlobalMaxPool1D()(x[:, 2:]))])
print("tensorflow" in sys.modules)
"""


RANDOM_WITHOUT_TENSORFLOW = """
import sys
import keras
import numpy as np
import keras_pooling as kp
array = keras.ops.convert_to_numpy
x = np.arange(12, dtype="float32").reshape(1, 12, 1)
print([round(float(v), 3) for v in array(kp.LpPool(3, p=1.5)(x)).ravel()])
print([round(float(v), 3) for v in array(kp.StochasticPool(4)(x)).ravel()])
print([float(v) for v in array(kp.FractionalMaxPool(1.7, seed=1)(x)).ravel()])
print([float(v) for v in array(kp.ops.fractional_avg_pool(x, output_size=5)).ravel()])
tall = np.tile(x[:, :, None], (6, 1, 12, 2))
differ = []
for layer in (
    kp.StochasticPool(4, seed=1),
    kp.FractionalMaxPool(1.7, regions_per="sample", seed=1),
    kp.FractionalMaxPool(1.7, regions_per="channel", pseudo_random=False, seed=1),
):
    model = keras.Sequential([keras.Input((12, 12, 2)), layer])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    model.fit(tall / 12, np.zeros((6, 1)), batch_size=3, verbose=0)
    assert np.ravel(array(layer.seed_generator.state)).tolist() == [1, 2]
    one, other = (array(layer(tall, training=True)) for _ in range(2))
    assert np.isin(one, x).all() and one.shape == other.shape
    differ.append(bool((one != other).any()))
print(differ, "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_draw(backend):
    strictly = ("-W", "error::UserWarning")
    done = run_python(*strictly, "-c", RANDOM_WITHOUT_TENSORFLOW, KERAS_BACKEND=backend)
    assert done.stdout.splitlines() == [
        "[2.447, 8.407, 14.61, 20.836]",
        "[2.333, 5.727, 9.632]",
        "[1.0, 3.0, 5.0, 7.0, 8.0, 10.0, 11.0]",
        "[1.0, 3.5, 6.0, 8.5, 10.5]",
        "[True, True, True] False",
    ]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_run_and_import_no_tensorflow(backend):
    done = run_python("-c", WITHOUT_TENSORFLOW, KERAS_BACKEND=backend)
    assert done.stdout.splitlines() == [
        "[1, 3, 6, 6] [9.0, 9.0]",
        "[2.5, 3.0, 5.5]",
        "[9.0]",
        "False",
    ]
