"""Models to export: each family of layers, with sizes that are known or open.

As a script: `python exported_models.py FOLDER FORMAT known|open …` exports one of every
family in two dimensions that the format can say, on the backend in use, for each pair
of words, and writes beside each file what it is expected to give.
"""

import sys

import data
import keras
import numpy as np
import runtimes

import keras_pooling as kp

SIZES = {1: (13,), 2: (13, 11), 3: (9, 8, 7)}


def _sliding(layer, **options):
    return lambda: layer(3, 2, "same", **options)


def _unpooled(x):
    """A sparse maximum."""
    y, indices = kp.MaxPool(3, 1, return_indices=True)(x)
    return kp.MaxUnpool(3, 1)(y, indices)


def _unpooled_by_a_node(x):
    y, indices = kp.MaxPool(3, 1, return_indices=True)(x)
    return kp.ops.max_unpool(y, indices, 3, 1)


# Of any rank: functions that make what is applied to a tensor.
FAMILIES = {
    "MaxPool": _sliding(kp.MaxPool),
    "AvgPool": _sliding(kp.AvgPool),
    "LpPool": _sliding(kp.LpPool),
    "MinPool": _sliding(kp.MinPool),
    "MedianPool": _sliding(kp.MedianPool),
    "SoftPool": _sliding(kp.SoftPool, trainable_beta=True, per_channel=True),
    "GeMPool": _sliding(kp.GeMPool),
    "MixedPool, gated": _sliding(kp.MixedPool, alpha="gated", per_channel=True),
    "StochasticPool": _sliding(kp.StochasticPool),
    "FractionalMaxPool, size": lambda: kp.FractionalMaxPool(output_size=4, seed=1),
    "FractionalAvgPool, ratio": lambda: kp.FractionalAvgPool(1.6, seed=2**31 - 1),
    "AdaptiveMaxPool": lambda: kp.AdaptiveMaxPool(3),
    "AdaptiveAvgPool": lambda: kp.AdaptiveAvgPool(3),
    "GlobalMaxPool": lambda: kp.GlobalMaxPool(),
    "GlobalAvgPool": lambda: kp.GlobalAvgPool(),
    "GlobalLpPool": lambda: kp.GlobalLpPool(),
    "GlobalGeMPool": lambda: kp.GlobalGeMPool(),
    "Maxout": lambda: kp.Maxout(3),
    "MaxUnpool": lambda: _unpooled,
}
# Of one rank, and what takes another way within a family.
OF_ONE_RANK = {
    1: {
        "KMaxPool1D": lambda: kp.KMaxPool1D(3),
        "KMaxPool1D, dynamic": lambda: kp.KMaxPool1D(2, layer=1, num_layers=3),
    },
    2: {
        "MixedPool": _sliding(kp.MixedPool, alpha="trainable"),
        "FractionalMaxPool, ratio": lambda: kp.FractionalMaxPool(1.6, seed=12345678),
        "FractionalAvgPool, size": lambda: kp.FractionalAvgPool(output_size=4, seed=77),
        "FractionalMaxPool, central": lambda: kp.FractionalMaxPool(
            output_size=4, inference="central"
        ),
        "FractionalAvgPool, random order": lambda: kp.FractionalAvgPool(
            1.6, pseudo_random=False, seed=3
        ),
        "FractionalMaxPool, random order to a size": lambda: kp.FractionalMaxPool(
            output_size=4, pseudo_random=False, seed=4
        ),
        "BlurPool2D": lambda: kp.BlurPool2D(2),
        "MaxBlurPool2D": lambda: kp.MaxBlurPool2D(2),
        "SpatialPyramidPool2D": lambda: kp.SpatialPyramidPool2D(),
        "MaxUnpool, node": lambda: _unpooled_by_a_node,
    },
    3: {},
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
_RATIO = {
    ("FractionalMaxPool, ratio", None, True),
    ("FractionalAvgPool, ratio", None, True),
    ("FractionalAvgPool, random order", None, True),
}
_OF_MANY_AXES = (
    "AvgPool",
    "GeMPool",
    "GlobalGeMPool",
    "MedianPool",
    "MixedPool",
    "MixedPool, gated",
    "SoftPool",
    "StochasticPool",
)
_K_MAX = {("KMaxPool1D", None, False), ("KMaxPool1D, dynamic", None, False)}
_UNPOOLING = {("MaxUnpool", None, False), ("MaxUnpool, node", None, False)}
# JAX must see that a window fits a size that is open.
_NOT_ON_JAX = (
    "MixedPool",
    "MixedPool, gated",
    "BlurPool2D",
    "MaxBlurPool2D",
    "MaxUnpool",
    "MaxUnpool, node",
    "valid max",
    "valid average",
    "max with ceil_mode",
    "Lp with ceil_mode",
)
REFUSED = {
    ("tensorflow", "onnx"): _UNPOOLING | _K_MAX,
    ("tensorflow", "openvino"): {
        ("FractionalAvgPool, random order", None, True),
        *_K_MAX,
    },
    ("tensorflow", "litert"): {
        *((name, 3, False) for name in _OF_MANY_AXES),
        *_RATIO,
        *_UNPOOLING,
    },
    ("torch", "torch"): _RATIO,
    ("torch", "onnx"): _RATIO,
    ("torch", "openvino"): _RATIO,
    ("jax", "tf_saved_model"): {
        *_RATIO,
        *((name, None, True) for name in _NOT_ON_JAX),
    },
}


def families(rank):
    """Every family over so many axes."""
    return {**FAMILIES, **OF_ONE_RANK[rank]}


def is_refused(name, format, rank, is_open):
    return any(
        name == family and of_rank in (None, rank) and (is_open or not only_open)
        for family, of_rank, only_open in REFUSED.get(
            (keras.config.backend(), format), ()
        )
    )


def every_family(format, is_open, ranks):
    """Models of all families that the format can say, over each number of axes.

    What is pooled over fewer axes is the beginning of the others. tf2onnx takes longer
    over one large graph than over several of a few layers.
    """
    parts = []
    for rank in ranks:
        axes = (slice(None),) * (rank + 1)
        first = (*axes, *(0,) * (max(ranks) - rank))
        makers = [
            make
            for name, make in families(rank).items()
            if not is_refused(name, format, rank, is_open)
        ]
        if rank == 2 and is_open:
            makers += [
                make
                for name, make in ARGUMENTS.items()
                if not is_refused(name, format, rank, is_open)
            ]
        parts += [(make, first) for make in makers]
    models = []
    for i in range(0, len(parts), _LAYERS):
        x = _input(max(ranks), is_open)
        given = [(make, x[first]) for make, first in parts[i : i + _LAYERS]]
        models.append(_side_by_side(x, given))
    return models


_LAYERS = 10


def model(makers, rank, is_open):
    """Each layer of the same input; the outputs of a sample side by side."""
    x = _input(rank, is_open)
    return _side_by_side(x, [(make, x) for make in makers])


def _input(rank, is_open):
    return keras.Input((*((None,) * rank if is_open else SIZES[rank]), 3))


def _side_by_side(x, parts):
    parts = [keras.layers.Reshape((-1,))(make()(given)) for make, given in parts]
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
    folder, *words = sys.argv[1:]
    for format, sizes in zip(words[::2], words[1::2], strict=True):
        xs = inputs(2, sizes == "open")
        for i, exported in enumerate(every_family(format, sizes == "open", (2,))):
            path = f"{folder}/{format}-{sizes}-{i}{runtimes.SUFFIXES[format]}"
            ys = {f"y{j}": exported.predict(x, verbose=0) for j, x in enumerate(xs)}
            np.savez(f"{path}.expected.npz", **ys)
            kp.export(exported, path, format, verbose=False)


if __name__ == "__main__":
    main()
