"""Models to export: each family of layers, with sizes that are known or open.

As a script: `python exported_models.py known|open PATH FORMAT` exports one of every
family in two dimensions that the format can say, on the backend in use, and writes
`PATH.expected.npz`.
"""

import sys

import data
import keras
import numpy as np

import keras_pooling as kp

SIZES = {1: (13,), 2: (13, 11), 3: (7, 6, 5)}


def _sliding(layer, **options):
    return lambda: layer(3, 2, "same", **options)


FAMILIES = {
    "MaxPool": _sliding(kp.MaxPool),
    "AvgPool": _sliding(kp.AvgPool),
    "LpPool": _sliding(kp.LpPool),
    "StochasticPool": _sliding(kp.StochasticPool),
    "FractionalMaxPool, ratio": lambda: kp.FractionalMaxPool(1.6),
    "FractionalMaxPool, size": lambda: kp.FractionalMaxPool(output_size=4),
    "FractionalAvgPool, ratio": lambda: kp.FractionalAvgPool(1.6),
    "FractionalAvgPool, size": lambda: kp.FractionalAvgPool(output_size=4),
    "FractionalMaxPool, central": lambda: kp.FractionalMaxPool(
        output_size=4, inference="central"
    ),
    "AdaptiveMaxPool": lambda: kp.AdaptiveMaxPool(3),
    "AdaptiveAvgPool": lambda: kp.AdaptiveAvgPool(3),
    "GlobalMaxPool": lambda: kp.GlobalMaxPool(),
    "GlobalAvgPool": lambda: kp.GlobalAvgPool(),
    "GlobalLpPool": lambda: kp.GlobalLpPool(),
}
# Arguments that take another way on the portable path, in two dimensions.
ARGUMENTS = {
    "valid max": lambda: kp.MaxPool2D(2),
    "valid average": lambda: kp.AvgPool2D(2),
    "dilated max": lambda: kp.MaxPool2D(2, 1, "same", dilation_rate=2),
    "average over pads": lambda: kp.AvgPool2D(3, 2, 1, count_include_pad=True),
    "max with ceil_mode": lambda: kp.MaxPool2D(3, 2, ceil_mode=True),
    "Lp with ceil_mode": lambda: kp.LpPool2D(3, 2, ceil_mode=True),
    "wide Lp": lambda: kp.LpPool2D((70, 1), 1, "same"),
    "regions per sample": lambda: kp.FractionalMaxPool2D(
        output_size=4, regions_per="sample", inference="central"
    ),
    "random regions": lambda: kp.FractionalAvgPool2D(
        output_size=4, pseudo_random=False, inference="central"
    ),
    "adaptive, one axis kept": lambda: kp.AdaptiveMaxPool2D((4, None)),
}


# What is refused: family, rank (None: any) and whether only with open sizes.
_RATIO = {(f"Fractional{kind}Pool, ratio", None, True) for kind in ("Max", "Avg")}
_FIXED = {
    (f"Fractional{kind}Pool, {how}", None, True)
    for kind in ("Max", "Avg")
    for how in ("ratio", "size")
}
REFUSED = {
    ("tensorflow", "onnx"): _FIXED,
    ("tensorflow", "openvino"): _FIXED,
    ("tensorflow", "litert"): {
        ("AvgPool", 3, False),
        ("StochasticPool", 3, False),
        *_RATIO,
    },
    ("torch", "torch"): _RATIO,
    ("torch", "onnx"): _RATIO | _FIXED,
    ("torch", "openvino"): _RATIO | _FIXED,
    ("jax", "tf_saved_model"): _RATIO,
}


def is_refused(name, format, rank, is_open):
    return any(
        name == family and of_rank in (None, rank) and (is_open or not only_open)
        for family, of_rank, only_open in REFUSED.get(
            (keras.config.backend(), format), ()
        )
    )


def every_family(format, rank, is_open):
    """A model of all families that the format can say."""
    said = [n for n in FAMILIES if not is_refused(n, format, rank, is_open)]
    return model([FAMILIES[name] for name in said], rank, is_open)


def model(makers, rank, is_open):
    """Each layer of the same input; the outputs of a sample side by side."""
    shape = (None,) * rank if is_open else SIZES[rank]
    x = keras.Input((*shape, 3))
    parts = [keras.layers.Reshape((-1,))(make()(x)) for make in makers]
    y = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(x, y)


def inputs(rank, is_open):
    """Two batches of other sizes than any model was traced with."""
    shapes = [(2, *SIZES[rank], 3), (5, *SIZES[rank], 3)]
    if is_open:
        shapes[1] = (5, *(size + 2 for size in SIZES[rank]), 3)
    return [_example(shape) for shape in shapes]


def _example(shape):
    return data.distinct(shape, "float32", data.generator("export", shape)) / 64


def assert_same(y, expected, x):
    """Allows another order of adding: of as many terms as x has in a sample."""
    rounding = x[0].size * np.finfo(np.float32).eps * np.abs(x).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=rounding)


def main():
    sizes, path, format = sys.argv[1:]
    exported, xs = every_family(format, 2, sizes == "open"), inputs(2, sizes == "open")
    expected = {f"y{i}": exported.predict(x, verbose=0) for i, x in enumerate(xs)}
    np.savez(f"{path}.expected.npz", **expected)
    kp.export(exported, path, format, verbose=False)


if __name__ == "__main__":
    main()
