"""The documented example, on fewer images and epochs than `make demo` takes."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [
        *(sys.executable, REPOSITORY / "examples" / "max_pooling_in_cnn.py"),
        *("--epochs", "2", "--images-per-class", "150", "--min-accuracy", "0.9"),
        *("--output-dir", folder),
    ]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, folder


def test_model_is_the_documented_one(run):
    output, _ = run
    assert "Shapes as documented, and 68,770 parameters: checked." in output


def test_both_saved_forms_predict_the_same_in_a_new_process(run):
    output, folder = run
    assert output.count("predictions equal") == 2
    assert (folder / "model.keras").is_file()
    assert (folder / "saved_model" / "saved_model.pb").is_file()


def test_picture_is_drawn(run):
    import matplotlib.image

    _, folder = run
    picture = matplotlib.image.imread(folder / "max_pooling.png")
    assert picture.std() > 0


def test_accuracy_below_the_bar_fails(tmp_path):
    command = [sys.executable, str(REPOSITORY / "examples" / "max_pooling_in_cnn.py")]
    command += ["--epochs", "1", "--images-per-class", "10", "--min-accuracy", "1.1"]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "less than 110.0%" in done.stderr
