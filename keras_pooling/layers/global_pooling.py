"""Global pooling layers: one window, the whole plane. Knows no reduction's loop."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_pooling.layers.base_pooling import BaseGlobalPooling
from keras_pooling.layers.documentation import documented


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalMaxPool(BaseGlobalPooling):
    """Greatest element of each channel; the input tells how many spatial axes.

    `y = max of x[t] over all positions t`. A NaN gives NaN; the gradient goes to the
    first NaN, else to the first greatest element in row-major order.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    References:
        Oquab et al., Is Object Localization for Free?, 2015.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPool()(x))
    array([[10., 11.]], dtype=float32)
    """

    function = "max_pool"


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalAvgPool(BaseGlobalPooling):
    """Average of each channel; the input tells how many spatial axes.

    `y = Σ x[t] / n over all n positions t`. With a mask, which needs a single spatial
    axis, over the unmasked positions; 0 if there is none. float16 and bfloat16 are
    summed in float32 and rounded once; integers are averaged as floats.

    Args:
        {global_args}

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    {global_shapes}

    {global_raises}

    References:
        Lin et al., Network in Network, 2014.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAvgPool()(x))
    array([[5., 6.]], dtype=float32)
    """

    function = "avg_pool"

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = self.rank in (None, 1)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pools a tensor."""
        if mask is None or not self.supports_masking:  # Keras has warned then
            return super().call(inputs)
        if len(inputs.shape) != 3:
            raise ValueError(
                f"{self._call()}: a mask needs an input with one spatial axis. "
                f"Received shape={tuple(inputs.shape)}, mask.shape="
                f"{tuple(mask.shape)}. Remove the mask, or pool the steps alone."
            )
        return self._masked_average(inputs, mask)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Returns None: no step is left that a mask could speak of."""
        return None

    def _masked_average(self, inputs: Any, mask: Any) -> Any:
        steps, channels = (1, 2) if self.data_format == "channels_last" else (2, 1)
        mask = ops.expand_dims(ops.cast(mask, "bool"), channels)
        dtype = self.compute_output_spec(inputs).dtype
        wide = "float32" if dtype in ("float16", "bfloat16") else dtype
        valid = ops.where(mask, ops.cast(inputs, wide), 0)
        total = ops.sum(valid, axis=steps, keepdims=self.keepdims)
        count = ops.sum(ops.cast(mask, wide), axis=steps, keepdims=self.keepdims)
        return ops.cast(total / ops.maximum(count, 1), dtype)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalMaxPool1D(GlobalMaxPool):
    """Greatest element of each channel over the steps of a sequence.

    `GlobalMaxPool` with one spatial axis, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 6, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPool1D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalMaxPool2D(GlobalMaxPool):
    """Greatest element of each channel over the height and width of images.

    `GlobalMaxPool` with 2 spatial axes, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPool2D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 2

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalMaxPool3D(GlobalMaxPool):
    """Greatest element of each channel over depth, height and width of volumes.

    `GlobalMaxPool` with 3 spatial axes, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPool3D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 3

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalAvgPool1D(GlobalAvgPool):
    """Average of each channel over the steps of a sequence.

    `GlobalAvgPool` with one spatial axis, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 6, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAvgPool1D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalAvgPool2D(GlobalAvgPool):
    """Average of each channel over the height and width of images.

    `GlobalAvgPool` with 2 spatial axes, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAvgPool2D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 2

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalAvgPool3D(GlobalAvgPool):
    """Average of each channel over depth, height and width of volumes.

    `GlobalAvgPool` with 3 spatial axes, where the formula stands.

    Args:
        {global_args}

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.arange(12.).reshape(1, 1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAvgPool3D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 3

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ):
        super().__init__(data_format, keepdims, **kwargs)


# Keras's long names.
GlobalMaxPooling1D = GlobalMaxPool1D
GlobalMaxPooling2D = GlobalMaxPool2D
GlobalMaxPooling3D = GlobalMaxPool3D
GlobalAveragePooling1D = GlobalAvgPool1D
GlobalAveragePooling2D = GlobalAvgPool2D
GlobalAveragePooling3D = GlobalAvgPool3D
