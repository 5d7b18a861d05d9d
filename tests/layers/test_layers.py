"""What every layer promises: config, files, shapes, dtypes, Keras's signatures."""

import doctest
import inspect
import json
import math

import keras
import numpy as np
import pytest

import keras_pooling as kp

NAMES = kp.layers.__all__
SLIDING = [name for name in NAMES if not name.startswith(("Global", "Fractional"))]
KERAS_NAMES = [name for name in NAMES if hasattr(keras.layers, name)]
SHAPES = {None: (2, 5, 6, 3), 1: (2, 7, 3), 2: (2, 5, 6, 3), 3: (2, 4, 5, 6, 3)}
OTHER_THAN_DEFAULT = {
    "pool_size": 3,
    "strides": 1,
    "padding": 1,
    "data_format": "channels_first",
    "keepdims": True,
    "dilation_rate": 2,
    "ceil_mode": True,
    "return_indices": True,
    "count_include_pad": True,
    "divisor_override": 7,
    "p": math.inf,
    "normalize": True,
    "pooling_ratio": 1.3,
    "pseudo_random": False,
    "overlapping": False,
    "regions_per": "channel",
    "inference": "random",
    "seed": 1234,
    "name": "other",
    "dtype": "mixed_float16",
}


def layer_class(name):
    return getattr(kp, name)


def example(cls, dtype="float32"):
    shape = SHAPES[cls.rank]
    return np.random.default_rng(1).integers(-9, 9, shape).astype(dtype)


def arguments(cls):
    return inspect.signature(cls).parameters


def with_few_arguments(cls, **kwargs):
    given = (1.4,) if cls.__name__.startswith("Fractional") else ()
    return cls(*given, **kwargs)


def with_every_argument(cls):
    given = OTHER_THAN_DEFAULT.items()
    names = {*arguments(cls), "dtype", "name"}
    return cls(**{name: value for name, value in given if name in names})


def numpy(outputs):
    return [
        keras.ops.convert_to_numpy(keras.ops.cast(y, "float64"))
        for y in keras.tree.flatten(outputs)
    ]


def assert_same_outputs(one, other):
    for a, b in zip(numpy(one), numpy(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_long_names_are_aliases():
    assert kp.MaxPooling2D is kp.MaxPool2D
    for name in NAMES:
        short = name.replace("Pooling", "Pool").replace("Average", "Avg")
        assert layer_class(name) is layer_class(short)
        assert name in (layer_class(name).__name__, name)


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_signature_begins_as_keras_does(name):
    ours = arguments(layer_class(name))
    keras_own = arguments(getattr(keras.layers, name))
    positional = [p.name for p in ours.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    expected = [p.name for p in keras_own.values() if p.kind != p.VAR_KEYWORD]
    assert positional == expected
    for argument in expected:
        if keras_own[argument].default is not inspect.Parameter.empty:
            assert ours[argument].default == keras_own[argument].default


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("D")])
def test_a_fixed_rank_adds_no_argument_of_its_own(name):
    cls = layer_class(name)
    family = arguments(cls.__mro__[1])
    assert list(arguments(cls)) == list(family)
    for argument, parameter in arguments(cls).items():
        if argument != "pool_size":
            assert parameter.default == family[argument].default


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [with_few_arguments, with_every_argument])
def test_config_round_trip(name, make):
    cls = layer_class(name)
    layer = make(cls)
    config = layer.get_config()
    assert set(arguments(cls)) - {"kwargs"} <= set(config)
    assert cls.from_config(config).get_config() == config
    read = json.loads(json.dumps(config))
    assert cls.from_config(read).get_config() == config
    revived = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(revived) is cls
    assert revived.get_config() == config
    assert_same_outputs(revived(example(cls)), layer(example(cls)))


@pytest.mark.parametrize("name", [n for n in SLIDING if n in KERAS_NAMES])
def test_a_keras_config_is_accepted(name):
    cls = layer_class(name)
    config = getattr(keras.layers, name)(3, 2, "same").get_config()
    layer = cls.from_config(config)
    assert {key: layer.get_config()[key] for key in config} == config


