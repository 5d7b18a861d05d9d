"""Keras's pooling layers become ours where they stand, and ours Keras's."""

import data
import keras
import numpy as np
import pytest
from hosts import array

import keras_pooling as kp

L = keras.layers
SHAPE = (16, 16, 3)


def sequential():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.AveragePooling2D(3, 2, "same"),
            L.GlobalMaxPooling2D(),
            L.Dense(2),
        ]
    )


def branches():
    x = keras.Input(SHAPE)
    shared = L.MaxPooling2D(3, 1, "same", name="shared")
    a, b = shared(L.Conv2D(4, 1)(x)), shared(L.Conv2D(4, 3, padding="same")(x))
    y = L.Concatenate()([a, L.AveragePooling2D(3, 1, "same")(b)])
    return keras.Model(x, [L.GlobalAveragePooling2D()(y), L.Flatten()(a)])


def nested():
    inner = keras.Sequential([keras.Input(SHAPE), L.Conv2D(4, 3), L.MaxPooling2D(2)])
    x = keras.Input(SHAPE)
    return keras.Model(x, L.Dense(2)(L.GlobalMaxPooling2D()(inner(x))))


def nodes_of_functions():
    x = keras.Input(SHAPE)
    y = keras.ops.max_pool(L.Conv2D(4, 3)(x), (2, 2), (2, 2))
    return keras.Model(x, keras.ops.average_pool(y, (3, 3), (2, 2), "same"))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = keras.Sequential([L.Conv2D(4, 3), L.MaxPooling2D(2)])
        self.pools = [L.AveragePooling2D(2), L.GlobalMaxPooling2D()]

    def call(self, x):
        x = self.block(x)
        for pool in self.pools:
            x = pool(x)
        return x


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *SHAPE), "float32"))
    return model


MODELS = {
    function.__name__: function
    for function in (sequential, branches, nested, nodes_of_functions, subclassed)
}
by_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def images() -> np.ndarray:
    return data.generator("convert").standard_normal((2, *SHAPE)).astype("float32")


def outputs(model) -> list[np.ndarray]:
    return [array(y) for y in keras.tree.flatten(model(images(), training=False))]


def assert_same(one, other) -> None:
    eps = np.finfo("float32").eps
    for y, exact in zip(one, other, strict=True):
        # A pool sums up to 256 numbers, in another order.
        assert (abs(y - exact) <= 256 * eps * abs(exact).max()).all()


def pools(model) -> list:
    """The layers and nodes that pool, with those of nested models."""
    found = {id(x): x for x in model._flatten_layers(include_self=False)}
    for part in (model, *found.copy().values()):
        found |= {id(x): x for x in getattr(part, "operations", [])}
    return [x for x in found.values() if "pool" in type(x).__name__.lower()]


def are_ours(model) -> list[bool]:
    return [type(x).__module__.startswith("keras_pooling") for x in pools(model)]


@by_model
def test_every_pool_becomes_ours_and_nothing_else_changes(make):
    model = make()
    exact, names = outputs(model), [layer.name for layer in model.layers]
    weights = list(map(id, model.weights))
    config = [x.name for x in pools(model)]
    assert not any(are_ours(model))
    assert kp.accelerate(model) is model
    assert all(are_ours(model)) and are_ours(model)
    assert [layer.name for layer in model.layers] == names
    assert list(map(id, model.weights)) == weights
    assert [x.name for x in pools(model)] == config
    assert_same(outputs(model), exact)


@by_model
def test_and_back(make):
    model = make()
    before = [(type(x), x.get_config()) for x in pools(model)]
    exact = outputs(model)
    kp.to_keras(kp.accelerate(model))
    assert not any(are_ours(model))
    after = [(type(x), x.get_config()) for x in pools(model)]
    assert [cls for cls, _ in after] == [cls for cls, _ in before]
    for (_, one), (_, other) in zip(before, after, strict=True):
        assert {k: v for k, v in one.items() if v is not None}.items() <= other.items()
    assert_same(outputs(model), exact)


@pytest.mark.parametrize("make", [sequential, branches, nested, nodes_of_functions])
def test_it_is_saved_and_loaded_as_ours(make, tmp_path):
    model = kp.accelerate(make())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert all(are_ours(loaded)) and are_ours(loaded)
    for y, exact in zip(outputs(loaded), outputs(model), strict=True):
        np.testing.assert_array_equal(y, exact)


def test_a_compiled_model_goes_on_training_with_its_optimizer():
    x, y = np.repeat(images(), 8, axis=0), np.zeros((16, 2), "float32")
    results = []
    for convert in (lambda model: model, kp.accelerate):
        keras.utils.set_random_seed(1)
        model = sequential()
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        model.predict(x, verbose=0)
        model = convert(model)
        assert int(model.optimizer.iterations) == 2
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        results.append(
            [array(w) for w in model.weights] + [model.predict(x, verbose=0)]
        )
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_what_is_left_is_used_no_more():
    model = kp.accelerate(sequential())
    model.predict(images(), verbose=0)
    kp.to_keras(model)
    model.predict(images(), verbose=0)
    assert not any(are_ours(model))


UNSAYABLE = {
    "dilation_rate": lambda: kp.MaxPooling2D(2, dilation_rate=2, name="it"),
    "ceil_mode": lambda: kp.MaxPooling2D(3, ceil_mode=True, name="it"),
    "padding": lambda: kp.MaxPooling2D(2, padding=1, name="it"),
    "divisor_override": lambda: kp.AveragePooling2D(2, divisor_override=3, name="it"),
    "LpPool2D": lambda: kp.LpPool2D(2, name="it"),
    "MaxPool of any rank": lambda: kp.MaxPool(2, name="it"),
}


@pytest.mark.parametrize("word, make", UNSAYABLE.items(), ids=UNSAYABLE)
def test_what_keras_cannot_say_is_an_error_that_names_the_layer(word, make):
    model = keras.Sequential([keras.Input(SHAPE), kp.MaxPooling2D(2), make()])
    with pytest.raises(ValueError, match=f"to_keras: layer 'it': .*{word}"):
        kp.to_keras(model)
    assert all(are_ours(model))


def test_a_layer_of_any_rank_with_one_entry_per_axis_is_keras_s_of_that_rank():
    model = keras.Sequential([keras.Input(SHAPE), kp.MaxPool((2, 2))])
    assert type(kp.to_keras(model).layers[0]) is L.MaxPooling2D


def test_subclasses_of_keras_s_layers_stay():
    class Own(L.MaxPooling2D):
        pass

    model = keras.Sequential([keras.Input(SHAPE), Own(2)])
    assert type(kp.accelerate(model).layers[0]) is Own


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match=r"accelerate: expected a keras\.Model"):
        kp.accelerate(L.MaxPooling2D(2))
