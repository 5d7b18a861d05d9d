"""Max unpooling on the Keras backend that is in use, compiled and portable: values back
at the indices of every pool, the last of equal ones, gradients, errors, models.
"""

import contextlib

import data
import keras
import numpy as np
import pytest
import reference
import tolerances
from hosts import BACKEND, array, compiled, value_and_gradient
from training import assert_fit_trains

import keras_pooling as kp

SIZES = {1: (9,), 2: (6, 8), 3: (4, 5, 6)}
# A pool, and what tells its plane.
POOLS = {
    "side by side": (kp.MaxPool, {"pool_size": 2}, {}),
    "overlapping": (kp.MaxPool, {"pool_size": 3, "strides": 1}, {}),
    "same": (kp.MaxPool, {"pool_size": 3, "strides": 2, "padding": "same"}, None),
    "padded": (kp.MaxPool, {"pool_size": 3, "strides": 2, "padding": 1}, None),
    "dilated": (kp.MaxPool, {"pool_size": 2, "strides": 1, "dilation_rate": 2}, None),
    "adaptive": (kp.AdaptiveMaxPool, {"output_size": 11}, None),
    "fractional": (kp.FractionalMaxPool, {"pooling_ratio": 1.4, "seed": 1}, None),
}
PATHS = {"active": contextlib.nullcontext, "portable": kp.force_portable}
if not kp.build_info()["compiled"]:
    del PATHS["portable"]  # it is the active one
by_pool = pytest.mark.parametrize("pool", POOLS)
by_layout = pytest.mark.parametrize(
    ("rank", "data_format"),
    [
        *((rank, "channels_last") for rank in SIZES),
        *((rank, "channels_first") for rank in (2, 3)),
    ],
)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
by_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


def values(name: str, shape: tuple, data_format="channels_last") -> np.ndarray:
    x = data.generator(name).standard_normal(shape).astype("float32")
    return reference.from_channels_last(x, data_format)


