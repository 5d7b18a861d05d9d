"""What every layer promises: config, files, shapes, dtypes, Keras's signatures."""

import copy
import doctest
import inspect
import json
import math
import pickle
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_pooling as kp

NAMES = kp.layers.__all__
CLASSES = sorted({getattr(kp, name) for name in NAMES}, key=lambda cls: cls.__name__)
FAMILIES = [cls for cls in CLASSES if cls.rank is None]
RANKED = [cls for cls in CLASSES if cls.rank is not None]
IN_KERAS = [cls for cls in RANKED if hasattr(keras.layers, cls.__name__)]
OF_A_FAMILY = [cls for cls in RANKED if cls.__mro__[1] in FAMILIES]
WITH_A_FUNCTION = [cls for cls in CLASSES if cls not in OF_A_FAMILY]
WITH_A_LAYOUT = [
    cls for cls in CLASSES if "data_format" in inspect.signature(cls).parameters
]
by_class = pytest.mark.parametrize("cls", CLASSES)
by_ranked = pytest.mark.parametrize("cls", OF_A_FAMILY)
by_class_in_keras = pytest.mark.parametrize("cls", IN_KERAS)
SHAPES = {None: (2, 5, 6, 3), 1: (2, 7, 3), 2: (2, 5, 6, 3), 3: (2, 4, 5, 6, 3)}
OTHER_THAN_DEFAULT = {
    "alpha": 0.25,
    "beta": 0.5,
    "trainable_beta": True,
    "trainable_p": False,
    "epsilon": 0.25,
    "per_channel": True,
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
    "output_size": 4,
    "pseudo_random": False,
    "overlapping": False,
    "regions_per": "channel",
    "inference": "random",
    "seed": 1234,
    "k": 2,
    "layer": 1,
    "num_layers": 4,
    "num_pieces": 3,
    "axis": 2,
    "levels": (3, 1),
    "mode": "avg",
    "name": "other",
    "dtype": "mixed_float16",
}
# Where an argument that others have too allows other values.
OTHER_OF_A_MEAN = {"p": 2.5}
OTHER_OF_A_BLUR = {"filter_size": 2, "padding": "valid", "pool_size": (3, 2)}


def example(cls):
    """The tensors that a layer is called with: values, for some their indices too."""
    shape, rng = SHAPES[cls.rank], np.random.default_rng(1)
    x = rng.integers(-9, 9, shape).astype("float32")
    if "Unpool" not in cls.__name__:
        return (x,)
    return x, rng.integers(0, 4, shape, "int32")  # a plane has more than 4 elements


def symbolic_inputs(cls):
    return [keras.Input(x.shape[1:], dtype=x.dtype) for x in example(cls)]


def arguments(cls):
    return inspect.signature(cls).parameters


def with_few_arguments(cls, **kwargs):
    given = {
        "pooling_ratio": (1.4,),
        "output_size": (3,),
        "k": (3,),
        "num_pieces": (3,),
    }
    if "inference" in arguments(cls):
        kwargs["seed"] = 1  # without one, another layer has other regions
    return cls(*given.get(next(iter(arguments(cls))), ()), **kwargs)


def with_every_argument(cls):
    names = {*arguments(cls), "dtype", "name"}
    others = {**OTHER_OF_A_BLUR} if "filter_size" in names else {}
    others |= OTHER_OF_A_MEAN if "epsilon" in names else {}
    given = {**OTHER_THAN_DEFAULT, **others}.items()
    if "pooling_ratio" in names:
        names.remove("output_size")  # exactly one of the two is given
    return cls(**{name: value for name, value in given if name in names})


def numpy(outputs):
    return [
        keras.ops.convert_to_numpy(keras.ops.cast(y, "float64"))
        for y in keras.tree.flatten(outputs)
    ]


