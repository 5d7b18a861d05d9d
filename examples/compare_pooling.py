"""What texts say of pooling, measured: 12 pools and a control in one small CNN.

Two convolutions, each followed by a layer that halves the image, are trained on few
digits from several seeds. Measured are

- the error on training and on held-out digits, for overfitting;
- the error on held-out digits that are moved, rotated or noisy, and how many answers
  change when a digit is moved;
- how well a linear decoder finds the image again in the last pooled map;
- parameters, and the time of an epoch.

What held, of 3 seeds, errors in %: maxima are better than averages (6.6 ± 0.4 against
9.0 ± 0.8) and keep less of the image (decoder 12.5 against 10.4); blurring after maxima
steadies answers (6.0 change, of 8.9); regions that are drawn raise the training error
(from 0.0 to 2.6), and digits moved by 4 pixels are found more often (wrong: 34, of 72).

What did not: windows of 2×2 tolerate shifts no better than strided convolutions (72.2
and 74.4 wrong), and noise worse (33 and 17); with 8 of 12 pools the training error is
0.0 all the same; stochastic pooling changes nothing here; and adaptive max pooling,
which draws nothing, errs as little as fractional pooling (5.0 and 5.5).
`docs/guides/compare-pooling.md` has all figures.

Run with `python examples/compare_pooling.py`. Results are kept for each layer and seed:
a run that was cut off goes on where it was, and more seeds are added to those before.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import common
import digits
import keras
import numpy as np

import keras_pooling as kp

FOLDER = "compare_pooling"  # of the results of each layer and seed
PICTURE_FILE = "compare_pooling.png"
CURVES_FILE = "compare_pooling_curves.png"
SIZES = (13, 6)  # to which fractional and adaptive layers pool; the others to 14 and 7
SHIFTS = (1, 2, 3, 4)  # pixels, in each of the four directions
ANGLES = (5, 10, 15, 20, 25, 30)  # degrees, to the left and to the right
NOISES = (0.1, 0.2, 0.3, 0.4)  # standard deviations; white is 1
CHANGES = {"shift": SHIFTS, "rotation": ANGLES, "noise": NOISES}
# Makes the layer that follows a convolution: of the number of the convolution, of its
# filters and of the seed.
LAYERS: dict[str, Callable[[int, int, int], keras.layers.Layer]] = {
    "max": lambda i, n, seed: kp.MaxPool2D(2),
    "average": lambda i, n, seed: kp.AvgPool2D(2),
    "L2": lambda i, n, seed: kp.LpPool2D(2, p=2.0),
    "soft": lambda i, n, seed: kp.SoftPool2D(2),
    "GeM, learned p": lambda i, n, seed: kp.GeMPool2D(2, trainable_p=True),
    "mixed, learned α": lambda i, n, seed: kp.MixedPool2D(2, alpha="trainable"),
    "stochastic": lambda i, n, seed: kp.StochasticPool2D(2, seed=10 * seed + i),
    "fractional, pseudo-random": lambda i, n, seed: kp.FractionalMaxPool2D(
        output_size=SIZES[i], regions_per="sample", seed=10 * seed + i
    ),
    "fractional, random": lambda i, n, seed: kp.FractionalMaxPool2D(
        output_size=SIZES[i],
        pseudo_random=False,
        regions_per="sample",
        seed=10 * seed + i,
    ),
    "adaptive max": lambda i, n, seed: kp.AdaptiveMaxPool2D(SIZES[i]),
    "blur": lambda i, n, seed: kp.BlurPool2D(),
    "max-blur": lambda i, n, seed: kp.MaxBlurPool2D(),
    "strided convolution": lambda i, n, seed: keras.layers.Conv2D(
        n, 3, strides=2, padding="same", activation="relu"
    ),
}


def build_network(kind: str, seed: int) -> keras.Sequential:
    """Returns the network with one kind of pooling."""
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for i, filters in enumerate((16, 32)):
        network.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        network.add(LAYERS[kind](i, filters, seed))
    network.add(keras.layers.Flatten())
    network.add(keras.layers.Dense(10, activation="softmax"))
    return network


class Times(digits.Epochs):
    """Also takes the time of each epoch."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.seconds = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Called by `fit`."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Called by `fit`."""
        self.seconds.append(time.perf_counter() - self.start)
        super().on_epoch_end(epoch, logs)


def train(network: keras.Sequential, data: tuple, epochs: int, callback: Times) -> None:
    """Trains with Adam, the learning rate falling to zero along a cosine."""
    images, labels, batch_size = data[0], data[1], 50
    rate = keras.optimizers.schedules.CosineDecay(
        2e-3, epochs * -(-len(images) // batch_size)
    )
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    network.fit(
        *(images, labels),
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=[callback],
    )


def changed(images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the images moved, rotated and noisy: (amounts, ways, images, 28, 28, 1).

    What comes in from outside is black, as the borders are.
    """
    from scipy import ndimage

    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))

    def moved(down: int, right: int) -> np.ndarray:
        return padded[:, 4 - down : 32 - down, 4 - right : 32 - right]

    def rotated(degrees: float) -> np.ndarray:
        return ndimage.rotate(images, degrees, axes=(1, 2), reshape=False, order=1)

    numbers = np.random.default_rng(0).standard_normal(images.shape)
    ways = {
        "shift": [
            [moved(n, 0), moved(-n, 0), moved(0, n), moved(0, -n)] for n in SHIFTS
        ],
        "rotation": [[rotated(n), rotated(-n)] for n in ANGLES],
        "noise": [[images + n * numbers] for n in NOISES],
    }
    return {name: np.array(each, "float32") for name, each in ways.items()}


