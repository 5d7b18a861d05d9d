"""Layers that draw: seeds, their state in files, replicas. Looks at no frequency."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from processes import run_python

import keras_pooling as kp

# 40 elements in 31 regions: neither divides the other, so there are many draws.
MAKERS = {
    "stochastic": lambda **kwargs: kp.StochasticPool2D(2, **kwargs),
    "fractional": lambda **kwargs: kp.FractionalMaxPool2D(1.29, **kwargs),
    "random regions": lambda **kwargs: kp.FractionalAvgPool2D(
        1.29, pseudo_random=False, regions_per="channel", **kwargs
    ),
}
by_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
X = np.random.default_rng(0).random((2, 40, 40, 3)).astype("float32")


def draw(layer):
    return keras.ops.convert_to_numpy(layer(X, training=True))


@by_maker
def test_each_call_draws_anew_and_a_seed_repeats_the_series(make):
    one, other = make(seed=7), make(seed=7)
    series = [draw(one) for _ in range(3)]
    assert not (series[0] == series[1]).all() and not (series[1] == series[2]).all()
    for expected in series:
        np.testing.assert_array_equal(draw(other), expected)
    assert not (draw(make(seed=8)) == series[0]).all()
    some, others = ([draw(layer) for _ in range(4)] for layer in (make(), make()))
    assert not np.array_equal(some, others)


@by_maker
def test_inference_draws_nothing_and_leaves_the_state(make):
    layer = make(seed=7)
    one = layer(X)
    np.testing.assert_array_equal(layer(X, training=False), one)
    np.testing.assert_array_equal(draw(layer), draw(make(seed=7)))


@pytest.mark.parametrize(
    "make",
    [
        MAKERS["stochastic"],
        lambda **kwargs: MAKERS["fractional"](inference="central", **kwargs),
        lambda **kwargs: MAKERS["random regions"](inference="central", **kwargs),
    ],
)
def test_expectations_and_central_regions_depend_on_no_seed(make):
    np.testing.assert_array_equal(make(seed=7)(X), make(seed=8)(X))


@pytest.mark.parametrize("name", ["fractional", "random regions"])
def test_random_inference_draws(name):
    layer = MAKERS[name](seed=7, inference="random")
    one = keras.ops.convert_to_numpy(layer(X, training=False))
    np.testing.assert_array_equal(one, draw(MAKERS[name](seed=7)))
    assert not (layer(X, training=False) == one).numpy().all()


@by_maker
def test_a_function_draws_what_eager_calls_draw(make):
    eager, traced = make(seed=7), make(seed=7)
    function = tf.function(lambda x: traced(x, training=True))
    for _ in range(3):
        np.testing.assert_array_equal(function(tf.constant(X)), draw(eager))
    assert function.experimental_get_tracing_count() == 1


@by_maker
def test_compiled_by_xla_each_call_draws_anew(make):
    layer = make(seed=7)
    function = tf.function(lambda x: layer(x, training=True), jit_compile=True)
    one, two = function(tf.constant(X)), function(tf.constant(X))
    assert not (one == two).numpy().all()


@by_maker
def test_a_generator_may_be_shared_and_survives_a_config(make):
    generator = keras.random.SeedGenerator(7)
    one, other = make(seed=generator), make(seed=generator)
    series = make(seed=7)
    for layer in (one, other, one):
        np.testing.assert_array_equal(draw(layer), draw(series))
    config = json.loads(json.dumps(one.get_config()))
    revived = type(one).from_config(config)
    assert isinstance(revived.seed, keras.random.SeedGenerator)
    assert revived.get_config() == one.get_config()
    np.testing.assert_array_equal(draw(revived), draw(make(seed=7)))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", True, (1, 2)])
@by_maker
def test_wrong_seeds_are_refused(make, seed):
    with pytest.raises(ValueError, match=r"Pool2D: the `seed` argument must be"):
        make(seed=seed)


@by_maker
@pytest.mark.parametrize("form", ["model", "weights"])
def test_a_loaded_model_goes_on_drawing(make, form, tmp_path):
    def build(seed):
        return keras.Sequential([keras.Input(X.shape[1:]), make(seed=seed)])

    model = build(7)
    for _ in range(3):
        model(X, training=True)
    if form == "model":
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    else:
        model.save_weights(tmp_path / "model.weights.h5")
        loaded = build(8)
        loaded.load_weights(tmp_path / "model.weights.h5")
    for _ in range(2):
        np.testing.assert_array_equal(loaded(X, training=True), model(X, training=True))


def test_weights_of_a_model_without_draws_are_loaded():
    weights = [np.ones((3, 4)), np.zeros(4)]
    plain = keras.Sequential([keras.Input((4, 4, 3)), kp.MaxPool2D()])
    plain.add(keras.layers.Dense(4))
    plain.set_weights(weights)
    drawing = keras.Sequential([keras.Input((4, 4, 3)), kp.StochasticPool2D(seed=3)])
    drawing.add(keras.layers.Dense(4))
    drawing.set_weights(plain.get_weights())
    assert drawing.count_params() == plain.count_params()


@by_maker
def test_training_resumes_where_a_file_was_saved(make, tmp_path):
    def build():
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Conv2D(3, 3), make(seed=7), keras.layers.Flatten()]
        layers = [keras.Input((8, 8, 3)), *layers, keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("sgd", "mse")
        return model

    x, y = X[:, :8, :8].repeat(4, axis=0), np.arange(8.0)

    def fit(model, epochs):
        model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)

    whole, first = build(), build()
    fit(whole, 4)
    fit(first, 2)
    first.save(tmp_path / "model.keras")
    second = keras.saving.load_model(tmp_path / "model.keras")
    fit(second, 2)
    for one, other in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


SERIES = """
import hashlib
import numpy as np
import keras_pooling as kp
x = np.random.default_rng(0).random((2, 20, 20, 3)).astype("float32")
for layer in (kp.StochasticPool2D(seed=7), kp.FractionalMaxPool2D(1.29, seed=7)):
    draws = [np.asarray(layer(x, training=True)) for _ in range(3)]
    print(hashlib.sha256(np.array(draws).tobytes()).hexdigest())
"""

REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import numpy as np
import keras_pooling as kp
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).random((1, 64, 64, 4)).astype("float32")
makers = (
    lambda: kp.StochasticPool2D(seed=5),
    lambda: kp.FractionalMaxPool2D(1.29, seed=5, pseudo_random=False),
)
for make in makers:
    with strategy.scope():
        layer = make()
    step = tf.function(lambda x: layer(x, training=True))
    alone = make()
    for _ in range(3):
        first, second = strategy.experimental_local_results(strategy.run(step, (x,)))
        print((first == second).numpy().all(), end=" ")
        print((first == alone(x, training=True)).numpy().all())
    predict = tf.function(lambda x: layer(x))
    first, second = strategy.experimental_local_results(strategy.run(predict, (x,)))
    print((first == second).numpy().all(), (first == alone(x)).numpy().all())
"""


def run(program):
    return run_python("-c", program).stdout


def test_the_series_is_the_same_in_every_process():
    one = run(SERIES)
    assert len(set(one.split())) == 2
    assert run(SERIES) == one


def test_replicas_draw_different_numbers():
    # The second replica differs from the first, which draws what one alone draws.
    # What is not drawn is the same on both.
    series = ["False", "True"] * 3 + ["True", "True"]
    assert run(REPLICAS).split() == series * 2
