"""Writes every layer with every argument to a file, and what it gives.

`KERAS_BACKEND=tensorflow python write.py` writes `every_layer_written_by_….keras` and
`.npz` beside this script, for tests of this version and of the next ones to read. Run
it once for a version, on the compiled path, and keep the files of those before.
"""

import sys
from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).parent
sys.path += [str(HERE.parent), str(HERE.parent / "layers")]

import test_layers  # noqa: E402

import keras_pooling as kp  # noqa: E402


def main() -> None:
    """Records predictions, then what is drawn, and saves the model between them."""
    assert kp.build_info()["compiled"]
    model, inputs = test_layers.every_layer(inference="fixed", dtype="float32")
    model(inputs, training=True)  # so that the seeds have moved
    path = HERE / f"every_layer_written_by_{kp.__version__.replace('.', '_')}"
    model.save(f"{path}.keras")
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    for key, training in (("y", False), ("drawn", True)):
        outputs = keras.tree.flatten(model(inputs, training=training))
        arrays |= {f"{key}{i}": np.asarray(y) for i, y in enumerate(outputs)}
    differ = [
        i
        for i in range(len(model.outputs))
        if not np.array_equal(arrays[f"y{i}"], arrays[f"drawn{i}"])
    ]
    for i in set(range(len(model.outputs))) - set(differ):
        del arrays[f"drawn{i}"]  # what is no draw
    np.savez_compressed(f"{path}.npz", **arrays)


if __name__ == "__main__":
    main()
