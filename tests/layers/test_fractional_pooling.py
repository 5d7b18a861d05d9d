"""Fractional pooling layers: arguments, ranks, what training and inference draw."""

import keras
import numpy as np
import pytest
from training import assert_fit_trains

import keras_pooling as kp

SIZES = {1: (9,), 2: (9, 6), 3: (5, 9, 6)}
by_family = pytest.mark.parametrize(
    "family", ["FractionalMaxPool", "FractionalAvgPool"]
)


def function_of(family):
    return kp.ops.fractional_max_pool if "Max" in family else kp.ops.fractional_avg_pool


@by_family
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("regions_per", ["batch", "sample", "channel"])
def test_layers_and_functions_agree(family, rank, regions_per):
    x = np.random.default_rng(rank).standard_normal((2, *SIZES[rank], 3))
    x = x.astype("float32")
    arguments = dict(pooling_ratio=1.4, pseudo_random=False, regions_per=regions_per)
    for training in (False, True):
        seed = (5, 0) if training else None  # what a generator of 5 begins with
        expected = function_of(family)(x, **arguments, seed=seed)
        for name in (family, f"{family}{rank}D"):
            layer = getattr(kp, name)(**arguments, inference="central", seed=5)
            np.testing.assert_array_equal(layer(x, training=training), expected)


@by_family
def test_rank_comes_from_the_input_or_from_one_entry_per_axis(family):
    free = getattr(kp, family)(1.5)
    assert free.pooling_ratio == 1.5 and free.output_size is None
    assert free(np.zeros((1, 9, 1))).shape == (1, 6, 1)
    assert free(np.zeros((1, 9, 6, 1))).shape == (1, 6, 4, 1)
    fixed = getattr(kp, family)(output_size=(3, 2))
    assert fixed.output_size == (3, 2)
    assert fixed(np.zeros((1, 9, 6, 1))).shape == (1, 3, 2, 1)
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
        fixed(np.zeros((1, 9, 1)))
    layer = getattr(kp, f"{family}2D")(pooling_ratio=1.44)
    assert layer.pooling_ratio == (1.44, 1.44)


@by_family
@pytest.mark.parametrize(
    "arguments, words",
    [
        ({}, "exactly one of the `pooling_ratio` and `output_size`"),
        ({"pooling_ratio": 2, "output_size": 2}, "exactly one of"),
        ({"pooling_ratio": 0.9}, "`pooling_ratio` argument"),
        ({"pooling_ratio": (1, 2, 2, 1)}, "1, 2 or 3 spatial axes"),
        ({"output_size": 0}, "`output_size` argument"),
        ({"pooling_ratio": 2, "regions_per": "row"}, "`regions_per` argument"),
        ({"pooling_ratio": 2, "inference": "mean"}, "`inference` argument"),
        ({"pooling_ratio": 2, "overlapping": 1}, "`overlapping` argument"),
        ({"pooling_ratio": 2, "pseudo_random": "yes"}, "`pseudo_random` argument"),
        ({"pooling_ratio": 2, "data_format": "NCHW"}, "`data_format` argument"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(family, arguments, words):
    with pytest.raises(ValueError, match=f"{family}: .*{words}"):
        getattr(kp, family)(**arguments)


def test_more_regions_than_elements_are_refused():
    message = (
        r"FractionalMaxPool2D: output_size \(5, 5\) is larger than the input \(4, "
    )
    layer = kp.FractionalMaxPool2D(output_size=5)
    for use in (
        lambda: layer(keras.KerasTensor((1, 4, 8, 1))),
        lambda: layer(np.zeros((1, 4, 8, 1))),
        lambda: layer(np.zeros((1, 4, 8, 1)), training=True),
        lambda: layer.compute_output_shape((1, 4, 8, 1)),
    ):
        with pytest.raises(ValueError, match=message):
            use()


def test_return_indices_in_a_model():
    inputs = keras.Input((None, None, 2))
    layer = kp.FractionalMaxPool2D(1.5, return_indices=True, regions_per="channel")
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(3).standard_normal((2, 6, 9, 2)).astype("float32")
    for training in (False, True):
        y, indices = (
            keras.ops.convert_to_numpy(output) for output in model(x, training=training)
        )
        plane = np.take_along_axis(x.reshape(2, 54, 2), indices.reshape(2, 24, 2), 1)
        np.testing.assert_array_equal(y.reshape(2, 24, 2), plane)


@pytest.mark.parametrize("regions_per", ["batch", "channel"])
def test_trains_the_layer_before_it(regions_per):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 12, 12, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, activation="relu"),
            kp.FractionalMaxPool2D(2**0.5, seed=1, regions_per=regions_per),
            kp.FractionalAvgPool2D(output_size=3, seed=2, pseudo_random=False),
            keras.layers.Flatten(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    model.build(x.shape)
    assert_fit_trains(model.layers[0], model, x, y)
