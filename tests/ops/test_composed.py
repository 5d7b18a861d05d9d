"""Functions composed of several steps: what they accept, as nodes, in graphs, saved,
differentiated; on the compiled path and on the portable one.
"""

import json

import calls
import data
import keras
import numpy as np
import pytest
import tensorflow as tf
import tolerances

import keras_pooling as kp

SHAPE = (2, 8, 10, 6)
FUNCTIONS = {
    "blur_pool": {"filter_size": 4, "strides": (3, 2)},
    "max_blur_pool": {"pool_size": 2, "filter_size": 5},
    "maxout": {"num_pieces": 3},
    "spatial_pyramid_pool": {"levels": (3, 1), "mode": "avg"},
    "k_max_pool": {"k": 2, "layer": 1, "num_layers": 3},
}
# NumPy's numbers and arrays, where a file is to hold Python's.
OTHER_FORMS = {
    "blur_pool": {"filter_size": np.int64(4), "strides": np.array([3, 2])},
    "max_blur_pool": {"pool_size": [np.int32(2), 2], "filter_size": np.array(5)},
    "maxout": {"num_pieces": np.int8(3)},
    "spatial_pyramid_pool": {"levels": np.array([3, 1]), "mode": "avg"},
    "k_max_pool": {"k": np.int64(2), "layer": 1, "num_layers": np.array(3)},
}
LAYERS = {
    "blur_pool": kp.BlurPool2D,
    "max_blur_pool": kp.MaxBlurPool2D,
    "maxout": kp.Maxout,
    "spatial_pyramid_pool": kp.SpatialPyramidPool2D,
    "k_max_pool": kp.KMaxPool1D,
}
by_name = pytest.mark.parametrize("name", FUNCTIONS)


def function(name):
    return getattr(kp.ops, name)


def call(name):
    return lambda x: function(name)(x, **FUNCTIONS[name])


def shape_of(name, batch=2):
    return (batch, 11, 4) if name == "k_max_pool" else (batch, *SHAPE[1:])


def input_of(name, dtype="float32", batch=2):
    x = data.distinct(shape_of(name, batch), dtype, data.generator(name))
    return (x - x.mean()).astype(dtype)


@by_name
def test_accepts_lists_arrays_variables_and_tensors(name):
    x = input_of(name)
    expected = call(name)(tf.constant(x)).numpy()
    for other in (x, x.tolist(), keras.Variable(x), tf.Variable(x)):
        np.testing.assert_array_equal(call(name)(other), expected)
    given = {**FUNCTIONS[name], **OTHER_FORMS[name]}
    np.testing.assert_array_equal(function(name)(x, **given), expected)


@by_name
@pytest.mark.parametrize("unknown", [False, True])
def test_is_a_node_of_a_functional_model(name, unknown, tmp_path):
    x = input_of(name)
    shape = (None,) * (x.ndim - 2) if unknown else x.shape[1:-1]
    inputs = keras.Input((*shape, x.shape[-1]))
    given = {**FUNCTIONS[name], **OTHER_FORMS[name]}
    model = keras.Model(inputs, function(name)(inputs, **given))
    _, node = model.operations
    assert node.name.startswith(name)
    json.dumps(node.get_config())
    expected = call(name)(x)
    for known, size in zip(model.output.shape, expected.shape, strict=True):
        assert known == size or known is None
    np.testing.assert_array_equal(model(x), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), expected)


@by_name
def test_a_layer_in_a_saved_model(name, tmp_path):
    x = input_of(name)
    inputs = keras.Input((*(None,) * (x.ndim - 2), x.shape[-1]))
    model = keras.Model(inputs, LAYERS[name](**FUNCTIONS[name])(inputs))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.serve(x), call(name)(x))


@by_name
@pytest.mark.parametrize("jit", [False, True])
def test_sizes_that_a_graph_does_not_know(name, jit, each_path):
    x = input_of(name)
    spec = tf.TensorSpec([None] * x.ndim)
    traced = tf.function(call(name), input_signature=[spec], jit_compile=jit)
    y, exact = traced(x).numpy(), call(name)(x).numpy()
    eps = np.finfo("float32").eps
    np.testing.assert_allclose(y, exact, rtol=0, atol=80 * eps * abs(x).max())


@by_name
def test_a_graph_knows_of_the_shape_what_can_be_known(name):
    spec = tf.TensorSpec((None, *shape_of(name)[1:]))
    traced = tf.function(call(name), input_signature=[spec]).get_concrete_function()
    exact = call(name)(input_of(name))
    assert traced.structured_outputs.shape.as_list() == [None, *exact.shape[1:]]


