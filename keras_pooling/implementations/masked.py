"""Pooling of the steps that a mask leaves, composed of pools of all steps.

Steps that do not count are filled with what cannot win or adds nothing, and the steps
that count are counted. Knows no layer and no host: what pools all steps is handed in.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import ArgumentError, Windows, spatial_axes
from keras_pooling.implementations import lengths, portable
from keras_pooling.implementations.portable.native import widened


@dataclasses.dataclass(frozen=True)
class Steps:
    """A tensor with one spatial axis, and which of its steps count."""

    x: Any
    valid: Any  # bool, of the shape of x with one channel
    count: Any  # how many steps of each window count, as floats
    windows: Windows
    data_format: str
    plain: Callable  # `dispatch.pool`

    def pooled(self, function: str, x: Any, **options: Any) -> Any:
        """Pools all steps of a tensor."""
        return self.plain(function, x, self.windows, self.data_format, **options)

    def filled(self, value: Any, x: Any = None) -> Any:
        """The tensor with a number in place of the steps that do not count."""
        x = self.x if x is None else x
        return ops.where(self.valid, x, ops.cast(value, x.dtype))

    def padding(self) -> Any:
        """How many taps each window has in the padding, as floats."""
        ones = ops.ones_like(self.valid, dtype="float32")
        inside = self.pooled("avg_pool", ones, divisor_override=1)
        share = self.pooled("avg_pool", ones, count_include_pad=True)
        return ops.round(inside / share) - inside

    def floats(self) -> Steps:
        """These steps, integers as floats."""
        if _is_float(self.x):
            return self
        return dataclasses.replace(self, x=ops.cast(self.x, keras.config.floatx()))

    def wide(self) -> Steps:
        """These steps as the floats in which sums are kept."""
        return dataclasses.replace(self, x=widened(self.floats().x))

    def or_zero(self, y: Any) -> Any:
        """A result with 0 in the windows that have no step that counts."""
        return ops.where(self.count > 0, y, ops.cast(0, y.dtype))


def pool(
    plain: Callable,
    function: str,
    x: Any,
    windows: Windows,
    data_format: str,
    mask: Any,
    seed: Any = None,
    **options: Any,
) -> Any:
    """Pools the steps of each window that count; 0 of a window without any.

    Args:
        plain: `dispatch.pool`, which pools all steps.
        function: name of the function of every implementation.
        x: tensor with one spatial axis.
        windows: with one entry per axis.
        data_format: `"channels_last"` or `"channels_first"`.
        mask: bool tensor `(batch, steps)`.
        seed: tensor of two integers, by which regions or taps are drawn; None if not.
        **options: further arguments of the function.
    """
    if lengths.divide(windows):
        whole = functools.partial(pool, plain, function, **options)
        return lengths.pool(whole, x, windows, data_format, mask, seed)
    (axis,) = spatial_axes(data_format, 1)
    valid = ops.expand_dims(mask, 3 - axis)
    count = _counted(plain, valid, windows, data_format)
    if function == "stochastic_pool":
        options = {**options, "seed": seed}
    return _FAMILIES[function](
        Steps(x, valid, count, windows, data_format, plain), **options
    )


def pooled_mask(plain: Callable, windows: Windows, mask: Any) -> Any:
    """Which windows have a step that counts: bool tensor `(batch, windows)`."""
    if lengths.divide(windows):
        return lengths.pooled_mask(windows, mask)
    count = _counted(plain, ops.expand_dims(mask, 2), windows, "channels_last")
    return ops.squeeze(count > 0, 2)


def check(function: str, shape: tuple, found: tuple, data_format: str) -> None:
    """Refuses a mask that does not fit the input, or a function without masks.

    Args:
        function: name of the function of every implementation.
        shape: of the input.
        found: shape of the mask.
        data_format: `"channels_last"` or `"channels_first"`.
    """
    if function not in _FAMILIES:
        finding, remedy = f"{function} takes no mask", "Remove the mask."
    elif len(shape) != 3:
        finding = "a mask needs an input with one spatial axis"
        remedy = "Remove the mask, or pool the steps alone."
    else:
        (axis,) = spatial_axes(data_format, 1)
        wanted = (shape[0], shape[axis])
        if len(found) == 2 and all(map(_may_equal, found, wanted)):
            return
        finding = f"the mask must have the shape (batch, steps), here {wanted}"
        remedy = "Give one entry for each step of each sample, and none for channels."
    raise ArgumentError(
        f"{finding}. Received shape={shape}, mask.shape={found}. {remedy}"
    )


# The families. Each takes steps and gives what those that count in each window give,
# and 0 where there are none, in the dtype that pooling all steps gives.


def _max_pool(steps: Steps, return_indices: bool = False) -> Any:
    x, dtype = steps.x, keras.backend.standardize_dtype(steps.x.dtype)
    if dtype == "bool":
        steps = dataclasses.replace(steps, x=ops.cast(x, "uint8"))
        outputs = _max_pool(steps, return_indices)
        y, *indices = outputs if return_indices else (outputs,)
        return (y > 0, *indices) if return_indices else y > 0
    pool = functools.partial(steps.pooled, "max_pool", return_indices=return_indices)
    lowest = _lowest(dtype)
    outputs = pool(steps.filled(lowest))
    if not (_is_float(x) or return_indices):
        return steps.or_zero(outputs)
    y, *indices = outputs if return_indices else (outputs,)
    is_lowest = (y == lowest) & (steps.count > 0)

    def exactly() -> Any:
        # Where nothing that counts is above the lowest number, steps that do not count
        # are its equals and may stand before it. There, the first greatest is the first
        # least.
        least = pool(steps.filled(lowest, _opposite(x, dtype)))
        if not return_indices:
            return ops.where(is_lowest, -least, y)
        least, least_indices = least
        z = ops.where(is_lowest, -least, y) if _is_float(x) else y
        return z, ops.where(is_lowest, least_indices, *indices)

    outputs = _if(ops.any(is_lowest), exactly, outputs)
    return keras.tree.map_structure(steps.or_zero, outputs)


def _avg_pool(
    steps: Steps, count_include_pad: bool = False, divisor_override: int | None = None
) -> Any:
    wide = steps.wide()
    divisor = divisor_override or 1
    y = wide.pooled("avg_pool", wide.filled(0), divisor_override=divisor)
    if not divisor_override:
        count = steps.count
        if count_include_pad:
            count = count + steps.padding()
        y = y / ops.cast(ops.maximum(count, 1), y.dtype)
    return ops.cast(y, steps.floats().x.dtype)


def _lp_pool(steps: Steps, p: float, normalize: bool) -> Any:
    if not normalize:
        return steps.pooled("lp_pool", steps.filled(0), p=p, normalize=False)
    # The mean over all taps is never above the result, so that it cannot overflow. That
    # of the mask is what it is too small by.
    wide = steps.wide()
    pool = functools.partial(wide.pooled, "lp_pool", p=p, normalize=True)
    y, share = pool(wide.filled(0)), pool(ops.cast(steps.valid, wide.x.dtype))
    return ops.cast(y / ops.where(share > 0, share, 1), steps.floats().x.dtype)


def _stochastic_pool(steps: Steps, seed: Any) -> Any:
    # What does not count weighs as little as 0 does: nothing, unless all that counts is
    # 0 or less. Then it is the latter alone that weighs, each step the same.
    steps = steps.floats()
    pool = functools.partial(steps.pooled, "stochastic_pool", seed=seed)
    if seed is None:
        greatest = steps.pooled("max_pool", ops.stop_gradient(steps.filled(0)))
        return ops.where(greatest <= 0, _avg_pool(steps), pool(steps.filled(0)))
    y, drawn = pool(ops.stop_gradient(steps.filled(0)), return_indices=True)
    evenly = steps.filled(0, ops.ones_like(steps.x))
    _, drawn_evenly = pool(evenly, return_indices=True)
    drawn = ops.where(y <= 0, drawn_evenly, drawn)
    (axis,) = spatial_axes(steps.data_format, 1)
    return steps.or_zero(ops.take_along_axis(steps.x, drawn, axis))


def _min_pool(steps: Steps) -> Any:
    turned = dataclasses.replace(steps, x=portable.turned(steps.x))
    return steps.or_zero(portable.turned(_max_pool(turned)))


def _by_taps(function: Callable) -> Callable:
    """A family whose function of the portable path takes which taps count."""

    def pool(steps: Steps, **options: Any) -> Any:
        # What does not count is a number, so that nothing of it comes back.
        x = steps.floats().filled(1)
        windows = (steps.windows, steps.data_format)
        return steps.or_zero(function(x, *windows, valid=steps.valid, **options))

    return pool


def _mixed_pool(steps: Steps, alpha: Any, gate: Any) -> Any:
    dtype, steps = steps.floats().x.dtype, steps.wide()

    def of(pool: Callable) -> Callable:
        return lambda x, *_: pool(dataclasses.replace(steps, x=x))

    pools, windows = (of(_max_pool), of(_avg_pool)), (steps.windows, steps.data_format)
    y = portable.mixed(*pools, steps.filled(0), *windows, alpha, gate)
    return ops.cast(y, dtype)


_FAMILIES = {
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "lp_pool": _lp_pool,
    "min_pool": _min_pool,
    "mixed_pool": _mixed_pool,
    "stochastic_pool": _stochastic_pool,
    "gem_pool": _by_taps(portable.gem_pool),
    "median_pool": _by_taps(portable.median_pool),
    "soft_pool": _by_taps(portable.soft_pool),
}


def _counted(plain: Callable, valid: Any, windows: Windows, data_format: str) -> Any:
    ones = ops.cast(valid, "float32")
    return plain("avg_pool", ones, windows, data_format, divisor_override=1)


def _may_equal(size: int | None, other: int | None) -> bool:
    return size is None or other is None or size == other


def _is_float(x: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(x.dtype)


def _lowest(dtype: str) -> Any:
    return -math.inf if "float" in dtype else np.array(np.iinfo(dtype).min, dtype)


def _opposite(x: Any, dtype: str) -> Any:
    """The same in the opposite order."""
    if _is_float(x):
        return -x
    limits = np.iinfo(dtype)
    return ops.subtract(np.array(int(limits.max) + int(limits.min), dtype), x)


def _if(condition: Any, function: Callable, otherwise: Any) -> Any:
    """What a function gives, where a scalar says that it is something else."""
    known = lengths.known(condition)
    if known is not None:
        return function() if known else otherwise
    if keras.config.backend() == "torch":
        return function()  # a program has one way alone
    return ops.cond(condition, function, lambda: otherwise)
