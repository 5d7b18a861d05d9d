"""The mean of random passes of a whole model, on the Keras backend that is in use."""

import data
import keras
import numpy as np
import pytest
from hosts import array

import keras_pooling as kp

L = keras.layers
SHAPE = (14, 14, 3)


def fractional(inference="fixed"):
    return [
        keras.Input(SHAPE),
        L.Conv2D(4, 3, activation="relu"),
        kp.FractionalMaxPool2D(
            1.4, regions_per="sample", inference=inference, seed=1, name="pool"
        ),
        L.GlobalAveragePooling2D(),
        L.Dense(3),
    ]


def sequential(inference="fixed"):
    keras.utils.set_random_seed(1)
    return keras.Sequential(fractional(inference))


def stochastic():
    keras.utils.set_random_seed(1)
    layers = [keras.Input(SHAPE), kp.StochasticPool2D(3, seed=2, name="pool")]
    return keras.Sequential([*layers, L.Flatten(), L.Dense(2)])


def nested():
    keras.utils.set_random_seed(1)
    inner = keras.Sequential(fractional()[:3])
    x = keras.Input(SHAPE)
    return keras.Model(x, keras.Sequential([inner, L.Flatten()])(x))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """Two outputs, of two types of layers that draw."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pools = [
            kp.FractionalAvgPool2D(1.5, seed=3),
            kp.StochasticPool2D(2, seed=4),
        ]

    def call(self, x):
        return {"fractional": self.pools[0](x), "others": [self.pools[1](x)]}


def subclassed():
    return Subclassed()


MODELS = {f.__name__: f for f in (sequential, stochastic, nested, subclassed)}
by_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def images(number: int = 5) -> np.ndarray:
    x = data.generator("averaging").standard_normal((number, *SHAPE))
    return x.astype("float32")


def predict(model) -> list[np.ndarray]:
    return keras.tree.flatten(model.predict(images(), batch_size=2, verbose=0))


def averaged(model, passes=4, **arguments) -> list[np.ndarray]:
    y = kp.predict_averaged(
        model, images(), passes, batch_size=2, verbose=0, **arguments
    )
    return keras.tree.flatten(y)


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_it_is_the_mean_of_predictions_that_draw():
    drawing = sequential("random")
    passes = [drawing.predict(images(), batch_size=2, verbose=0) for _ in range(4)]
    assert len({y.tobytes() for y in passes}) == 4
    (y,) = averaged(sequential())
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, np.mean(passes, 0, "float64").astype("float32"))


def test_a_stochastic_pass_is_what_training_draws():
    model = keras.Sequential([keras.Input(SHAPE), kp.StochasticPool2D(2, seed=2)])
    other = kp.StochasticPool2D(2, seed=2)
    passes = [array(other(images(), training=True)) for _ in range(3)]
    y = kp.predict_averaged(model, images(), 3, batch_size=5, verbose=0)
    np.testing.assert_array_equal(y, np.mean(passes, 0, "float64").astype("float32"))


@by_model
def test_calls_draw_anew_and_a_seed_repeats_them(make):
    model = make()
    one, two = averaged(model), averaged(model)
    assert all((a != b).any() for a, b in zip(one, two, strict=True))
    again = make()
    assert_same(averaged(again), one)
    assert_same(averaged(again), two)


@by_model
def test_the_model_predicts_and_trains_as_before(make):
    model = make()
    before = predict(model)
    function = model.predict_function
    averages = averaged(model)
    assert model.predict_function is function is not None
    assert any((a != b).any() for a, b in zip(before, averages, strict=True))
    assert_same(predict(model), before)
    new = make()
    averaged(new)
    assert_same(predict(new), before)


def test_it_comes_near_to_the_expectation():
    model = keras.Sequential([keras.Input(SHAPE), kp.StochasticPool2D(2, seed=2)])
    x = images(64)
    mean = kp.predict_averaged(model, x, passes=64, verbose=0)
    expected, one = model.predict(x, verbose=0), kp.predict_averaged(model, x, 1, 64, 0)
    spread = np.mean((one - expected) ** 2)
    # 64 draws have a 64th of the variance, here over 64 · 7 · 7 · 3 windows.
    assert spread / 96 < np.mean((mean - expected) ** 2) < spread / 48


def test_other_layers_are_in_the_mode_of_inference():
    keras.utils.set_random_seed(1)
    layers = [*fractional()[:3], L.BatchNormalization(), L.Dropout(0.5, seed=5)]
    # Regions of one size: no draw differs from another.
    layers[2] = kp.FractionalMaxPool2D(output_size=6, overlapping=False, seed=1)
    model = keras.Sequential(layers)
    model(images(), training=True)  # norms have statistics of their own
    states = [array(v.value) for v in model.layers[2].variables]
    exact = predict(model)
    for y, expected in zip(averaged(model, 3), exact, strict=True):
        np.testing.assert_array_equal(y, expected)
    for variable, state in zip(model.layers[2].variables, states, strict=True):
        np.testing.assert_array_equal(array(variable.value), state)


class Interrupted(keras.utils.PyDataset):
    """Two batches; the n-th that is asked for in all raises."""

    def __init__(self, n: int):
        super().__init__()
        self.left = n

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return (images(2),)


@pytest.mark.parametrize("after", [1, 2, 3, 6])
def test_an_interrupted_call_leaves_the_model_as_it_was(after):
    model = sequential()
    before = predict(model)
    weights = model.get_weights()
    with pytest.raises(BaseException):  # noqa: B017, TensorFlow may make another of it
        kp.predict_averaged(model, Interrupted(after), passes=3, verbose=0)
    assert_same(predict(model), before)
    assert_same(model.get_weights(), weights)
    model.compile("sgd", "mse")
    model.fit(images(), np.zeros((5, 3)), verbose=0)


def test_halves_and_integers_keep_their_dtypes():
    x = keras.Input(SHAPE, dtype="int32")
    pool = kp.FractionalMaxPool2D(1.4, overlapping=False, seed=1, dtype="float16")
    outputs = [
        kp.FractionalMaxPool2D(1.4, overlapping=False, seed=1)(x),
        pool(keras.ops.cast(x, "float16")),
    ]
    model = keras.Model(x, outputs)
    given = np.arange(np.prod(SHAPE), dtype="int32").reshape(1, *SHAPE)
    plain = model.predict(given, verbose=0)
    y, half = kp.predict_averaged(model, given, passes=5, verbose=0)
    assert [y.dtype, half.dtype] == [z.dtype for z in plain] == ["int32", "float16"]
    # Both layers have the same seed. The least digit of a half this large is 1/2.
    assert np.abs(y - half.astype("float64")).max() <= 0.5 + 0.25


def test_a_model_that_was_never_called_is_averaged():
    assert len(averaged(subclassed())) == 2


def test_a_model_that_runs_eagerly_draws_the_same():
    def build():
        pool = kp.FractionalMaxPool2D(1.4, regions_per="sample", seed=1)
        return keras.Sequential([keras.Input(SHAPE), pool])

    model = build()
    model.compile("sgd", "mse", run_eagerly=True)
    assert_same(averaged(model), averaged(build()))


def test_steps_of_a_dataset():
    model, other = sequential(), sequential()
    y = kp.predict_averaged(model, images(), 2, batch_size=2, verbose=0, steps=1)
    assert y.shape == (2, 3)
    np.testing.assert_array_equal(
        y, kp.predict_averaged(other, images()[:2], 2, verbose=0)
    )


@pytest.mark.parametrize("verbose, shown", [(0, False), (1, True), (2, True)])
def test_a_bar_counts_the_passes(verbose, shown, capsys):
    kp.predict_averaged(sequential(), images(), passes=3, verbose=verbose)
    out = capsys.readouterr().out
    assert ("3/3" in out and "/pass" in out) if shown else not out


def test_by_default_there_are_12_passes_and_a_bar(capsys):
    kp.predict_averaged(sequential(), images())
    assert "12/12" in capsys.readouterr().out


WRONG = {
    "no passes": (lambda: kp.predict_averaged(sequential(), images(), 0), "`passes`"),
    "half a pass": (
        lambda: kp.predict_averaged(sequential(), images(), 1.5),
        "`passes` argument must hold integers",
    ),
    "a layer": (
        lambda: kp.predict_averaged(L.Dense(2), images()),
        r"expected a keras\.Model",
    ),
    "nothing draws": (
        lambda: kp.predict_averaged(
            keras.Sequential([keras.Input(SHAPE), kp.MaxPool2D(), L.Dropout(0.5)]),
            images(),
        ),
        r"no layer of the model 'sequential.*' draws.*Use model\.predict",
    ),
    "a generator": (
        lambda: kp.predict_averaged(sequential(), iter([images()])),
        "a generator gives its data once",
    ),
}


@pytest.mark.parametrize("call, words", WRONG.values(), ids=WRONG)
def test_wrong_calls_are_refused(call, words):
    with pytest.raises(ValueError, match=f"predict_averaged: .*{words}"):
        call()
