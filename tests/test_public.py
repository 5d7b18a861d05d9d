"""What the package shows, and that it loads what earlier versions wrote."""

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_pooling as kp

FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("module", [kp, kp.layers, kp.ops])
def test_dir_shows_what_is_public_and_nothing_else(module):
    assert set(dir(module)) - {"__version__"} == set(module.__all__)
    assert all(hasattr(module, name) for name in dir(module))
    assert not {"arguments", "windows", "dispatch", "keras"} & set(dir(module))


def test_the_package_says_that_it_is_typed():
    assert (Path(kp.__file__).parent / "py.typed").exists()


def test_a_model_written_by_version_0_1_0_loads():
    # MaxPool2D and AvgPool2D were classes then, and nodes had no name of their own.
    model = keras.saving.load_model(FILES / "written_by_0_1_0.keras")
    x = np.random.default_rng(0).integers(0, 9, (2, 24, 24, 2)).astype("float32")
    expected = np.load(FILES / "written_by_0_1_0.npz")
    y = np.asarray(model(x))
    # Of at most 9 terms each, behind one another: a mean, an average, a dense layer, a
    # norm.
    rounding = 4 * 9 * np.finfo("float32").eps
    np.testing.assert_allclose(
        y, expected["y"], rtol=rounding, atol=rounding * np.abs(y).max()
    )
    drawing = [layer for layer in model.layers if hasattr(layer, "seed_generator")]
    for layer, state in zip(drawing, expected["states"], strict=True):
        np.testing.assert_array_equal(layer.seed_generator.state, state)
    classes = [type(layer).__name__ for layer in model.layers]
    assert classes.count("MaxPooling2D") == 2 and "AveragePooling2D" in classes
    assert model.get_layer("max_pool2d_1").padding == ((1, 0), (0, 1))


def test_what_it_wrote_is_written_under_the_names_of_today(tmp_path):
    model = keras.saving.load_model(FILES / "written_by_0_1_0.keras")
    model.save(tmp_path / "model.keras")
    registered = [
        entry["registered_name"]
        for entry in keras.saving.serialize_keras_object(model)["config"]["layers"]
    ]
    assert "keras_pooling>MaxPooling2D" in registered
    assert "keras_pooling>MaxPool2D" not in registered
    keras.saving.load_model(tmp_path / "model.keras")


def test_fractional_pooling_of_version_0_1_0_predicts_as_it_did(tmp_path):
    # "central" meant u = 1/2 then, in layers and in functions that are nodes.
    model = keras.saving.load_model(FILES / "fractional_written_by_0_1_0.keras")
    model.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras")
    copy = keras.models.clone_model(model)
    x = np.random.default_rng(0).integers(0, 9, (2, 17, 19, 3)).astype("float32")
    written = np.load(FILES / "fractional_written_by_0_1_0.npz")
    rounding = 16 * np.finfo("float32").eps  # no region holds more elements
    for same in (model, again, copy):
        outputs = zip(model.output_names, same(x), written.values(), strict=True)
        for name, y, expected in outputs:
            if (same, name) != (copy, "random"):  # the copy's seeds begin anew
                np.testing.assert_allclose(y, expected, rtol=rounding, atol=0)


def test_what_it_called_central_differs_from_what_is_central_today():
    x = np.arange(17.0).reshape(1, 17, 1)
    config = kp.FractionalMaxPool1D(1.7, inference="central").get_config()
    today = kp.FractionalMaxPool1D.from_config(config)
    before = {**config}
    del before["central"]
    half = kp.FractionalMaxPool1D.from_config(before)
    del before["inference"]  # the default was central
    other = kp.FractionalMaxPool1D.from_config(before)
    np.testing.assert_array_equal(half(x), other(x))
    assert not np.array_equal(half(x), today(x))
    assert half.get_config() == other.get_config() == {**config, "central": "half"}


def test_a_function_of_today_is_loaded_as_the_node_that_it_was(tmp_path):
    x = keras.Input((17, 1))
    model = keras.Model(x, kp.ops.fractional_max_pool(x, 1.7))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.arange(17.0).reshape(1, 17, 1)
    y = kp.FractionalMaxPool1D(1.7, inference="central")(x)
    for same in (model, loaded, keras.models.clone_model(loaded)):
        np.testing.assert_array_equal(same(x), y)