@pytest.mark.parametrize("name", NAMES)
def test_keras_file_round_trip(name, tmp_path):
    cls = layer_class(name)
    inputs = keras.Input(SHAPES[cls.rank][1:])
    model = keras.Model(inputs, with_every_argument(cls)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    x = example(cls)
    assert_same_outputs(loaded(x), model(x))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [with_few_arguments, with_every_argument])
def test_symbolic_shape_is_the_eager_shape(name, make):
    cls = layer_class(name)
    layer = make(cls)
    x = example(cls)
    eager = [y.shape for y in numpy(layer(x))]
    for unknown in [(), *((axis,) for axis in range(x.ndim)), tuple(range(x.ndim))]:
        shape = tuple(None if a in unknown else n for a, n in enumerate(x.shape))
        outputs = layer(keras.KerasTensor(shape))
        symbolic = [tuple(y.shape) for y in keras.tree.flatten(outputs)]
        computed = layer.compute_output_shape(shape)
        assert computed == (tuple(symbolic) if len(symbolic) > 1 else symbolic[0])
        for ours, theirs in zip(symbolic, eager, strict=True):
            assert len(ours) == len(theirs)
            for known, size in zip(ours, theirs, strict=True):
                assert known in (None, size)
        if not unknown:
            assert symbolic == eager


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_dtype_policy(name, policy):
    layer = with_few_arguments(layer_class(name), dtype=policy)
    x = example(layer_class(name))
    expected = layer.compute_dtype
    assert keras.backend.standardize_dtype(layer(x).dtype) == expected
    assert layer(keras.KerasTensor(x.shape)).dtype == expected
    assert layer.compute_output_spec(keras.KerasTensor(x.shape)).dtype == expected


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "bool"])
def test_integers_keep_their_dtype_in_max_and_become_floats_in_averages(dtype):
    x = np.array([0, 1, 1, 0], dtype).reshape(1, 4, 1)
    for layer, expected in (
        (kp.MaxPool1D(), dtype),
        (kp.GlobalMaxPool1D(), dtype),
        (kp.AvgPool1D(), "float32"),
        (kp.GlobalAvgPool1D(), "float32"),
    ):
        assert keras.backend.standardize_dtype(layer(x).dtype) == expected
        assert layer(keras.KerasTensor(x.shape, dtype=dtype)).dtype == expected


def test_indices_are_int32_where_the_plane_is_known_to_fit():
    layer = kp.MaxPool(2, return_indices=True)
    for shape, expected in (
        ((None, 4, 4, 1), "int32"),
        ((None, None, 4, 1), "int64"),
        ((1, 2**16, 2**15, 1), "int32"),
        ((1, 2**16, 2**16, 1), "int64"),
    ):
        y, indices = layer(keras.KerasTensor(shape))
        assert (y.dtype, indices.dtype) == ("float32", expected)


@pytest.mark.parametrize("name", NAMES)
def test_layer_is_built_jit_ready_and_takes_no_mask_silently(name):
    layer = with_few_arguments(layer_class(name))
    assert layer.built
    assert layer.supports_jit
    assert layer.supports_masking == (
        name in ("GlobalAvgPool", "GlobalAvgPool1D", "GlobalAveragePooling1D")
    )


@pytest.mark.parametrize("name", NAMES)
def test_default_data_format_is_that_of_keras(name):
    keras.config.set_image_data_format("channels_first")
    try:
        layer = with_few_arguments(layer_class(name))
        assert layer.data_format == "channels_first"
    finally:
        keras.config.set_image_data_format("channels_last")
    assert with_few_arguments(layer_class(name)).data_format == "channels_last"


@pytest.mark.parametrize(
    "thing",
    [
        *(layer_class(name) for name in NAMES),
        *(getattr(kp.ops, name) for name in kp.ops.__all__),
    ],
    ids=lambda thing: thing.__name__,
)
def test_documentation(thing):
    assert "Args:" in thing.__doc__
    names = {"kp": kp, "np": np, "keras": keras}
    (examples,) = doctest.DocTestFinder(recurse=False).find(thing, "it", globs=names)
    assert examples.examples
    assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0
    for name in inspect.signature(thing).parameters:
        assert name in thing.__doc__, f"{name} is not documented"
    assert "{" not in thing.__doc__
