"""Calls to export with open sizes. Run as a script, it exports them from PyTorch.

`python exported_calls.py` raises where an exported program gives another result for
sizes other than those it was made with.
"""

import data
import numpy as np

import keras_pooling as kp
from keras_pooling.arguments import AdaptiveWindows
from keras_pooling.implementations import portable

CALLS = {
    "plain max": lambda x: kp.ops.max_pool(x, 2),
    "padded max": lambda x: kp.ops.max_pool(x, 3, 2, "same"),
    "dilated max": lambda x: kp.ops.max_pool(x, 2, 1, "same", dilation_rate=2),
    "indices": lambda x: kp.ops.max_pool(x, 3, 2, return_indices=True)[1],
    "average over pads": lambda x: kp.ops.avg_pool(x, 3, 2, 1, count_include_pad=True),
    "Lp": lambda x: kp.ops.lp_pool(x, 3, 2, ceil_mode=True),
    "global max": kp.ops.global_max_pool,
    "global average": kp.ops.global_avg_pool,
    "adaptive to a size": lambda x: kp.ops.adaptive_max_pool(x, (4, None)),
    "adaptive average": lambda x: portable.avg_pool(
        x, AdaptiveWindows((4, 3)), "channels_last"
    ),
    "adaptive max": lambda x: portable.max_pool(
        x, AdaptiveWindows((4, None)), "channels_last"
    ),
    "blur": lambda x: kp.ops.blur_pool(x, 4),
    "max blur": kp.ops.max_blur_pool,
    "maxout": lambda x: kp.ops.maxout(x, 3),
    "spatial pyramid": kp.ops.spatial_pyramid_pool,
    "k-max": lambda x: kp.ops.k_max_pool(x[:, 2], 3),
    "dynamic k-max": lambda x: kp.ops.k_max_pool(x[:, 2], 3, layer=1, num_layers=3),
    "fractional max": lambda x: kp.ops.fractional_max_pool(x, output_size=5),
    "fractional average": lambda x: kp.ops.fractional_avg_pool(x, output_size=(7, 3)),
    "fixed regions": kp.FractionalMaxPool2D(output_size=(5, 7), seed=1),
    "fixed regions in random order": kp.FractionalAvgPool2D(
        output_size=(7, 5), pseudo_random=False, seed=2
    ),
}


def sparse_max(x):
    """Maxima where they were, zeros elsewhere."""
    y, indices = kp.ops.max_pool(x, 3, 1, return_indices=True)
    return kp.ops.max_unpool(y, indices, 3, 1)


# LiteRT counts no elements in 64 bits where it looks for the last of equal indices.
PYTORCH_CALLS = {**CALLS, "sparse maximum": sparse_max}


def example(*shape: int) -> np.ndarray:
    """Returns an input of distinct numbers around 1."""
    return data.distinct(shape, "float32", data.generator("export", shape)) / 64


def assert_same(y: np.ndarray, expected: np.ndarray, x: np.ndarray) -> None:
    """Allows another order of adding: of as many terms as x has in a sample."""
    rounding = x[0].size * np.finfo(np.float32).eps * np.abs(x).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=rounding)


def main() -> None:
    """Exports from PyTorch, and runs."""
    import torch

    class Model(torch.nn.Module):
        def __init__(self, call):
            super().__init__()
            self.call = call

        def forward(self, x):
            return self.call(x)

    made, x = example(2, 13, 11, 3), example(3, 16, 18, 3)
    sizes = {axis: torch.export.Dim.DYNAMIC for axis in (0, 1, 2)}
    for call in PYTORCH_CALLS.values():
        program = torch.export.export(
            Model(call), (torch.from_numpy(made),), dynamic_shapes={"x": sizes}
        )
        y = program.module()(torch.from_numpy(x)).numpy()
        assert_same(y, call(torch.from_numpy(x)).numpy(), x)


if __name__ == "__main__":
    main()
    print("agrees")
