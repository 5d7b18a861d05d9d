"""The documented example, on fewer images and epochs than `make demo` takes."""

from pathlib import Path

import pytest
from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "max_pooling_in_cnn.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    few = ("--epochs", "2", "--images-per-class", "150", "--min-accuracy", "0.9")
    done = run_python(EXAMPLE, *few, "--output-dir", str(folder))
    return done.stdout, folder


def test_model_is_the_documented_one(run):
    output, _ = run
    assert "Shapes as documented, and 68,770 parameters: checked." in output


def test_both_saved_forms_predict_the_same_in_a_new_process(run):
    output, folder = run
    assert output.count("predictions equal") == 2
    assert (folder / "model.keras").is_file()
    assert (folder / "saved_model" / "saved_model.pb").is_file()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_runs_on(backend, tmp_path):
    few = ("--epochs", "2", "--images-per-class", "150", "--min-accuracy", "0.9")
    done = run_python(
        EXAMPLE, *few, "--output-dir", str(tmp_path), KERAS_BACKEND=backend
    )
    assert f"on {backend}: compiled ops" in done.stdout
    assert done.stdout.count("predictions equal") == 1
    assert (tmp_path / "max_pooling.png").is_file()


def test_picture_is_drawn(run):
    import matplotlib.image

    _, folder = run
    picture = matplotlib.image.imread(folder / "max_pooling.png")
    assert picture.std() > 0


def test_accuracy_below_the_bar_fails(tmp_path):
    few = ("--epochs", "1", "--images-per-class", "10", "--min-accuracy", "1.1")
    done = run_python(EXAMPLE, *few, "--output-dir", str(tmp_path), fails=True)
    assert "less than 110.0%" in done.stderr
