"""Global Lp pooling layers: one window, the whole plane. Knows no powers."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.layers.base_pooling import BaseGlobalPooling
from keras_pooling.layers.documentation import documented
from keras_pooling.ops.pooling import lp_options


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalLpPool(BaseGlobalPooling):
    """Lp norm of each channel; the input tells how many spatial axes.

    `y = (Σ |x[t]|^p)^(1/p) over all positions t`; with `normalize=True` the sum is
    divided by their number. `LpPool` says what the gradient is.

    Args:
        {global_args}
        p: real number > 0, `math.inf` included.
        normalize: bool, whether the sum is divided by the number of positions.

    {global_shapes}

    {global_raises}

    References:
        Radenović et al., Fine-tuning CNN Image Retrieval with No Human Annotation,
        2018.

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool()(x))
    array([[13.]], dtype=float32)
    """

    function = "lp_pool"

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        p: float = 2.0,
        normalize: bool = False,
        **kwargs: Any,
    ):
        super().__init__(data_format, keepdims, **kwargs)
        self.p, self.normalize = lp_options(self._call(), p, normalize).values()

    def options(self) -> dict[str, Any]:
        """Further arguments of the function."""
        return {"p": self.p, "normalize": self.normalize}

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        return {**super().get_config(), **self.options()}


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalLpPool1D(GlobalLpPool):
    """Lp norm of each channel over the steps of a sequence.

    `GlobalLpPool` with one spatial axis, where the formula stands.

    Args:
        {global_args}
        p, normalize: as in `GlobalLpPool`.

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool1D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        p: float = 2.0,
        normalize: bool = False,
        **kwargs: Any,
    ):
        super().__init__(data_format, keepdims, p=p, normalize=normalize, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalLpPool2D(GlobalLpPool):
    """Lp norm of each channel over the height and width of images.

    `GlobalLpPool` with 2 spatial axes, where the formula stands.

    Args:
        {global_args}
        p, normalize: as in `GlobalLpPool`.

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool2D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        p: float = 2.0,
        normalize: bool = False,
        **kwargs: Any,
    ):
        super().__init__(data_format, keepdims, p=p, normalize=normalize, **kwargs)


@keras.saving.register_keras_serializable(package="keras_pooling")
@documented
class GlobalLpPool3D(GlobalLpPool):
    """Lp norm of each channel over depth, height and width of volumes.

    `GlobalLpPool` with 3 spatial axes, where the formula stands.

    Args:
        {global_args}
        p, normalize: as in `GlobalLpPool`.

    {global_shapes}

    {global_raises}

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool3D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 3

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        p: float = 2.0,
        normalize: bool = False,
        **kwargs: Any,
    ):
        super().__init__(data_format, keepdims, p=p, normalize=normalize, **kwargs)
