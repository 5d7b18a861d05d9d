"""The example that draws what every layer keeps of a photograph."""

from pathlib import Path

import pytest
from processes import run_python

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "see_pooling.py")


@pytest.fixture(scope="module")
def picture_on(tmp_path_factory):
    import matplotlib.image

    pictures = {}

    def picture(backend):
        if backend not in pictures:
            folder = tmp_path_factory.mktemp(backend)
            run_python(EXAMPLE, "--output-dir", str(folder), KERAS_BACKEND=backend)
            pictures[backend] = matplotlib.image.imread(folder / "see_pooling.png")
        return pictures[backend]

    return picture


def test_picture_is_as_wide_as_a_page_and_full(picture_on):
    picture = picture_on("tensorflow")
    assert picture.shape[1] == 1200
    grey = picture[..., :3].mean(axis=-1)
    sections = grey[:, :1120].reshape(4, -1, 1120)
    assert (sections.std(axis=1) > 0.05).mean() > 0.9


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_layers_keep_the_same_on(backend, picture_on):
    # Its gradients may differ in their last bits, and so in a shade.
    assert abs(picture_on(backend) - picture_on("tensorflow")).max() <= 2 / 255