def pooled(pool: str, sizes: tuple, data_format: str):
    """Returns what was pooled, its maxima, their indices, and the way back."""
    cls, arguments, plane = POOLS[pool]
    if pool == "side by side":
        sizes = tuple(size // 2 * 2 for size in sizes)
    x = values(pool, (2, *sizes, 3), data_format)
    layer = cls(**arguments, data_format=data_format, return_indices=True)
    y, indices = map(array, layer(x))
    sliding = arguments if plane is not None else {"output_size": sizes}
    return x, sizes, y, indices, kp.MaxUnpool(**sliding, data_format=data_format)


@by_path
@by_layout
@by_pool
def test_values_and_gradients(pool, rank, data_format, path):
    _, sizes, y, indices, layer = pooled(pool, SIZES[rank], data_format)
    expected = reference.max_unpool(y, indices, sizes, data_format)
    dx = values("dx", expected.shape)
    with path():
        x, dy = value_and_gradient(lambda y: layer(y, indices), y, dx)
    tolerances.assert_same_values(x, expected)
    exact = reference.max_unpool_gradient(dx, indices, data_format)
    tolerances.assert_same_values(dy, exact)


@by_format
def test_after_a_pool_each_maximum_is_where_it_was(data_format):
    # The sparse maximum: whichever of several windows has it.
    x, _, y, indices, layer = pooled("overlapping", SIZES[2], data_format)
    sparse = array(layer(y, indices))
    windows = reference.sliding(SIZES[2], 3, 1)
    is_maximum = reference.max_pool_gradient(x, np.ones_like(y), windows, data_format)
    np.testing.assert_array_equal(sparse, np.where(is_maximum > 0, x, 0))


@by_path
@by_format
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_of_equal_indices_the_last_wins(dtype, data_format, path):
    rng = data.generator(dtype, data_format)
    shape = (3, 7, 5, 4) if data_format == "channels_last" else (3, 4, 7, 5)
    y, indices = values("last", shape), rng.integers(0, 6, shape, dtype)
    options = {"output_size": (2, 3), "data_format": data_format}
    dx = values("dx", (3, 2, 3, 4), data_format)
    with path():
        x, dy = value_and_gradient(
            lambda y: kp.ops.max_unpool(y, indices, **options), y, dx
        )
    expected = reference.max_unpool(y, indices, (2, 3), data_format)
    tolerances.assert_same_values(x, expected)
    exact = reference.max_unpool_gradient(dx, indices, data_format)
    tolerances.assert_same_values(dy, exact)


@by_path
@pytest.mark.parametrize("dtype", data.FLOATS)
def test_every_float_keeps_its_bits(dtype, path):
    numbers = [-0.0, np.nan, np.inf, -np.inf, 1e-30, 2.0, -3.0, 0.0]
    y = np.array(numbers).astype(data.dtype_of(dtype)).reshape(1, 8, 1)
    if BACKEND == "jax" and dtype == "float64":
        y = y.astype("float32")  # it has none, unless it is told to
    indices = np.arange(8, dtype="int32")[::-1].reshape(1, 8, 1)
    with path():
        x = array(kp.ops.max_unpool(keras.ops.convert_to_tensor(y), indices, 1))
    tolerances.assert_same_values(x, y[:, ::-1])


@by_path
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint32"])
def test_integers_of_the_whole_range(dtype, path):
    limits = np.iinfo(dtype)
    y = np.array([limits.max, limits.min, 1, limits.max - 1], dtype).reshape(1, 2, 2, 1)
    indices = np.array([3, 9, 8, 15], "int32").reshape(1, 2, 2, 1)
    with path():
        x = array(kp.ops.max_unpool(y, indices))
    # PyTorch has wider types for some.
    expected = reference.max_unpool(y.astype("int64"), indices, (4, 4))
    np.testing.assert_array_equal(x.astype("int64"), expected)


@by_path
@by_pool
def test_compiled(pool, path):
    _, _, y, indices, layer = pooled(pool, SIZES[2], "channels_last")
    with path():
        x = compiled(layer)(*map(keras.ops.convert_to_tensor, (y, indices)))
    np.testing.assert_array_equal(array(x), array(layer(y, indices)))


def test_the_gradient_has_a_gradient():
    _, _, y, indices, layer = pooled("overlapping", SIZES[2], "channels_last")
    dx, ddy = values("dx", layer(y, indices).shape), values("ddy", y.shape)

    def slope(y):  # of x²: 2x on the way back
        if BACKEND == "jax":
            import jax

            return jax.grad(lambda y: (layer(y, indices) ** 2).sum())(y)
        if BACKEND == "torch":
            import torch

            total = (layer(y, indices) ** 2).sum()
            return torch.autograd.grad(total, y, create_graph=True)[0]
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(y)
            total = tf.reduce_sum(layer(y, indices) ** 2)
        return tape.gradient(total, y)

    first, second = value_and_gradient(slope, y, ddy)
    stays = reference.max_unpool_gradient(np.ones_like(dx), indices)
    np.testing.assert_array_equal(first, 2 * y * stays)
    np.testing.assert_array_equal(second, 2 * ddy * stays)


@by_path
@pytest.mark.parametrize("index", [48, 49, -1, 2**31 - 1, -(2**31)])
def test_an_index_outside_the_plane_is_named(index, path):
    indices = np.zeros((2, 3, 4, 3), "int32")
    indices[1, 2, 0, 1] = index
    message = rf"indices hold {index} at \(2, 0\) of image 1, channel 1, the plane "
    with path(), pytest.raises(Exception, match=message + r"\(6, 8\) has 48 elements"):
        array(kp.ops.max_unpool(np.ones(indices.shape, "float32"), indices))
    good = kp.ops.max_unpool(np.ones((1, 1, 1)), np.array([[[1]]]))
    np.testing.assert_array_equal(array(good), [[[0.0], [1.0]]])  # life goes on


def test_an_empty_batch():
    y, indices = np.zeros((0, 3, 4, 2), "float32"), np.zeros((0, 3, 4, 2), "int32")
    for path in PATHS.values():
        with path():
            assert array(kp.ops.max_unpool(y, indices)).shape == (0, 6, 8, 2)


# What the arguments say.


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ({}, (10, 8)),
        ({"pool_size": 3}, (15, 12)),
        ({"pool_size": (3, 1), "strides": 2}, (11, 7)),
        ({"pool_size": 3, "strides": 2, "padding": "same"}, (9, 7)),
        ({"pool_size": 3, "strides": 2, "padding": "SAME"}, (9, 7)),
        ({"pool_size": 3, "strides": 2, "padding": 1}, (9, 7)),
        ({"pool_size": 3, "strides": 2, "padding": ((1, 0), (2, 1))}, (10, 6)),
        ({"output_size": 11}, (11, 11)),
        ({"pool_size": 7, "output_size": (5, 9)}, (5, 9)),
    ],
    ids=str,
)
def test_the_plane(arguments, sizes):
    y, indices = np.ones((1, 5, 4, 2), "float32"), np.zeros((1, 5, 4, 2), "int32")
    assert array(kp.ops.max_unpool(y, indices, **arguments)).shape == (1, *sizes, 2)
    symbolic = keras.Input((5, None, 2)), keras.Input((5, None, 2), dtype="int32")
    known = sizes if "output_size" in arguments else (sizes[0], None)
    for layer in (kp.MaxUnpool2D(**arguments), kp.MaxUnpool(**arguments)):
        assert layer(*symbolic).shape == (None, *known, 2)
        assert layer.compute_output_shape((1, 5, 4, 2)) == (1, *sizes, 2)
    assert kp.ops.max_unpool(*symbolic, **arguments).shape == (None, *known, 2)