@by_name
def test_an_empty_batch_gives_an_empty_batch(name, each_path):
    x = tf.zeros(shape_of(name, batch=0))
    expected = call(name)(tf.zeros(shape_of(name, batch=1))).shape
    assert call(name)(x).shape == (0, *expected[1:])
    _, dx = calls.value_and_gradient(
        call(name), x.numpy(), np.zeros((0, *expected[1:]), "float32")
    )
    assert dx.shape == x.shape


@by_name
def test_gradient_matches_finite_differences(name, each_path):
    # Linear between ties, which are further off than a step: exact but for rounding.
    x = input_of(name, "float64", batch=1)
    step = 1 / 16
    steps = step * np.eye(x.size).reshape(x.size, *x.shape[1:])
    y = call(name)(tf.constant(x))
    dy = data.generator(name, "dy").standard_normal(y.shape)
    _, dx = calls.value_and_gradient(call(name), x, dy)
    up, down = (call(name)(tf.constant(x + s)).numpy() for s in (steps, -steps))
    slopes = ((up - down) * dy).sum(axis=tuple(range(1, up.ndim))) / (2 * step)
    bound = x.size * np.finfo("float64").eps * abs(x).max() / step * abs(dy).max()
    tolerances.assert_within(dx, slopes.reshape(x.shape), bound)


@by_name
def test_gradients_have_gradients(name, each_path):
    # With loss = Σ y³ / 3 and y linear near x, the second derivative along v is the
    # gradient of Σ 2 y · f(v) · y, where f(v) is found by a difference.
    x = input_of(name, "float64")
    v = data.generator(name, "v").standard_normal(x.shape)
    step = 2.0**-6
    of_v = (call(name)(tf.constant(x + step * v)) - call(name)(tf.constant(x))) / step
    y = call(name)(tf.constant(x)).numpy()
    _, expected = calls.value_and_gradient(call(name), x, 2 * y * of_v.numpy())
    variable = tf.constant(x)
    with tf.GradientTape() as outer:
        outer.watch(variable)
        with tf.GradientTape() as inner:
            inner.watch(variable)
            loss = tf.reduce_sum(call(name)(variable) ** 3) / 3
        along = tf.reduce_sum(inner.gradient(loss, variable) * v)
    second = outer.gradient(along, variable).numpy()
    scale = abs(y).max() * abs(x).max() / step
    tolerances.assert_within(second, expected, x.size * np.finfo("float64").eps * scale)


@by_name
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_rounded_once(name, dtype, each_path):
    x = input_of(name).astype(data.dtype_of(dtype))
    wide = call(name)(tf.constant(x.astype("float32"))).numpy()
    y = call(name)(tf.constant(x))
    assert y.dtype.name == dtype
    # At most 80 taps, whose order may differ; and one rounding of the result.
    magnitude = np.full_like(wide, abs(x.astype("float32")).max())
    bound = tolerances.of_sum(dtype, 2 * 80, wide, magnitude)
    tolerances.assert_within(y.numpy(), wide, bound)


@by_name
def test_other_dtypes_and_other_ranks_are_refused(name):
    with pytest.raises(
        ValueError, match=f"^{name}: .*dtype complex64 cannot be pooled"
    ):
        call(name)(tf.zeros(shape_of(name), "complex64"))
    with pytest.raises(ValueError, match=f"^{name}: .*Received shape=\\(3,\\)"):
        call(name)(tf.zeros((3,)))


@by_name
def test_other_libraries_names_are_refused_with_ours(name):
    layer = LAYERS[name]
    for called, arguments in ((layer, FUNCTIONS[name]), (function(name), {})):
        given = () if called is layer else (input_of(name),)
        with pytest.raises(ValueError, match=f"{called.__name__}: .*no `stride`"):
            called(*given, **arguments, stride=2)


@by_name
def test_to_keras_says_that_keras_has_no_such_layer(name):
    shape = shape_of(name)[1:]
    model = keras.Sequential([keras.Input(shape), LAYERS[name](**FUNCTIONS[name])])
    with pytest.raises(ValueError, match=f"Keras has no {LAYERS[name].__name__}"):
        kp.to_keras(model)


@by_name
def test_errors_of_a_layer_name_it(name):
    layer = LAYERS[name](**FUNCTIONS[name])
    wrong = {"maxout": (1, 4)}.get(name, (1, *(0,) * (len(shape_of(name)) - 2), 1))
    for x in (keras.KerasTensor(wrong), np.zeros(wrong, "float32")):
        with pytest.raises(ValueError, match=f"{LAYERS[name].__name__}: ") as error:
            layer(x)
        assert f"shape={wrong}" in str(error.value)
