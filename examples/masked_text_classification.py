"""Texts of different lengths: what a mask wins, and that padding changes nothing.

The docstrings of Python's standard library are sorted by what their module is about:
numbers, text, networks, files or processes. The same network is trained twice on texts
padded to one length, once with a mask (`Embedding(mask_zero=True)`), which the pooling
layers take and pass on, and once without. Then the held-out texts are padded further
and further.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import common
import keras
import numpy as np

import keras_pooling as kp

PICTURE_FILE = "masked_text_classification.png"
MODULES = {
    "numbers": "math cmath statistics fractions decimal random numbers heapq bisect",
    "text": "re string textwrap difflib csv html html.parser gettext pprint shlex "
    "tokenize json json.decoder json.encoder configparser argparse codecs",
    "networks": "socket ssl http.client http.server http.cookies http.cookiejar "
    "urllib.request urllib.parse smtplib ftplib poplib imaplib socketserver ipaddress",
    "files": "os shutil pathlib tempfile zipfile tarfile gzip bz2 lzma glob io mmap "
    "filecmp fileinput stat posixpath mailbox",
    "processes": "threading multiprocessing.managers multiprocessing.pool asyncio "
    "asyncio.base_events asyncio.streams asyncio.tasks asyncio.locks asyncio.events "
    "queue concurrent.futures subprocess sched signal selectors",
}
WORDS = 48  # of a text, at most; the length that texts are padded to for training
VOCABULARY = 3000  # 0 is padding, 1 any other word


def docstrings(module: ModuleType) -> Iterator[str]:
    """Yields the docstrings of a module, its classes, functions and methods."""
    things = [module]
    for _, thing in inspect.getmembers(module):
        home = str(getattr(thing, "__module__", "")).split(".")[0].lstrip("_")
        if callable(thing) and home == module.__name__.split(".")[0]:
            things.append(thing)
            things.extend(vars(thing).values() if inspect.isclass(thing) else ())
    for thing in things:
        text = getattr(thing, "__doc__", None)
        # What has no docstring of its own shows that of its class.
        if isinstance(text, str) and text != type(thing).__doc__:
            yield text


def load() -> tuple[list[list[str]], np.ndarray]:
    """Returns texts, each once and as words, and the numbers of their classes."""
    found = {}
    for label, names in enumerate(MODULES.values()):
        for name in names.split():
            for text in docstrings(importlib.import_module(name)):
                words = tuple(re.findall("[a-z]+", text.lower())[:WORDS])
                if len(words) >= 4:
                    found.setdefault(words, label)
    order = np.random.default_rng(0).permutation(len(found))
    texts, labels = list(map(list, found)), np.array(list(found.values()))
    return [texts[i] for i in order], labels[order]


def numbered(texts: list[list[str]], vocabulary: dict[str, int]) -> list[list[int]]:
    """Returns the numbers of the words."""
    return [[vocabulary.get(word, 1) for word in words] for words in texts]


def padded(texts: list[list[int]], length: int) -> np.ndarray:
    """Returns the texts as rows, with zeros at the end."""
    rows = np.zeros((len(texts), length), "int32")
    for row, words in zip(rows, texts, strict=True):
        row[: len(words)] = words
    return rows


def build_network(with_mask: bool, seed: int) -> keras.Sequential:
    """Returns the network, for texts of any length."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, 32, mask_zero=with_mask),
            kp.MaxPooling1D(2),
            keras.layers.Dense(32, activation="relu"),
            kp.GlobalAveragePooling1D(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(len(MODULES), activation="softmax"),
        ]
    )


def train(
    network: keras.Sequential, x: np.ndarray, y: np.ndarray, epochs: int, backup: Path
) -> None:
    """Trains on texts that are all padded to one length; goes on where it was cut off.

    Args:
        network: to be compiled.
        x: words.
        y: classes.
        epochs: passes over the texts.
        backup: folder of what is kept until the training is done.
    """
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    keeps = keras.callbacks.BackupAndRestore(backup)
    network.fit(x, y, batch_size=64, epochs=epochs, callbacks=[keeps])


def draw(results: dict[str, np.ndarray], lengths: list[int], path: Path) -> None:
    """Writes a picture: accuracy over padding, mean and range over the seeds."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, runs in results.items():  # (seeds, lengths, 2)
        accuracy = 100 * runs[:, :, 0]
        (line,) = axis.plot(lengths, accuracy.mean(axis=0), marker=".", label=name)
        low, high = accuracy.min(axis=0), accuracy.max(axis=0)
        axis.fill_between(lengths, low, high, alpha=0.2, color=line.get_color())
    axis.set_xlabel(f"steps that held-out texts are padded to (training: {WORDS})")
    axis.set_ylabel("right answers in %")
    axis.set_xscale("log", base=2)
    axis.set_xticks(lengths, map(str, lengths))
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 8, "one network of each kind")
    add = parser.add_argument
    add("--seeds", type=int, default=3, help="networks of each kind")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds = 1
    return arguments


def main() -> None:
    """Trains, prints the table and draws the picture."""
    arguments = parse_arguments()
    texts, labels = load()
    held_out = len(texts) // 5
    counts = Counter(word for words in texts[held_out:] for word in words)
    known = [word for word, _ in counts.most_common(VOCABULARY - 2)]
    texts = numbered(texts, {word: number for number, word in enumerate(known, 2)})
    lengths = [WORDS * factor for factor in (1, 2, 4, 8)]
    x, y = padded(texts[held_out:], WORDS), labels[held_out:]
    print(
        f"{len(x)} texts of {min(map(len, texts))} to {WORDS} words to train with, "
        f"{held_out} held out, on {keras.config.backend()}."
    )
    folder = common.output_folder(arguments)
    results = {}
    for name, with_mask in (("with masks", True), ("without", False)):
        runs = []
        for seed in range(arguments.seeds):
            network = build_network(with_mask, seed)
            print(f"\n{name}, seed {seed}")
            backup = folder / f"masked_text_{name.replace(' ', '_')}_{seed}_backup"
            train(network, x, y, arguments.epochs, backup)
            answers = np.array(
                [
                    network.predict(padded(texts[:held_out], length), verbose=0)
                    for length in lengths
                ]
            )
            right = (answers.argmax(axis=-1) == labels[:held_out]).mean(axis=1)
            change = abs(answers - answers[0]).max(axis=(1, 2))
            runs.append(np.stack([right, change], axis=-1))
        results[name] = np.array(runs)

    print(f"\nHeld-out texts, padded to{'':11}" + "".join(f"{n:10}" for n in lengths))
    for name, runs in results.items():
        right, change = 100 * runs[..., 0].mean(axis=0), runs[..., 1].max(axis=0)
        for what, numbers in (
            ("right answers in %", [f"{number:10.1f}" for number in right]),
            ("change of an answer", [f"{number:10.1g}" for number in change]),
        ):
            print(f"{name + ', ' + what:36}" + "".join(numbers))
    path = folder / PICTURE_FILE
    draw(results, lengths, path)
    print(f"Picture: {path}")
    right = (f"{runs[:, -1, 0].mean():.1%} {name}" for name, runs in results.items())
    print(
        f"Held-out accuracy: {', '.join(right)}, of texts padded to {lengths[-1]} words"
    )


if __name__ == "__main__":
    main()
