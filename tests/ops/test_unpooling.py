"""Unpooling under TensorFlow: what its graphs know of shapes, the bits inside XLA, what
the function takes, and which implementation computes it.
"""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from inside_xla import assert_same_bits, calls_of

import keras_pooling as kp
from keras_pooling import arguments
from keras_pooling.implementations import portable
from keras_pooling.ops import dispatch

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 9, 7, 5)).astype("float32")
Y, INDICES = kp.ops.max_pool(X, 3, 2, return_indices=True)
SIGNATURES = [(2, 4, 3, 5), (None, 4, 3, 5), (None, None, 3, None), (None,) * 4]


@pytest.mark.usefixtures("each_path")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [None, (9, 8)])
@pytest.mark.parametrize("signature", SIGNATURES, ids=str)
def test_known_and_unknown_sizes(signature, size, data_format):
    def move(x, to):
        return x if data_format == "channels_last" else np.moveaxis(x, *to)

    if data_format == "channels_first":
        signature = (signature[0], signature[-1], *signature[1:-1])
    options = {"output_size": size, "data_format": data_format}

    @tf.function(
        input_signature=[tf.TensorSpec(signature), tf.TensorSpec(signature, tf.int32)]
    )
    def step(y, indices):
        with tf.GradientTape() as tape:
            tape.watch(y)
            x = kp.ops.max_unpool(y, indices, 3, 2, **options)
        step.static_shape = x.shape
        return x, tape.gradient(x, y, output_gradients=x + 1)

    rng, plane = np.random.default_rng(1), size or (9, 7)
    for shape in ((2, 4, 3, 5), (0, 4, 3, 5), (1, 4, 3, 5), (2, 2, 3, 5)):
        y = rng.standard_normal(shape).astype("float32")
        indices = rng.integers(0, 7, shape, "int32")
        y, indices = (move(t, (-1, 1)) for t in (y, indices))
        if not tf.TensorShape(signature).is_compatible_with(y.shape):
            continue
        sizes = size or ((shape[1] - 1) * 2 + 3, plane[1])
        x, dy = step(y, indices)
        expected = reference.max_unpool(y, indices, sizes, data_format)
        np.testing.assert_array_equal(x, expected)
        dx = expected + 1
        exact = reference.max_unpool_gradient(dx, indices, data_format)
        np.testing.assert_array_equal(dy, exact)
        assert step.static_shape.is_compatible_with(x.shape)
        known = step.static_shape.as_list()
        spatial = known[1:-1] if data_format == "channels_last" else known[2:]
        assert size is None or tuple(spatial) == size


def test_an_index_outside_is_an_error_of_a_portable_graph_too():
    @tf.function(input_signature=[tf.TensorSpec((None,) * 3, tf.int32)])
    def unpool(indices):
        return kp.ops.max_unpool(tf.ones_like(indices, tf.float32), indices)

    with kp.force_portable():
        assert unpool(np.array([[[3], [0]]], "int32")).shape == (1, 4, 1)
        for index in (4, -1):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match="outside the plan"
            ):
                unpool(np.array([[[index], [0]]], "int32"))


def training_step(y, indices, dx, ddy):
    """Forward, backward, backward once more."""
    with tf.GradientTape() as outer:
        outer.watch(dx)
        with tf.GradientTape() as inner:
            inner.watch(y)
            x = kp.ops.max_unpool(y, indices, 3, 2, output_size=(9, 7))
        dy = inner.gradient(x, y, output_gradients=dx)
    return x, dy, outer.gradient(dy, dx, output_gradients=ddy)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_same_bits_inside_xla(dtype):
    y, dx, ddy = (
        tf.cast(RNG.standard_normal(shape), dtype)
        for shape in (Y.shape, X.shape, Y.shape)
    )
    args = y, INDICES, dx, ddy
    compiled = tf.function(training_step, jit_compile=True)
    assert_same_bits(compiled(*args), training_step(*args))
    assert calls_of(compiled, *args) == ["MaxUnpool", "MaxUnpool", "MaxUnpoolGrad"]


