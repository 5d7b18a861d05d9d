"""A 1D network learns to tell musical sounds apart by their waveforms.

No installed package brings recordings, so the sounds are synthetic: at any pitch from
110 to 440 Hz, with an onset, a decay and noise. They differ in their overtones alone
(none; odd ones; all) or in their course (trembling; the overtones of a bell, which are
no multiples). The layers that suit sound: L2 pooling measures the energy in the band of
a filter, whatever its phase; maxima and the average over time follow.

Run with `python examples/audio_tones.py --help`, on any Keras backend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import common
import keras
import numpy as np

import keras_pooling as kp

RATE, SAMPLES = 8000, 4000  # half a second
# Frequencies over the pitch, and their loudness; and how deep the loudness trembles.
PARTIALS = np.arange(1, 9)
SOUNDS = {
    "pure": (PARTIALS[:1], np.ones(1), 0.0),
    "odd overtones": (PARTIALS[::2], 1 / PARTIALS[::2], 0.0),
    "all overtones": (PARTIALS, 1 / PARTIALS, 0.0),
    "trembling": (PARTIALS, 1 / PARTIALS, 0.8),
    "bell": (np.array([1, 2.76, 5.4, 8.93]), np.array([1, 0.6, 0.4, 0.25]), 0.0),
}


def sound(name: str, random: np.random.Generator) -> np.ndarray:
    """Returns one sound, (samples, 1), of root mean square 1 before noise is added."""
    ratios, loudness, depth = SOUNDS[name]
    time = np.arange(SAMPLES) / RATE
    pitch = 110 * 2 ** random.uniform(0, 2)
    phases = random.uniform(0, 2 * np.pi, len(ratios))
    waves = np.sin(2 * np.pi * pitch * np.outer(time, ratios) + phases) @ loudness
    trembling = 1 + depth * np.sin(2 * np.pi * (8 * time + random.uniform()))
    onset = random.uniform(0, 0.1)
    envelope = np.exp(-3 * (time - onset)) * (time >= onset)
    waves *= trembling * envelope
    waves /= np.sqrt(np.mean(waves**2))
    return (waves + 0.3 * random.standard_normal(SAMPLES))[:, None].astype("float32")


def build_network() -> keras.Sequential:
    """Returns the network."""

    def convolution(filters: int, width: int, **more) -> keras.layers.Layer:
        return keras.layers.Conv1D(filters, width, padding="same", **more)

    return keras.Sequential(
        [
            keras.Input((SAMPLES, 1)),
            convolution(16, 64, strides=4),  # a bank of filters
            kp.LpPool1D(8, p=2.0, normalize=True),  # the energy in each band
            keras.layers.LayerNormalization(),
            convolution(32, 5, activation="relu"),
            kp.MaxPooling1D(2),
            convolution(64, 5, activation="relu"),
            kp.MaxPooling1D(2),
            kp.GlobalAveragePooling1D(),
            keras.layers.Dense(len(SOUNDS), activation="softmax"),
        ]
    )


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = common.parser(__doc__, 15, "few sounds and epochs, a trial of seconds")
    parser.add_argument("--sounds", type=int, default=1500, help="to train with")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.sounds = 6, 500
    return arguments


def main() -> None:
    """Trains and tells how many sounds are recognised."""
    arguments = parse_arguments()
    data = common.samples(sound, list(SOUNDS), arguments.sounds)
    common.train_and_report(build_network, 3e-3, data, arguments, Path(__file__).stem)


if __name__ == "__main__":
    main()