Y, INDICES = np.ones((1, 2, 3, 1), "float32"), np.zeros((1, 2, 3, 1), "int32")
WRONG = {
    "no integers": ((Y, INDICES.astype("float32")), {}, "`indices` .*dtype=float32"),
    "small integers": ((Y, INDICES.astype("uint8")), {}, "`indices` .*dtype=uint8"),
    "fewer indices": ((Y, INDICES[:, :1]), {}, r"`indices` .*\(1, 1, 3, 1\)"),
    "another rank": ((Y, INDICES[0]), {}, r"`indices` .*\(2, 3, 1\)"),
    "no rank": ((Y[0, 0, 0], INDICES[0, 0, 0]), {}, "batch axis"),
    "an empty axis": ((Y[:, :0], INDICES[:, :0]), {}, "empty spatial axis"),
    "a size of another rank": ((Y, INDICES), {"output_size": (4, 6, 2)}, "output_size"),
    "no size": ((Y, INDICES), {"output_size": 0}, "`output_size` .*positive"),
    "half a size": ((Y, INDICES), {"output_size": 2.5}, "`output_size` .*integer"),
    "no window": ((Y, INDICES), {"pool_size": 0}, "`pool_size`"),
    "padding alone": (
        (Y[:, :1], INDICES[:, :1]),
        {"pool_size": 3, "padding": 2},
        "can have come from no input.*output_size",
    ),
}


@pytest.mark.parametrize(("tensors", "arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(tensors, arguments, message):
    with pytest.raises(ValueError, match=f"^max_unpool: .*{message}"):
        kp.ops.max_unpool(*tensors, **arguments)
    with pytest.raises(ValueError, match=r"MaxUnpool2D:|expected ndim=4"):
        kp.MaxUnpool2D(**arguments)(*tensors)


def test_indices_that_are_symbolic_need_values_that_are():
    with pytest.raises(ValueError, match=r"max_unpool: .*`inputs` is none"):
        kp.ops.max_unpool(Y, keras.Input((2, 3, 1), dtype="int32"))


# In models.


def autoencoder(**options) -> keras.Model:
    """Pools twice and unpools twice, each by the indices of its own pool."""
    x = inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(3, 3, padding="same", name="first")(x)
    x, outer = kp.MaxPooling2D(2, return_indices=True, **options)(x)
    x, inner = kp.MaxPooling2D(2, return_indices=True, **options)(x)
    x = kp.MaxUnpool2D(2, **options)(x, inner)
    x = kp.ops.max_unpool(x, outer, 2)
    return keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same")(x))


def test_a_functional_model_predicts_any_size_and_loads(tmp_path):
    model = autoencoder()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for sizes in ((8, 12), (4, 4)):
        x = values("model", (2, *sizes, 2))
        y = model.predict(x, verbose=0)
        assert y.shape == x.shape
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), y)


# PyTorch's compiler has tests of its own.
@pytest.mark.parametrize(
    "jit_compile", [False] if BACKEND == "torch" else [False, True]
)
def test_trains_the_layer_before_it(jit_compile):
    keras.utils.set_random_seed(0)
    model, x = autoencoder(), values("train", (32, 8, 8, 2))
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=jit_compile)
    assert_fit_trains(model.get_layer("first"), model, x, x)


def test_indices_stay_integers_in_mixed_precision():
    # Half precision counts to 2048.
    y, indices = np.ones((1, 1, 1), "float32"), np.array([[[2049]]])
    layer = kp.MaxUnpool1D(output_size=2050, dtype="mixed_float16")
    x = layer(y, indices)
    assert keras.backend.standardize_dtype(x.dtype) == "float16"
    assert array(x)[0, :, 0].nonzero()[0].tolist() == [2049]
    inputs = keras.Input((1, 1)), keras.Input((1, 1), dtype="int32")
    model = keras.Model(inputs, layer(*inputs))
    assert array(model([y, indices]))[0, :, 0].nonzero()[0].tolist() == [2049]
