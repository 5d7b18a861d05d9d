"""Ops as our code runs or makes them: as TensorFlow's functions of them would."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp
from keras_pooling import _tensorflow_internals as internals
from keras_pooling.implementations import compiled
from keras_pooling.implementations import tensorflow as host

X = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
SPEC = tf.TensorSpec((None, 6, None, 3))

LAYERS = {
    "defaults": lambda: kp.MaxPooling2D(2),
    "all of max": lambda: kp.MaxPool2D((3, 2), (2, 1), [1, (0, 1)], ceil_mode=True),
    "spread, with indices": lambda: kp.MaxPool2D(
        2, 1, dilation_rate=2, return_indices=True, data_format="channels_first"
    ),
    "all of average": lambda: kp.AvgPool2D(
        (3, 2), 2, 1, count_include_pad=True, divisor_override=5
    ),
    "global": lambda: kp.GlobalMaxPooling2D(),
    "adaptive": lambda: kp.AdaptiveAveragePooling2D((2, None)),
    "p": lambda: kp.LpPool2D(2, p=3.0, normalize=False),
    "a learned parameter": lambda: kp.GeMPool2D(2, per_channel=False),
    "median": lambda: kp.MedianPool2D(3, 2, "same"),
    "drawn": lambda: kp.StochasticPool2D(2, seed=1),
    "regions": lambda: kp.FractionalMaxPool2D(1.4, seed=1),
}


WITH_WINDOWS = [
    *("SelectingPool", "SelectingPoolGrad", "SelectingPoolPick", "TapIndices"),
    *("BlendingPool", "BlendingPoolGrad", "BlendingPoolParameterGrad"),
]


def concrete(layer, spec=SPEC):
    """A training step of a layer as a graph: the gradient of its output."""

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **draws)
        first = y[0] if isinstance(y, tuple) else y
        return y, tape.gradient(first, x)

    draws = {"training": True} if hasattr(layer, "seed_generator") else {}
    return step.get_concrete_function(spec)


def ours(function):
    nodes = function.graph.as_graph_def().node
    return [node for node in nodes if node.op.startswith("KerasPooling>")]


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_an_op_is_made_as_by_the_function_of_it(make, monkeypatch):
    layer = make()
    layer(X)
    made = ours(concrete(layer))
    monkeypatch.setattr(internals, "sees_new_ops", lambda: True)
    called = ours(concrete(layer))
    assert len(made) >= 2

    def known(node):
        # The names of an op's inputs count what else is in the graph.
        return node.op, node.device, dict(node.attr)

    assert [known(node) for node in made] == [known(node) for node in called]
    assert [node.name for node in made][:1] == [node.name for node in called][:1]


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_an_op_runs_without_the_function_of_it(make, monkeypatch):
    def value_and_gradient():
        layer, x = make(), tf.constant(X)
        draws = {"training": True} if hasattr(layer, "seed_generator") else {}
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, **draws)
        first = y[0] if isinstance(y, tuple) else y
        return first, tape.gradient(first, x)

    with monkeypatch.context() as patch:
        patch.setattr(internals, "run_op", lambda *_: None)
        expected = value_and_gradient()
    monkeypatch.setattr(host, "_function", None)
    for one, other in zip(value_and_gradient(), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_why_an_op_fails_is_told_by_the_function_of_it():
    taps = tf.fill((1, 2, 2, 1), tf.constant(9, tf.uint8))
    arguments = {"x": X[:1, :4, :4, :1], "taps": taps, "window": [2, 2], "regions": []}
    with pytest.raises(tf.errors.InvalidArgumentError) as given:
        host._run("SelectingPoolPick", **arguments)
    with pytest.raises(tf.errors.InvalidArgumentError) as told:
        host._function("SelectingPoolPick")(**arguments)
    assert str(given.value) == str(told.value)
    assert "SelectingPoolPick" in str(given.value)


def test_attributes_that_are_left_out_are_as_the_ops_have_them():
    # Whatever an op has besides, its own call says.
    apart = {"T", "Tap", "Index", "P", "num_seeds", "num_regions", "num_parameters"}
    apart |= {"num_saved", "taps_are_read", "pseudo_random", "axis"}
    graph = tf.Graph()
    host._library.load()
    for name in WITH_WINDOWS:
        definition = graph.op_def_for_type(f"KerasPooling>{name}")
        defaults = {
            attribute.name: host._value(attribute.default_value)
            for attribute in definition.attr
            if attribute.name not in apart
        }
        assert set(defaults) == set(compiled.DEFAULTS)
        for key, value in compiled.DEFAULTS.items():
            default = defaults[key]
            if value is not None:
                is_text = isinstance(default, bytes)
                assert (default.decode() if is_text else default) == value


def test_a_tape_in_a_graph_makes_nothing_of_taps():
    function = concrete(kp.MaxPooling2D(2), tf.TensorSpec((2, 6, 7, 3)))
    bytes_of = [
        op for op in function.graph.get_operations() if op.type != "Placeholder"
    ]
    outputs = [y for op in bytes_of for y in op.outputs if y.dtype == tf.uint8]
    assert [y.op.type for y in outputs] == ["KerasPooling>SelectingPool"]


def test_forward_derivatives_in_a_graph_are_those_outside():
    layer, x = kp.MaxPooling2D(2), tf.constant(X)

    def change():
        with tf.autodiff.ForwardAccumulator(x, tf.cast(x * 3, x.dtype)) as forward:
            y = layer(x)
        return forward.jvp(y)

    # The change of a maximum is that of its tap.
    np.testing.assert_array_equal(change(), 3 * layer(x))
    np.testing.assert_array_equal(tf.function(change)(), 3 * layer(x))


def test_gradients_of_gradients_in_one_graph_are_those_outside():
    layer, x = kp.LpPool2D(2, p=3.0), tf.constant(X)

    def second():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(layer(x) ** 2)
            dx = inner.gradient(y, x)
        return outer.gradient(dx, x)

    rounding = 64 * np.finfo("float32").eps
    expected = second()
    np.testing.assert_allclose(
        tf.function(second)(), expected, rtol=rounding, atol=rounding
    )


def test_a_debugger_sees_the_ops_of_a_graph():
    layer = kp.AveragePooling2D(2)
    x = np.full((1, 2, 2, 1), np.finfo("float32").max, "float32")
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="KerasPooling"):
            tf.function(lambda x: keras.ops.multiply(layer(x), 1.0))(x)
    finally:
        tf.debugging.disable_check_numerics()
