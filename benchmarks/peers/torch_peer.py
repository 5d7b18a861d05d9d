"""PyTorch, with channels_last memory ("torch-nhwc") or contiguous ("torch-nchw"), or
our function with tensors as the row's layout has them ("ours-torch").
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from row import COMPOSED_POOLS, FRAMEWORK_POOLS, LEARNED_POOLS, RANDOM_POOLS, Row

from peers import prepared
from peers.prepared import Prepared, Unsupported

VERSIONS = {"torch": torch.__version__}


def setup(threads: int) -> None:
    """Sets the threads of this process."""
    torch.set_num_threads(threads)


def prepare(row: Row, variant: str) -> Prepared:
    """Makes the tensors and the call of a row."""
    if variant == "ours-torch":
        from peers import ours

        prepared.no_models(row)
        pool = ours.pool(row)
    else:
        kinds = (*FRAMEWORK_POOLS, *COMPOSED_POOLS, *LEARNED_POOLS, "fractional_max")
        prepared.only(row, kinds=kinds)
        pool = _unpool(row, variant) if row.kind == "max_unpool" else _pool(row)
    if variant == "torch-nhwc":
        prepared.channels_last_only(row)
    make = functools.partial(_tensor, row, variant)
    xs = list(map(make, prepared.inputs(row)))
    parameters = list(map(torch.from_numpy, prepared.parameters(row)))
    compared = row.kind not in RANDOM_POOLS
    if row.mode == "forward":

        @torch.inference_mode()
        def forward() -> Any:
            return ([pool(x, *parameters) for x in xs],)

        return Prepared(forward, _results if compared else None)
    dys = list(map(make, prepared.gradients(row)))
    learned = [x.requires_grad_() for x in (*xs, *parameters)]

    def training() -> Any:
        ys = [pool(x, *parameters) for x in xs]
        dxs = torch.autograd.grad(ys, learned, dys)
        return ys, dxs[: len(xs)], dxs[len(xs) :]

    return Prepared(training, _results if compared else None)


def _tensor(row: Row, variant: str, x: np.ndarray) -> torch.Tensor:
    if x.dtype.name == "bfloat16":
        tensor = torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(x)
    if variant == "ours-torch" and row.layout == "channels_last":
        return tensor
    tensor = tensor.movedim(-1, 1)
    return tensor if variant == "torch-nhwc" else tensor.contiguous()


def _results(outcome: Any) -> list[np.ndarray]:
    return [outputs[0].detach().double().numpy() for outputs in outcome if outputs]


def _pool(row: Row) -> Callable[..., torch.Tensor]:
    rank, k, s = len(row.spatial), row.pool_size, row.step
    if row.kind == "max":
        function, options = getattr(F, f"max_pool{rank}d"), _padding(row)
    elif row.kind == "avg":
        function, options = getattr(F, f"avg_pool{rank}d"), _padding(row)
        options["count_include_pad"] = False
    elif row.kind in LEARNED_POOLS:
        return _composed(row)
    elif row.kind == "lp":
        function = getattr(F, f"lp_pool{rank}d")
        return lambda x: function(x, 2, k, s)
    elif row.kind == "median":
        return lambda x: x.unfold(2, k, s).unfold(3, k, s).flatten(-2).median(-1).values
    elif row.kind == "fractional_max":
        size = row.output_spatial
        return lambda x: F.fractional_max_pool2d(x, 2, output_size=size)
    else:
        _, kind = row.kind.split("_")
        function, size = getattr(F, f"adaptive_{kind}_pool{rank}d"), row.output_spatial
        return lambda x: function(x, size)
    return lambda x: function(x, k, s, **options)


def _composed(row: Row) -> Callable[..., torch.Tensor]:
    """SoftPool, GeM and mixed pooling in the forms that are common."""
    rank, k, s = len(row.spatial), row.pool_size, row.step
    average, greatest = getattr(F, f"avg_pool{rank}d"), getattr(F, f"max_pool{rank}d")
    whole = getattr(F, f"adaptive_avg_pool{rank}d")

    def soft(x: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        weights = torch.exp(beta * x)
        return average(weights * x, k, s) / average(weights, k, s)

    return {
        "soft": soft,
        "gem": lambda x, p: average(x.clamp(min=1e-6).pow(p), k, s).pow(1 / p),
        "global_gem": lambda x, p: whole(x.clamp(min=1e-6).pow(p), 1).pow(1 / p),
        "mixed": lambda x, alpha: (
            alpha * greatest(x, k, s) + (1 - alpha) * average(x, k, s)
        ),
    }[row.kind]


def _unpool(row: Row, variant: str) -> Callable[[torch.Tensor], torch.Tensor]:
    function = getattr(F, f"max_unpool{len(row.spatial)}d")
    indices = _tensor(row, variant, prepared.indices(row))
    return lambda x: function(x, indices, int(row.pool_size), row.step)


def _padding(row: Row) -> dict[str, Any]:
    """Symmetric padding, or a last window that `ceil_mode` clips."""
    before = [pair[0] for pair in row.pads]
    after = [pair[1] for pair in row.pads]
    if before == after:
        return {"padding": tuple(before)}
    if not any(before):
        return {"ceil_mode": True}
    raise Unsupported("no padding that differs before and after")
