"""Pooling of unmasked steps alone, composed of keras.ops: so far one average of them
all. Knows no layer.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pooling.arguments import ArgumentError, Windows, spatial_axes


def avg_pool(x: Any, windows: Windows, data_format: str, mask: Any) -> Any:
    """Average of the steps whose mask is true; 0 if there is none.

    Args:
        x: tensor with one spatial axis.
        windows: one window over the whole axis.
        data_format: `"channels_last"` or `"channels_first"`.
        mask: tensor `(batch, steps)`.
    """
    if windows.rank != 1:
        raise ArgumentError(
            "a mask needs an input with one spatial axis. Received shape="
            f"{tuple(x.shape)}, mask.shape={tuple(mask.shape)}. Remove the mask, or "
            "pool the steps alone."
        )
    (steps,) = spatial_axes(data_format, 1)
    mask = ops.expand_dims(ops.cast(mask, "bool"), 3 - steps)
    dtype = keras.backend.standardize_dtype(x.dtype)
    wide = "float32" if dtype in ("float16", "bfloat16") else dtype
    valid = ops.where(mask, ops.cast(x, wide), 0)
    total = ops.sum(valid, axis=steps, keepdims=True)
    count = ops.sum(ops.cast(mask, wide), axis=steps, keepdims=True)
    return ops.cast(total / ops.maximum(count, 1), dtype)
