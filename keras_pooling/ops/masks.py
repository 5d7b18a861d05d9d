"""The mask of what is pooled, also as a node of a functional model. Pools no values."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pooling.arguments import Windows
from keras_pooling.implementations import masked
from keras_pooling.ops import dispatch
from keras_pooling.windows import AdaptiveWindows, FractionalWindows, SlidingWindows

_GEOMETRIES = (SlidingWindows, AdaptiveWindows, FractionalWindows)


def pooled_mask(windows: Windows, mask: Any) -> Any:
    """Which windows have a step that counts.

    Args:
        windows: of one axis.
        mask: tensor or `KerasTensor` `(batch, steps)`.
    """
    if isinstance(mask, keras.KerasTensor):
        return PooledMask(type(windows).__name__, vars(windows)).symbolic_call(mask)
    windows = windows.of_rank(1)
    return masked.pooled_mask(dispatch.pool, windows, ops.cast(mask, "bool"))


@keras.saving.register_keras_serializable(package="keras_pooling")
class PooledMask(keras.Operation):
    """The mask that windows make of a mask, as a node of a functional model.

    Args:
        geometry: name of the windows' class.
        fields: what that class is made of.
        name: name of the node. None: one of its own.
    """

    def __init__(self, geometry: str, fields: dict[str, Any], name: str | None = None):
        super().__init__(name=name)
        self.geometry, self.fields = geometry, fields
        (made_by,) = (cls for cls in _GEOMETRIES if cls.__name__ == geometry)
        self._windows = made_by(**{key: _tuples(fields[key]) for key in fields})

    def call(self, mask: Any) -> Any:
        """Pools a mask."""
        return pooled_mask(self._windows, mask)

    def compute_output_spec(self, mask: Any) -> keras.KerasTensor:
        """Returns the shape of the pooled mask, as a `KerasTensor`."""
        shape = (*dispatch.static_shape(mask), 1)
        planned = dispatch.plan(shape, self._windows, "channels_last", True)
        return keras.KerasTensor(planned.shape[:2], dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = {"geometry": self.geometry, "fields": self.fields}
        return {**config, "name": self.name}


def _tuples(value: Any) -> Any:
    """What a file holds as lists, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
