"""Our functions, whichever Keras backend they run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from row import Row

import keras_pooling as kp
from peers import prepared
from peers.prepared import Unsupported

PARAMETERS = {"soft": "beta", "gem": "p", "global_gem": "p", "mixed": "alpha"}


def pool(row: Row) -> Callable[..., Any]:
    """Returns our function of x, and of a parameter that is learned, for a row."""
    own_names = {"max": "max_pool", "avg": "avg_pool", "max_unpool": "max_unpool"}
    name = own_names.get(row.kind, f"{row.kind}_pool")
    function = getattr(kp.ops, name, None)
    if function is None:
        raise Unsupported(f"keras_pooling has no {name} yet")
    options: dict[str, Any] = {"data_format": row.layout}
    if row.kind == "fractional_max":
        options |= {"pooling_ratio": row.pool_size, "pseudo_random": row.pseudo}
        options |= {"overlapping": False}
    elif row.kind.startswith("global"):
        options["keepdims"] = True
    elif row.kind.startswith("adaptive"):
        options["output_size"] = row.pool_size
    else:
        options |= {"pool_size": row.pool_size, "strides": row.step}
        options |= {"padding": row.padding}
    if row.kind in ("stochastic", "fractional_max"):
        options |= {"seed": (1, 2)}
        # Fractional regions are drawn in both modes, as TensorFlow draws them.
        options["training"] = row.mode == "training" or row.kind == "fractional_max"
    if row.kind == "lp":
        options["p"] = 2.0
    if row.kind == "max_unpool":
        (places,) = prepared.given(row, [prepared.indices(row).astype("int32")])
        options["indices"] = keras.ops.convert_to_tensor(places)
    if row.kind in PARAMETERS:
        name = PARAMETERS[row.kind]
        return lambda x, parameter: function(x, **{name: parameter}, **options)
    return lambda x: function(x, **options)
