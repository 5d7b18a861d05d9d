"""Files of every layer, which an earlier version or this one wrote on TensorFlow."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hosts import array

import keras_pooling as kp

FILES = Path(__file__).parents[1] / "files"
WRITTEN = sorted(FILES.glob("every_layer_written_by_*.keras"))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_every_layer_that_was_written_gives_what_it_gave(path):
    model = keras.saving.load_model(path)
    with np.load(path.with_suffix(".npz")) as written:
        inputs = [written[f"x{i}"] for i in range(len(model.inputs))]
        assert_gives(model(inputs), written, "y", inputs)
        if kp.build_info()["compiled"]:  # which draws the same on every backend
            assert_gives(model(inputs, training=True), written, "drawn", inputs)


def assert_gives(outputs, written, key, inputs):
    # No more terms are added than there are elements, in any order.
    largest = max(x[0].size for x in inputs)
    rounding = largest * np.finfo("float32").eps
    found = 0
    for i, y in enumerate(keras.tree.flatten(outputs)):
        if f"{key}{i}" in written:
            expected, found = written[f"{key}{i}"], found + 1
            scale = np.abs(expected).max()
            np.testing.assert_allclose(
                array(y), expected, rtol=0, atol=rounding * scale, err_msg=str(i)
            )
    assert found


def test_this_version_has_written_one():
    names = [path.stem for path in WRITTEN]
    assert f"every_layer_written_by_{kp.__version__.replace('.', '_')}" in names
