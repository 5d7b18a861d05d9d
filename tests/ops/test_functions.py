"""The public functions: what they accept, as nodes of a model, who computes them."""

import inspect
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp
from keras_pooling.implementations import portable
from keras_pooling.ops import dispatch

FUNCTIONS = {
    "max_pool": {"pool_size": 2},
    "avg_pool": {"pool_size": 2, "padding": ((1, 0), (0, 1))},
    "lp_pool": {"pool_size": 2, "p": 3.0},
    "stochastic_pool": {"pool_size": 2, "dilation_rate": 2},
    "adaptive_max_pool": {"output_size": 3},
    "adaptive_avg_pool": {"output_size": (None, 5)},
    "global_max_pool": {},
    "global_avg_pool": {"keepdims": True},
    "global_lp_pool": {"p": math.inf},
}
by_function = pytest.mark.parametrize("name", FUNCTIONS)


def function(name):
    return getattr(kp.ops, name)


@by_function
def test_accepts_lists_arrays_variables_and_tensors(name):
    x = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    expected = function(name)(tf.constant(x), **FUNCTIONS[name])
    for other in (x, x.tolist(), keras.Variable(x), tf.Variable(x)):
        y = function(name)(other, **FUNCTIONS[name])
        np.testing.assert_array_equal(y, expected)


@by_function
def test_is_a_node_of_a_functional_model(name, tmp_path):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, function(name)(inputs, **FUNCTIONS[name]))
    x = np.random.default_rng(0).standard_normal((2, 4, 4, 3)).astype("float32")
    expected = function(name)(x, **FUNCTIONS[name])
    assert model.output.shape == (None, *expected.shape[1:])
    np.testing.assert_array_equal(model(x), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), expected)


NODES = {
    "max_pool": {"pool_size": np.int32(2), "padding": np.array([1])},
    "avg_pool": {"pool_size": [np.int64(2)], "padding": np.array([[1, 0]])},
    "lp_pool": {"pool_size": 2, "p": np.float32(3), "normalize": np.bool_(True)},
    "stochastic_pool": {
        "pool_size": 2,
        "seed": keras.random.SeedGenerator(1),
        "training": False,
    },
    "adaptive_max_pool": {"output_size": np.int64(3)},
    "adaptive_avg_pool": {"output_size": np.array([3])},
    "fractional_max_pool": {"regions": [np.array([0, 3, 8])]},
    "fractional_avg_pool": {"regions": (tf.constant([0, 3, 8]),)},
    "global_lp_pool": {"p": np.array(2)},
}


@pytest.mark.parametrize("name", NODES)
def test_a_node_holds_plain_arguments_and_loads_again(name, tmp_path):
    inputs = keras.Input((8, 3))
    model = keras.Model(inputs, function(name)(inputs, **NODES[name]))
    _, node = model.operations
    json.dumps(node.get_config())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).standard_normal((2, 8, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_array_equal(model(x), function(name)(x, **NODES[name]))


def test_a_node_bears_the_name_of_its_function():
    keras.backend.clear_session()
    inputs = keras.Input((8, 3))
    y = kp.ops.max_pool(kp.ops.max_pool(inputs, 1), 1)
    model = keras.Model(inputs, kp.ops.average_pool(y, 1))
    names = ["max_pool", "max_pool_1", "avg_pool"]
    assert [op.name for op in model.operations[1:]] == names
    lines = []
    model.summary(print_fn=lines.append)
    assert all(name in "".join(lines) for name in names)


def test_errors_in_a_node_name_its_function():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, kp.ops.max_pool(inputs, 4))
    with pytest.raises(ValueError, match="max_pool: window \\(4,\\) is larger"):
        model(np.zeros((1, 3, 3), "float32"))


def test_a_node_keeps_the_data_format_that_it_was_made_with():
    keras.config.set_image_data_format("channels_first")
    try:
        inputs = keras.Input((3, 8))
        model = keras.Model(inputs, kp.ops.max_pool(inputs, 2))
    finally:
        keras.config.set_image_data_format("channels_last")
    assert model(np.zeros((1, 3, 8))).shape == (1, 3, 4)


def test_functions_have_the_names_and_first_arguments_of_keras_ops():
    assert kp.ops.average_pool is kp.ops.avg_pool
    assert kp.ops.adaptive_average_pool is kp.ops.adaptive_avg_pool
    for name in (
        "max_pool",
        "average_pool",
        "adaptive_max_pool",
        "adaptive_average_pool",
    ):
        ours = list(inspect.signature(function(name)).parameters.values())
        theirs = inspect.signature(getattr(keras.ops, name)).parameters.values()
        for one, other in zip(ours, theirs, strict=False):
            assert (one.name, one.default) == (other.name, other.default)
    for name in kp.ops.__all__:
        assert next(iter(inspect.signature(function(name)).parameters)) == "inputs"


def test_symbolic_indices():
    y, indices = kp.ops.max_pool(keras.Input((None, 4, 3)), 2, return_indices=True)
    assert y.shape == indices.shape == (None, None, 2, 3)
    assert indices.dtype == "int64"


@by_function
def test_the_implementation_is_chosen_in_one_place(name, monkeypatch):
    asked, ran = [], []
    monkeypatch.setattr(dispatch, "use_compiled", lambda x: asked.append(x) or False)
    inner = name.removeprefix("global_").removeprefix("adaptive_")
    if FUNCTIONS[name].get("p") == math.inf:
        inner = "max_pool"
    original = getattr(portable, inner)
    monkeypatch.setattr(
        portable, inner, lambda *a, **k: ran.append(inner) or original(*a, **k)
    )
    function(name)(np.ones((1, 4, 4, 1), "float32"), **FUNCTIONS[name])
    assert len(asked) == len(ran) == 1


def test_forced_portable_runs_portable():
    with kp.force_portable():
        assert dispatch.implementation_of(tf.zeros((1, 2, 1))) is portable


@by_function
@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 2, 2, 2, 2, 2)], ids=str)
def test_other_ranks_are_refused(name, shape):
    with pytest.raises(ValueError, match=f"{name}: the input must have a batch axis"):
        function(name)(np.zeros(shape, "float32"), **FUNCTIONS[name])


