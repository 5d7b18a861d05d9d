"""The indices of one call of unpooling: whether they fit its values."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.arguments import ArgumentError

_DTYPES = ("int32", "int64")


def checked(indices: Any, values: Any) -> Any:
    """The indices as a tensor, or as the `KerasTensor` that they are.

    Args:
        indices: anything that Keras makes a tensor of, or a `KerasTensor`.
        values: tensor or `KerasTensor`.

    Raises:
        ArgumentError: if they are no integers, or fewer or more than the values.
    """
    if not isinstance(indices, keras.KerasTensor):
        indices = keras.ops.convert_to_tensor(indices)
    elif not isinstance(values, keras.KerasTensor):
        raise ArgumentError(
            "the `indices` argument is a symbolic tensor, and `inputs` is none. "
            f"Received inputs={values}, indices={indices}. Make both of them inputs or "
            "nodes of the model."
        )
    dtype = keras.backend.standardize_dtype(indices.dtype)
    if dtype not in _DTYPES:
        raise ArgumentError(
            "the `indices` argument must hold integers as int32 or int64. Received "
            f"indices of dtype={dtype}. Hand over the second result of a layer with "
            "return_indices=True."
        )
    sizes, wanted = _sizes(indices), _sizes(values)
    if sizes is not None and wanted is not None and not _agree(sizes, wanted):
        raise ArgumentError(
            "the `indices` argument must have the shape of `inputs`. Received "
            f"inputs of shape={wanted}, indices of shape={sizes}. Hand over the second "
            "result of the layer that gave the inputs."
        )
    return indices


def _sizes(x: Any) -> tuple | None:
    """The shape, None for what is not known."""
    try:
        return tuple(x.shape.as_list() if hasattr(x.shape, "as_list") else x.shape)
    except ValueError:  # TensorFlow's word for a tensor of unknown rank
        return None


def _agree(one: tuple, other: tuple) -> bool:
    return len(one) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True)
    )