def assert_same_outputs(one, other):
    for a, b in zip(numpy(one), numpy(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_class_has_the_name_that_keras_gives_it_and_the_other_one():
    assert len(CLASSES) == 77 and len(IN_KERAS) == 18
    for cls in RANKED:
        name = cls.__name__
        short = name.replace("ooling", "ool").replace("Average", "Avg")
        long = short.replace("ool", "ooling").replace("Avg", "Average")
        assert getattr(kp, short) is getattr(kp, long) is cls
        assert name == (long if hasattr(keras.layers, long) else short)
    others = {cls.__name__ for cls in FAMILIES}
    assert set(NAMES) == others | {
        form for cls in RANKED for form in (cls.__name__, other_name(cls))
    }


def other_name(cls):
    (name,) = [n for n in NAMES if getattr(kp, n) is cls and n != cls.__name__]
    return name


@by_class_in_keras
def test_automatic_names_stay_after_a_swap(cls):
    keras_class = getattr(keras.layers, cls.__name__)

    def names(layer_class):
        keras.backend.clear_session()
        inputs = keras.Input(SHAPES[cls.rank][1:])
        layers = [
            layer_class(keepdims=True) if "Global" in cls.__name__ else layer_class(1)
            for _ in range(2)
        ]
        model = keras.Sequential([inputs, *layers])
        lines = []
        model.summary(print_fn=lines.append)
        return [layer.name for layer in model.layers], lines

    assert names(cls) == names(keras_class)


@by_class_in_keras
def test_signature_and_defaults_are_those_of_keras(cls):
    keras_class = getattr(keras.layers, cls.__name__)
    ours, theirs = arguments(cls), arguments(keras_class)
    positional = [p.name for p in ours.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert positional == [p.name for p in theirs.values() if p.kind != p.VAR_KEYWORD]
    required = [
        2 for p in theirs.values() if p.default is p.empty and p.kind != p.VAR_KEYWORD
    ]
    config = keras_class(*required, name="it").get_config()
    assert config.items() <= cls(*required, name="it").get_config().items()


@by_ranked
def test_a_fixed_rank_is_its_docstring_and_its_rank(cls):
    assert {name for name in vars(cls) if not name.startswith("_")} == {"rank"}
    assert "__init__" not in vars(cls) and cls.__doc__


@by_class
@pytest.mark.parametrize("make", [with_few_arguments, with_every_argument])
def test_config_round_trip(cls, make):
    layer = make(cls)
    config = layer.get_config()
    assert set(arguments(cls)) - {"kwargs"} <= set(config)
    assert cls.from_config(config).get_config() == config
    read = json.loads(json.dumps(config))
    assert cls.from_config(read).get_config() == config
    revived = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(revived) is cls
    assert revived.get_config() == config
    assert_same_outputs(revived(*example(cls)), layer(*example(cls)))


def function_of(cls):
    family = cls.__mro__[1] if cls in OF_A_FAMILY else cls
    name = re.sub("[123]D$", "", family.__name__).replace("GeM", "Gem")
    return getattr(kp.ops, re.sub("(?<!^)(?=[A-Z])", "_", name).lower())


@by_class
@pytest.mark.parametrize("make", [with_few_arguments, with_every_argument])
def test_a_layer_gives_what_its_function_gives(cls, make):
    config = make(cls).get_config()
    if "inference" in config:
        config["inference"] = "central"  # a function draws only if it gets a seed
    layer = cls.from_config(config)
    x, *others = example(cls)
    x = keras.ops.cast(x, layer.compute_dtype)
    names = arguments(function_of(cls)).keys() & config.keys() - {"seed"}
    y = function_of(cls)(x, *others, **{name: config[name] for name in names})
    assert_same_outputs(layer(x, *others), y)


@by_class_in_keras
def test_a_keras_config_is_accepted(cls):
    keras_class = getattr(keras.layers, cls.__name__)
    given = {"pool_size": 3, "strides": 2, "padding": "same"}
    if "Global" in cls.__name__:
        given = {"keepdims": True}
    if "Adaptive" in cls.__name__:
        given = {"output_size": 3}
    config = keras_class(**given, name="it").get_config()
    assert config.items() <= cls.from_config(config).get_config().items()


@by_class
def test_keras_file_round_trip(cls, tmp_path):
    inputs = symbolic_inputs(cls)
    model = keras.Model(inputs, with_every_argument(cls)(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()
    x = list(example(cls))
    assert_same_outputs(loaded(x), model(x))


def every_layer(**others):
    """A model of every layer with every argument, or others, each with its outputs.

    Returns the model, and an example of its inputs.
    """
    examples = {
        (x.ndim, x.dtype.name): x for cls in CLASSES for x in reversed(example(cls))
    }
    inputs = {k: keras.Input(x.shape[1:], dtype=x.dtype) for k, x in examples.items()}
    outputs = []
    for cls in CLASSES:
        config = {**with_every_argument(cls).get_config(), "name": cls.__name__.lower()}
        others_here = {name: others[name] for name in others.keys() & config.keys()}
        layer = cls.from_config({**config, **others_here})
        outputs.append(layer(*(inputs[x.ndim, x.dtype.name] for x in example(cls))))
    model = keras.Model(list(inputs.values()), keras.tree.flatten(outputs))
    weights = [
        w + 1 / 8 * np.arange(w.size).reshape(w.shape) for w in model.get_weights()
    ]
    model.set_weights(weights)
    return model, list(examples.values())


def by_file(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def by_weights(model, folder):
    model.save_weights(folder / "model.weights.h5")
    copied = keras.models.clone_model(model)
    copied.load_weights(folder / "model.weights.h5")
    return copied


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_deepcopy(model, folder):
    return copy.deepcopy(model)


def by_json(model, folder):
    return keras.models.model_from_json(model.to_json())


def by_clone(model, folder):
    return keras.models.clone_model(model)


@pytest.mark.parametrize("way", [by_file, by_weights, by_pickle, by_deepcopy])
def test_a_copy_of_every_layer_has_its_weights_and_goes_on_drawing(way, tmp_path):
    model, inputs = every_layer()
    model(inputs)  # which draws
    copied = way(model, tmp_path)
    assert_same_layers(copied, model)
    assert_same_outputs(copied(inputs), model(inputs))


@pytest.mark.parametrize("way", [by_json, by_clone])
def test_a_copy_of_what_every_layer_is_begins_anew(way, tmp_path):
    model, inputs = every_layer()
    copied = way(model, tmp_path)
    assert_same_layers(copied, model)
    copied.set_weights(model.get_weights())
    assert_same_outputs(copied(inputs), model(inputs))


def assert_same_layers(one, other):
    pairs = [
        pair
        for pair in zip(one.layers, other.layers, strict=True)
        if type(pair[1]) in CLASSES
    ]
    assert len(pairs) == len(CLASSES)
    for ours, theirs in pairs:
        assert type(ours) is type(theirs) and ours.get_config() == theirs.get_config()


@by_class
@pytest.mark.parametrize("make", [with_few_arguments, with_every_argument])
def test_symbolic_shape_is_the_eager_shape(cls, make):
    layer = make(cls)
    given = example(cls)
    eager = [y.shape for y in numpy(layer(*given))]
    sizes = dict(enumerate(given[0].shape))
    for unknown in [(), *((axis,) for axis in sizes), tuple(sizes)]:
        shape = tuple(None if a in unknown else n for a, n in sizes.items())
        outputs = layer(*(keras.KerasTensor(shape, dtype=x.dtype) for x in given))
        symbolic = [tuple(y.shape) for y in keras.tree.flatten(outputs)]
        computed = layer.compute_output_shape(shape)
        assert computed == (tuple(symbolic) if len(symbolic) > 1 else symbolic[0])
        for ours, theirs in zip(symbolic, eager, strict=True):
            assert len(ours) == len(theirs)
            for known, size in zip(ours, theirs, strict=True):
                assert known in (None, size)
        if not unknown:
            assert symbolic == eager


@by_class
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_dtype_policy(cls, policy):
    layer = with_few_arguments(cls, dtype=policy)
    x = example(cls)
    expected = layer.compute_dtype
    assert keras.backend.standardize_dtype(layer(*x).dtype) == expected
    symbolic = [keras.KerasTensor(given.shape, dtype=given.dtype) for given in x]
    assert layer(*symbolic).dtype == expected
    assert layer.compute_output_spec(*symbolic).dtype == expected


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "bool"])
def test_integers_keep_their_dtype_in_max_and_become_floats_in_averages(dtype):
    x = np.array([0, 1, 1, 0], dtype).reshape(1, 4, 1)
    for layer, expected in (
        (kp.MaxPool1D(), dtype),
        (kp.GlobalMaxPool1D(), dtype),
        (kp.AdaptiveMaxPool1D(2), dtype),
        (kp.AvgPool1D(), "float32"),
        (kp.GlobalAvgPool1D(), "float32"),
        (kp.AdaptiveAvgPool1D(2), "float32"),
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


@by_class
def test_layer_is_built_and_says_whether_it_takes_a_mask(cls):
    layer = with_few_arguments(cls)
    learns = "GeM" in cls.__name__  # whose power is a weight, unless it is told not to
    assert layer.built != learns
    takes_masks = cls.rank in (None, 1) and not issubclass(cls, kp.MaxUnpool)
    assert layer.supports_masking == takes_masks


@pytest.mark.parametrize("cls", WITH_A_FUNCTION)
def test_a_layer_compiles(cls):
    layer, x = with_few_arguments(cls), [tf.constant(given) for given in example(cls)]
    compiled = tf.function(layer, jit_compile=True)(*x)
    # XLA may sum the taps of a window, at most all 30 of a plane, in another order.
    rounding = 2 * 30 * np.finfo("float32").eps
    largest = np.abs(example(cls)[0]).max()
    for one, other in zip(numpy(compiled), numpy(layer(*x)), strict=True):
        np.testing.assert_allclose(one, other, rtol=rounding, atol=rounding * largest)


@pytest.mark.parametrize("cls", WITH_A_LAYOUT)
def test_default_data_format_is_that_of_keras(cls):
    keras.config.set_image_data_format("channels_first")
    try:
        layer = with_few_arguments(cls)
        assert layer.data_format == "channels_first"
    finally:
        keras.config.set_image_data_format("channels_last")
    assert with_few_arguments(cls).data_format == "channels_last"


def documented_arguments(thing) -> dict[str, str]:
    """The lines about each argument, in order."""
    # Python 3.13 keeps docstrings without their indentation, earlier ones with it.
    text = inspect.cleandoc(thing.__doc__)
    section = re.search(r"\nArgs:\n(.*?)\n\n", text, re.DOTALL)[1]
    lines = re.findall(r"^    (\**\w+): (.*(?:\n        .*)*)", section, re.M)
    return {name.strip("*"): text for name, text in lines}


@pytest.mark.parametrize(
    "thing",
    [
        *CLASSES,
        *(getattr(kp.ops, name) for name in kp.ops.__all__),
        kp.predict_averaged,
    ],
    ids=lambda thing: thing.__name__,
)
def test_documentation(thing):
    assert list(documented_arguments(thing)) == list(arguments(thing))
    names = {"kp": kp, "np": np, "keras": keras}
    (examples,) = doctest.DocTestFinder(recurse=False).find(thing, "it", globs=names)
    assert examples.examples
    assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0
    for section in ("Raises:", "Example:"):
        assert f"\n{section}\n" in inspect.cleandoc(thing.__doc__)


@by_ranked
def test_a_fixed_rank_documents_arguments_as_its_family_does(cls):
    family = cls.__mro__[1]
    assert documented_arguments(cls) == documented_arguments(family)


@pytest.mark.parametrize("cls", WITH_A_FUNCTION)
def test_a_layer_documents_arguments_as_its_function_does(cls):
    ours = documented_arguments(cls)
    theirs = documented_arguments(function_of(cls))
    # What a layer learns a function is given.
    learned = {"alpha", "beta", "p"} if "per_channel" in ours else set()
    shared = (ours.keys() & theirs.keys()) - {"seed"} - learned
    if "regions" in theirs:  # given in place of an output size
        shared.remove("output_size")
    assert len(shared) >= 2
    for name in shared:
        assert ours[name] == theirs[name]
