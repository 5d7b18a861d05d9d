"""TensorFlow's ragged tensors as dense ones with masks; pools nothing."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.arguments import ArgumentError

if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    _KINDS: tuple[type, ...] = (tf.RaggedTensor,)
else:
    _KINDS = ()


def is_ragged(x: Any) -> bool:
    """Whether a tensor has samples of different lengths."""
    return isinstance(x, _KINDS)


def dense(x: Any, mask: Any, data_format: str) -> tuple[Any, Any]:
    """A ragged tensor `(batch, steps, channels)` as a dense one, and its mask.

    Raises:
        ArgumentError: if other axes than the steps are ragged, or a mask is given too.
    """
    shape = tuple(x.shape)
    if mask is not None or len(shape) != 3 or x.ragged_rank != 1:
        raise ArgumentError(
            "a ragged tensor must have the shape (batch, steps, channels), of which "
            "the steps alone may be ragged, and needs no mask. Received "
            f"shape={shape}, ragged_rank={x.ragged_rank}, mask={mask}. Use its "
            "`to_tensor()`, with a mask of the steps that it had."
        )
    if data_format != "channels_last":
        raise ArgumentError(
            "the steps of a ragged tensor come before its channels. Received "
            f'data_format={data_format!r}. Use data_format="channels_last".'
        )
    return x.to_tensor(), mask_of(x)


def mask_of(x: Any) -> Any:
    """Which steps of its dense form a ragged tensor has: bool `(batch, steps)`."""
    return tf.sequence_mask(x.row_lengths(), x.bounding_shape(1))
