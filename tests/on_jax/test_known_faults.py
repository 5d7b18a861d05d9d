"""Forged calls (`tests/forged.py`) of the handler that JAX's programs call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forged import FORGED

import keras_pooling as kp
from keras_pooling.implementations import jax as implementation


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged.id)
def test_a_forged_call_is_an_error_and_the_next_call_works(forged):
    dtype = "int32" if forged.op == "FractionalRegions" else "float32"
    run = jax.ffi.ffi_call(
        implementation._registered(), jax.ShapeDtypeStruct(forged.output, dtype)
    )
    attributes = {k: implementation._attribute(v) for k, v in forged.attributes.items()}
    inputs = [jnp.asarray(x) for x in jax.tree.leaves(list(forged.inputs.values()))]
    program = jax.jit(lambda *inputs: run(*inputs, op=forged.op, **attributes))
    with pytest.raises(jax.errors.JaxRuntimeError) as caught:
        jax.block_until_ready(program(*inputs))
    missing = [word for word in forged.words if word not in str(caught.value)]
    assert not missing, f"no {missing} in: {caught.value}"
    y = kp.ops.max_pool(np.arange(4.0, dtype="float32").reshape(1, 4, 1), 2)
    assert np.ravel(y).tolist() == [1, 3]
