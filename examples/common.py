"""What all examples share: a quiet start without a screen, options, training.

It is imported before Keras is.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# One process makes many models: of that TensorFlow warns.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def parser(
    description: str,
    epochs: int | None = None,
    quick: str | None = None,
    writes: bool = True,
) -> argparse.ArgumentParser:
    """Returns a parser of the options that have one name in every example.

    Args:
        description: the docstring of the example; its first paragraph is shown.
        epochs: default of `--epochs`; None where nothing is trained.
        quick: what `--quick` is; None where a run takes seconds anyway.
        writes: whether there are results to write, besides what is printed.
    """
    options = argparse.ArgumentParser(
        description=" ".join(description.split("\n\n")[0].split()),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = options.add_argument
    if epochs is not None:
        add("--epochs", type=int, default=epochs, help="passes over the training data")
    if writes:
        folder = Path("demo_output")
        add("--output-dir", type=Path, default=folder, help="results go here")
    if quick is not None:
        add("--quick", action="store_true", help=quick)
    return options


def output_folder(arguments: argparse.Namespace) -> Path:
    """Returns the folder for results, which is there then."""
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    return arguments.output_dir


def samples(
    make: Callable[[str, np.random.Generator], np.ndarray],
    names: Sequence[str],
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns samples and labels to train with, and a fourth as many to hold out.

    Args:
        make: what makes a sample of a class.
        names: of the classes, which take turns.
        count: how many to train with.
    """
    random = np.random.default_rng(0)
    labels = np.arange(count + count // 4, dtype="int32") % len(names)
    x = np.stack([make(names[label], random) for label in labels])
    return x[:count], labels[:count], x[count:], labels[count:]


def train_and_report(
    build_network: Callable[[], keras.Model],
    learning_rate: float,
    data: tuple,
    arguments: argparse.Namespace,
    name: str,
) -> None:
    """Builds, trains, saves and evaluates a classifier.

    A run that was cut off goes on after its last whole epoch, if it is started again
    with the same output folder. The last line that is printed is the result.

    Args:
        build_network: what makes the classifier.
        learning_rate: of Adam.
        data: inputs and labels to train with, inputs and labels to hold out.
        arguments: the command line.
        name: of the files that are written.
    """
    import keras

    keras.utils.set_random_seed(0)
    network = build_network()
    network.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    *training, held_out, labels = data
    folder = output_folder(arguments)
    print(f"{len(labels)} of {len(labels) + len(training[1])} samples are held out.")
    network.summary()
    network.fit(
        *training,
        batch_size=32,
        epochs=arguments.epochs,
        validation_data=(held_out, labels),
        callbacks=[keras.callbacks.BackupAndRestore(folder / f"{name}_backup")],
    )
    network.save(folder / f"{name}.keras")
    print(f"Model: {folder / name}.keras")
    right = network.predict(held_out, verbose=0).argmax(axis=-1) == labels
    print(f"Held-out accuracy: {np.mean(right):.1%} of {len(labels)}")
