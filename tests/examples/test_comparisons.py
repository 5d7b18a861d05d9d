"""The comparing examples, on so few images and epochs that they show no difference."""

from pathlib import Path

import pytest
from processes import run_python

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = {
    "fractional_max_pooling": [
        "fractional, 1 pass",
        "fractional, 2 passes",
        "fractional, fixed",
        "fractional, central",
        "max, 1 pass",
    ],
    "max_unpooling_segnet": ["unpooling", "repeating"],
    "stochastic_pooling": ["max", "average", "stochastic"],
}


def run(name, *arguments, folder, **options):
    script = str(EXAMPLES / f"{name}.py")
    return run_python(script, *arguments, "--output-dir", str(folder), **options)


@pytest.mark.parametrize("name", ROWS)
def test_prints_a_table_and_draws_a_picture(name, tmp_path):
    import matplotlib.image

    done = run(name, "--quick", folder=tmp_path)
    lines = done.stdout.splitlines()
    for row in ROWS[name]:
        (line,) = (line for line in lines if line.startswith(f"{row} "))
        words = line.removeprefix(row).replace(",", "").replace("±", "").split()
        numbers = [float(word) for word in words[-3:]]
        assert all(0 <= number <= 100 for number in numbers)
    picture = matplotlib.image.imread(tmp_path / f"{name}.png")
    assert picture.std() > 0


@pytest.mark.parametrize("name", ROWS)
def test_more_images_than_there_are_is_an_error(name, tmp_path):
    arguments = ("--images", "4100", "--epochs", "1")
    done = run(name, *arguments, folder=tmp_path, fails=True)
    assert "There are 500 images of each class" in done.stderr


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_unpooling_runs_on(backend, tmp_path):
    name = "max_unpooling_segnet"
    done = run(name, "--quick", folder=tmp_path, KERAS_BACKEND=backend)
    assert "50.03 with the" in done.stdout and "21,137 weights" in done.stdout
    for kind in ROWS[name]:
        (line,) = (s for s in done.stdout.splitlines() if s.startswith(f"{kind} "))
        assert float(line.split()[1]) < 50.03  # some of the noise is off
    assert (tmp_path / f"{name}.png").is_file()