def test_a_batch_of_which_xla_knows_only_a_bound():
    def step(x):
        some = tf.boolean_mask(x, x[:, 0, 0, 0] > 0)
        y, indices = kp.ops.max_pool(some, 2, return_indices=True)
        return kp.ops.max_unpool(y, indices, output_size=(9, 7))

    x = tf.constant(RNG.standard_normal((7, 9, 7, 5)).astype("float32"))
    outside = tf.function(step)(x)
    assert 0 < len(outside) < 7
    assert_same_bits(tf.function(step, jit_compile=True)(x), outside)


def test_a_saved_model(tmp_path):
    inputs = keras.Input((8, 6, 3))
    y, indices = kp.MaxPool2D(2, return_indices=True)(inputs)
    model = keras.Model(inputs, kp.MaxUnpool2D(2)(y, indices))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    x = tf.random.stateless_normal((2, 8, 6, 3), (7, 8))
    assert_same_bits(loaded.serve(x), model(x))


def test_accepts_lists_arrays_variables_and_tensors():
    expected = kp.ops.max_unpool(Y, INDICES, 3, 2)
    others = (
        (np.array(Y), np.array(INDICES)),
        (Y.numpy().tolist(), tf.Variable(INDICES)),
    )
    for y, indices in others:
        np.testing.assert_array_equal(kp.ops.max_unpool(y, indices, 3, 2), expected)
        given = kp.ops.max_unpool(inputs=y, indices=indices, pool_size=3, strides=2)
        np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize("by_keyword", [False, True])
def test_is_a_node_of_a_functional_model(by_keyword, tmp_path):
    inputs = keras.Input(Y.shape[1:]), keras.Input(Y.shape[1:], dtype="int64")
    y, indices = inputs
    options = {"pool_size": np.int32(3), "strides": [2, 2]}
    x = (
        kp.ops.max_unpool(y, indices=indices, **options)
        if by_keyword
        else kp.ops.max_unpool(y, indices, **options)
    )
    model = keras.Model(inputs, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = kp.ops.max_unpool(Y, INDICES, 3, 2)
    for each in (model, loaded):
        np.testing.assert_array_equal(each([Y, INDICES]), expected)
    assert model.operations[-1].name.startswith("max_unpool")


def test_the_implementation_is_chosen_in_one_place(monkeypatch):
    asked, ran = [], []
    monkeypatch.setattr(dispatch, "use_compiled", lambda x: asked.append(x) or False)
    original = portable.max_unpool
    monkeypatch.setattr(
        portable, "max_unpool", lambda *a, **k: ran.append(a) or original(*a, **k)
    )
    kp.ops.max_unpool(Y, INDICES, 3, 2)
    assert len(asked) == len(ran) == 1


def test_the_least_plane_is_the_least_that_has_so_many_windows():
    for pool_size in (1, 2, 3, 5):
        for strides in (1, 2, 3, 7):
            pairs = {(0, 0), (pool_size - 1, 0), (pool_size // 2, pool_size - 1)}
            for padding in ("valid", "same", *((pair,) for pair in pairs)):
                pool = arguments.sliding_windows(1, pool_size, strides, padding)
                back = arguments.unpooling(1, pool_size, strides, padding)
                counts = {size: pool.output_sizes((size,))[0] for size in range(1, 40)}
                for count in range(1, 6):
                    (least,) = back.output_sizes((count,))
                    if least < 1:
                        assert back.misfit((count,))
                        continue
                    assert least == min(s for s in counts if counts[s] == count)
    assert back.output_sizes((None,)) == (None,)


def test_keras_has_no_such_layer():
    inputs = keras.Input((8, 6, 3))
    y, indices = kp.MaxPool2D(2, return_indices=True)(inputs)
    model = keras.Model(inputs, kp.MaxUnpool(2, name="it")(y, indices))
    with pytest.raises(ValueError, match="to_keras: layer"):
        kp.to_keras(model)