@by_function
def test_an_unknown_rank_is_refused(name):
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def pool(x):
        return function(name)(x, **FUNCTIONS[name])

    with pytest.raises(ValueError, match=f"{name}: the rank of the input is not known"):
        pool(np.zeros((1, 4, 4, 1), "float32"))


@by_function
def test_other_dtypes_are_refused(name):
    for dtype in ("complex64", "string"):
        x = tf.zeros((1, 4, 4, 1), dtype)
        with pytest.raises(ValueError, match=rf"{name}: .* dtype {dtype} cannot be"):
            function(name)(x, **FUNCTIONS[name])


@pytest.mark.parametrize("dtype", ["bool", "uint16", "uint32"])
def test_small_dtypes_are_pooled_exactly(dtype):
    limit = 1 if dtype == "bool" else np.iinfo(dtype).max
    x = np.array([0, limit, 0, 1]).astype(dtype).reshape(1, 4, 1)
    y = kp.ops.max_pool(tf.constant(x), 2)
    assert y.dtype.name == dtype
    np.testing.assert_array_equal(y, x[:, 1::2])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_agrees_with_tensorflow_on_dilation_free_windows(rank):
    rng = np.random.default_rng(rank)
    x = rng.standard_normal((2, *(7, 6, 5)[:rank], 4)).astype("float32")
    for padding in ("VALID", "SAME"):
        for kind, ours in (("MAX", kp.ops.max_pool), ("AVG", kp.ops.avg_pool)):
            expected = tf.nn.pool(
                x, [3] * rank, kind, strides=[2] * rank, padding=padding
            )
            np.testing.assert_allclose(
                ours(x, 3, 2, padding), expected, rtol=1e-6, atol=1e-6
            )


def test_agrees_with_tensorflow_on_dilated_windows():
    x = np.random.default_rng(5).standard_normal((1, 9, 8, 3)).astype("float32")
    for kind, ours in (("MAX", kp.ops.max_pool), ("AVG", kp.ops.avg_pool)):
        expected = tf.nn.pool(x, [2, 3], kind, dilations=[3, 2], padding="VALID")
        y = ours(x, (2, 3), 1, dilation_rate=(3, 2))
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)


def test_two_calls_in_one_message_name_their_own_function():
    with pytest.raises(ValueError, match=r"^max_pool: "):
        kp.ops.max_pool(np.zeros((1, 2, 1)), 3)
    with pytest.raises(ValueError, match=r"^global_avg_pool: "):
        kp.ops.global_avg_pool(np.zeros((1, 0, 1)))
