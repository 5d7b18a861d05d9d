"""JAX: `reduce_window` under `jit`, in the row's layout. "ours-jax": our function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from row import RANDOM_POOLS, Row

from peers import prepared
from peers.prepared import Prepared

VERSIONS = {"jax": jax.__version__}


def setup(threads: int) -> None:
    """Allows float64; XLA takes one thread for each CPU this process may use."""
    jax.config.update("jax_enable_x64", True)


def prepare(row: Row, variant: str) -> Prepared:
    """Compiles a row."""
    if variant == "ours-jax":
        from peers import ours

        prepared.no_models(row)
        pool = ours.pool(row)
    else:
        prepared.only(row, kinds=("max", "avg", "global_max", "global_avg", "lp"))
        pool = _pool(row)
    xs = [jnp.asarray(x) for x in prepared.given(row, prepared.inputs(row))]
    arguments = [xs, [jnp.asarray(p) for p in prepared.parameters(row)]]
    if row.mode == "forward":
        step = jax.jit(lambda xs, parameters: ([pool(x, *parameters) for x in xs],))
    else:
        dys = prepared.given(row, prepared.gradients(row))
        arguments.append([jnp.asarray(dy) for dy in dys])

        @jax.jit
        def step(xs: list[Any], parameters: list[Any], dys: list[Any]) -> Any:
            def pooled(xs: list[Any], parameters: list[Any]) -> list[Any]:
                return [pool(x, *parameters) for x in xs]

            ys, back = jax.vjp(pooled, xs, parameters)
            return ys, *back(dys)

    def results(outcome: Any) -> list[np.ndarray]:
        return [np.asarray(outputs[0]) for outputs in outcome if outputs]

    def run() -> Any:
        return jax.block_until_ready(step(*arguments))

    return Prepared(run, None if row.kind in RANDOM_POOLS else results)


def _pool(row: Row) -> Callable[[Any], Any]:
    rank = len(row.spatial)

    def around(sizes: tuple, other: Any) -> tuple:
        """What holds of the spatial axes, and `other` of batch and channels."""
        if row.layout == "channels_last":
            return (other, *sizes, other)
        return (other, other, *sizes)

    axes = tuple(i for i, a in enumerate(around((True,) * rank, False)) if a)
    window, strides = around((row.pool_size,) * rank, 1), around((row.step,) * rank, 1)
    pads = around(row.pads, (0, 0))

    def total(x: Any) -> Any:
        return lax.reduce_window(x, x.dtype.type(0), lax.add, window, strides, pads)

    def greatest(x: Any) -> Any:
        least = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else -128
        least = np.asarray(least, x.dtype)
        return lax.reduce_window(x, least, lax.max, window, strides, pads)

    counts = total(jnp.ones(around(row.spatial, 1), row.dtype))
    return {
        "max": greatest,
        "avg": lambda x: total(x) / counts,
        "global_max": lambda x: jnp.max(x, axes, keepdims=True),
        "global_avg": lambda x: jnp.mean(x, axes, keepdims=True),
        "lp": lambda x: jnp.sqrt(total(x * x)),
    }[row.kind]