def answers(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns what the network takes the last three axes for."""
    flat = images.reshape(-1, *images.shape[-3:])
    found = network.predict(flat, batch_size=250, verbose=0)
    return found.argmax(axis=-1).reshape(images.shape[:-3])


def decoder_error(network: keras.Sequential, data: tuple) -> float:
    """Returns the error of the best linear way from the last pooled map to the image.

    It is found by ridge regression on the training images. The error is the root of the
    mean squared difference on the held-out images, in % of white.
    """
    encoder = keras.Model(network.inputs, network.layers[-2].output)
    x, held_out = (
        encoder.predict(part, batch_size=250, verbose=0).astype("float64")
        for part in (data[0], data[2])
    )
    y, wanted = (part.reshape(len(part), -1) for part in (data[0], data[2]))
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x, held_out = x - mean_x, held_out - mean_x
    products = x @ x.T
    products += np.eye(len(x)) * 1e-3 * np.trace(products) / len(x)
    found = held_out @ (x.T @ np.linalg.solve(products, y - mean_y)) + mean_y
    return 100 * float(np.sqrt(np.mean((found - wanted) ** 2)))


def measure(network: keras.Sequential, data: tuple, versions: dict) -> dict:
    """Returns what one trained network shows, errors in %."""
    images, labels, held_out, truth = data

    def error(found: np.ndarray, right: np.ndarray) -> float:
        return 100 * float(np.mean(found != right))

    unmoved = answers(network, held_out)
    found = {name: answers(network, each) for name, each in versions.items()}
    return {
        "parameters": network.count_params(),
        "training": error(answers(network, images), labels),
        "held-out": error(unmoved, truth),
        "decoder": decoder_error(network, data),
        "changed": error(found["shift"][0], unmoved),
        **{name: [error(x, truth) for x in each] for name, each in found.items()},
    }


def run(kind: str, seed: int, data: tuple, versions: dict, epochs: int, bar) -> dict:
    """Trains one network and returns what it shows."""
    keras.utils.set_random_seed(seed)
    network = build_network(kind, seed)
    times = Times(*bar, f"{kind}, seed {seed}")
    train(network, data, epochs, times)
    # The first epoch compiles; in the shortest of the others least else ran.
    seconds = min(times.seconds[1:] or times.seconds)
    return {**measure(network, data, versions), "seconds": seconds}


def tables(results: dict[str, list[dict]]) -> str:
    """Returns the two tables, means over seeds and their standard deviations."""

    def cell(runs: list[dict], name: str, at: int | None = None) -> str:
        values = [each[name] if at is None else each[name][at] for each in runs]
        return f"{np.mean(values):4.1f} ± {np.std(values, ddof=len(values) > 1):3.1f}"

    first, second = [], []
    for kind, runs in results.items():
        seconds = min(each["seconds"] for each in runs)
        names = ("training", "held-out", "changed", "decoder")
        cells = (cell(runs, name) for name in names)
        first.append((kind, f"{runs[0]['parameters']:,}", f"{seconds:.2f}", *cells))
        places = (("shift", 1), ("shift", 3), ("rotation", 2), ("rotation", 5))
        places += (("noise", 1), ("noise", 3))
        second.append((kind, *(cell(runs, name, at) for name, at in places)))
    heads = ("parameters", "epoch, s", "training", "held-out", "changed", "decoder")
    changes = ("2 pixels", "4 pixels", "15°", "30°", "noise 0.2", "noise 0.4")
    return (
        "Errors in %; of the answers, how many change with a shift by 1 pixel; error "
        f"of the\nlinear decoder in % of white\n{digits.table(('', *heads), first)}\n\n"
        "Errors in % on held-out digits that are moved, rotated or noisy\n"
        f"{digits.table(('', *changes), second)}"
    )


def draw(results: dict[str, list[dict]], path: Path) -> None:
    """Writes a picture: each measure of each layer, mean and standard deviation."""
    import matplotlib.pyplot as plt

    panels = {
        "training error, %": lambda run: run["training"],
        "held-out error, %": lambda run: run["held-out"],
        "moved by 3 pixels,\nerror, %": lambda run: run["shift"][2],
        "rotated by 25°,\nerror, %": lambda run: run["rotation"][4],
        "noise 0.3,\nerror, %": lambda run: run["noise"][2],
        "linear decoder,\nerror in % of white": lambda run: run["decoder"],
    }
    kinds = list(results)
    rows = np.arange(len(kinds))[::-1]
    figure, axes = plt.subplots(
        1, len(panels), figsize=(12, 4.8), layout="constrained", sharey=True
    )
    for axis, (title, value) in zip(axes, panels.items(), strict=True):
        for row, kind in zip(rows, kinds, strict=True):
            values = [value(run) for run in results[kind]]
            mean, spread = np.mean(values), np.std(values, ddof=len(values) > 1)
            control = kind == "strided convolution"
            color = "tab:red" if control else "tab:blue"
            axis.errorbar(mean, row, xerr=spread, fmt="o", color=color, capsize=3)
            if kind == "max":
                axis.axvline(mean, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        axis.set_title(title, fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(rows, kinds)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_curves(results: dict[str, list[dict]], path: Path) -> None:
    """Writes a picture: the error over the amount of each change."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    labels = ("shift in pixels", "rotation in degrees", "standard deviation of noise")
    for axis, (name, amounts), label in zip(axes, CHANGES.items(), labels, strict=True):
        for i, (kind, runs) in enumerate(results.items()):
            errors = [[each["held-out"], *each[name]] for each in runs]
            axis.plot(
                (0, *amounts),
                np.mean(errors, axis=0),
                color="black" if kind == "strided convolution" else f"C{i % 10}",
                linestyle=("-", "--")[i // 10] if i < 12 else ":",
                label=kind,
            )
        axis.set_xlabel(label)
        axis.set_ylabel("held-out error in %")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside right center", fontsize=9)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 40, "a trial of a minute, with fewer layers")
    add = parser.add_argument
    add("--seeds", type=int, default=3, help="networks of each kind")
    add("--images", type=int, default=1000, help="to train with, at most 4000")
    add("--layers", nargs="+", choices=LAYERS, default=list(LAYERS), metavar="NAME")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.seeds, arguments.images = 3, 1, 500
        arguments.layers = ["max", "average", "strided convolution"]
    return arguments


def main() -> None:
    """Trains and measures what is not yet there; prints the tables, draws pictures."""
    arguments = parse_arguments()
    data = digits.load(arguments.images, 1000)
    versions = changed(data[2])
    settings = f"{arguments.epochs}-epochs-{arguments.images}-images"
    folder = common.output_folder(arguments) / FOLDER / settings
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[dict]] = {kind: [] for kind in arguments.layers}
    pairs = [(s, kind) for s in range(arguments.seeds) for kind in arguments.layers]
    with digits.progress(len(pairs) * arguments.epochs) as bar:
        for seed, kind in pairs:
            path = folder / f"{kind}, seed {seed}.json"
            if path.exists():
                bar[0].advance(bar[1], arguments.epochs)
            else:
                found = run(kind, seed, data, versions, arguments.epochs, bar)
                path.write_text(json.dumps(found))
            results[kind].append(json.loads(path.read_text()))
    print(f"\n{len(data[0])} training and {len(data[2])} held-out digits, ", end="")
    print(f"{arguments.epochs} epochs, {arguments.seeds} seeds\n\n{tables(results)}\n")
    draw(results, arguments.output_dir / PICTURE_FILE)
    draw_curves(results, arguments.output_dir / CURVES_FILE)
    print(f"Pictures: {arguments.output_dir / PICTURE_FILE}, {CURVES_FILE}")


if __name__ == "__main__":
    main()
