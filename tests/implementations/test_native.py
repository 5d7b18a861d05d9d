"""The backend's own pooling: when it serves, what it gives, what its graph holds."""

import cases
import numpy as np
import portable_agreement
import pytest
import tensorflow as tf
import tolerances
from processes import run_python

import keras_pooling as kp
from keras_pooling.arguments import AdaptiveWindows, sliding_windows
from keras_pooling.implementations.portable import native

SIZES = (1, 9, 12, 3)
by_dtype = pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])


@pytest.fixture(autouse=True)
def on_the_portable_floor():
    with kp.force_portable():
        yield


@pytest.mark.parametrize(
    ("served", "arguments"),
    [
        ("valid", {"pool_size": 2}),
        ("same", {"pool_size": 2, "padding": "same"}),
        ("valid", {"pool_size": 2, "padding": 0}),
        ("same", {"pool_size": 3, "strides": 1, "padding": 1}),
        ("valid", {"pool_size": 3, "strides": 3, "ceil_mode": True}),
        ("same", {"pool_size": 2, "padding": "valid", "ceil_mode": True}),
        ("valid", {"pool_size": 1, "dilation_rate": 3, "padding": "same"}),
        (None, {"pool_size": 3, "dilation_rate": 2}),
        (None, {"pool_size": 3, "strides": 2, "padding": 1}),
        (None, {"pool_size": 3, "strides": 2, "padding": ((1, 0), (1, 0))}),
        (None, {"pool_size": 10, "padding": "same"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_windows_that_have_a_name_are_served(kind, served, arguments):
    windows = sliding_windows(2, **arguments)
    for data_format, shape in (
        ("channels_last", SIZES),
        ("channels_first", (1, 3, 9, 12)),
    ):
        assert native.serves(kind, tf.zeros(shape), windows, data_format) == served


def test_adaptive_windows_that_are_served():
    x = tf.zeros(SIZES)
    for kind, output_size, served in (
        ("max", (1, 1), "global"),
        ("average", (1, 1), "global"),
        ("max", (2, 5), "adaptive"),
        ("average", (2, 5), None),
    ):
        windows = AdaptiveWindows(output_size)
        assert native.serves(kind, x, windows, "channels_last") == served


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8"])
def test_integers_are_not_served(dtype):
    windows = sliding_windows(2, 2)
    x = tf.zeros(SIZES, dtype)
    assert native.serves("max", x, windows, "channels_last") is None


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_portable_path_agrees_with_the_oracle(backend):
    environment = {"KERAS_BACKEND": backend, "KERAS_POOLING_PORTABLE": "1"}
    done = run_python(portable_agreement.__file__, timeout=600, **environment)
    assert done.stdout.splitlines() == [f"agrees on {backend}"]


@by_dtype
def test_a_window_of_minus_infinity_alone_may_give_the_lowest_number(dtype):
    x = np.full((1, 4, 4, 1), -np.inf, dtype)
    y = kp.ops.max_pool(x, 2).numpy()
    assert np.isin(y, [-np.inf, portable_agreement.least(dtype)]).all()
    assert (kp.ops.global_max_pool(x).numpy() == -np.inf).all()


@pytest.mark.parametrize("case", cases.named("the classic 2x2/2", "3D"), ids=str)
def test_ties_of_a_plane_give_to_the_first(case):
    x = tf.zeros(case.shape)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.global_max_pool(x)
            loss = tf.reduce_sum(y + y * y)
        dx = tape.gradient(loss, x)
    expected = np.zeros(case.shape, "float32")
    expected[:, *(0 for _ in case.sizes)] = 1
    tolerances.assert_same_values(dx.numpy(), expected)
    # The slope of y + y² is 1 + 2y, and its own slope 2.
    tolerances.assert_same_values(outer.gradient(dx, x).numpy(), 2 * expected)


def test_a_plain_pool_is_one_node_of_a_graph():
    def nodes(function) -> set[str]:
        spec = tf.TensorSpec((None, 6, 8, 3))
        graph = tf.function(function).get_concrete_function(spec).graph
        names = {node.op for node in graph.as_graph_def().node}
        return names - {"Placeholder", "Identity", "IdentityN", "Const"}

    assert nodes(lambda x: kp.ops.avg_pool(x, 2, padding="same")) == {"AvgPool"}
    assert nodes(lambda x: kp.ops.max_pool(x, 2, padding="same")) == {"MaxPool"}
    assert nodes(lambda x: kp.ops.adaptive_avg_pool(x, (3, 2))) == {"AvgPool"}
    assert nodes(lambda x: kp.ops.adaptive_max_pool(x, (3, 2))) == {"MaxPool"}
    assert nodes(kp.ops.global_avg_pool) == {"Mean", "Squeeze"}
    assert nodes(kp.ops.global_max_pool) == {"Max", "Squeeze"}


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_misfit_found_when_the_graph_runs_is_an_error(padding):
    pool = tf.function(
        lambda x: kp.ops.max_pool(x, 3, 3, padding),
        input_signature=[tf.TensorSpec([1, None, 1])],
    )
    assert pool(np.zeros((1, 3, 1), "float32")).shape == (1, 1, 1)
    misfit = np.zeros((1, 2 if padding == "valid" else 0, 1), "float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not fit the input"):
        pool(misfit)
