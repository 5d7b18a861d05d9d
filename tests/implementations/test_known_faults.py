"""Forged calls of TensorFlow's ops (`tests/forged.py`): in the kernel, by the shape
function of a graph, and where XLA compiles with shapes that no function sees.
"""

import numpy as np
import pytest
import tensorflow as tf
from forged import FORGED

from keras_pooling.implementations import tensorflow as implementation

ERRORS = (ValueError, TypeError, tf.errors.InvalidArgumentError)
NONE = {"saved": [], "parameter": [], "seed": []}
X = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)


def call(forged, **inputs):
    # By way of the module that registers their gradients.
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in forged.op)
    op = getattr(implementation._library.load(), f"keras_pooling{name}")
    given = {**forged.attributes, **inputs}
    if forged.op == "SelectingPool":
        given["Tap"] = tf.int32
    needed = {"SelectingPool": ["seed"], "BlendingPool": ["parameter"]}
    needed["BlendingPoolGrad"] = ["saved", "parameter"]
    given.update({name: NONE[name] for name in needed.get(forged.op, ())})
    return op(**given)


def eager(forged):
    return call(forged, **forged.inputs)


def in_graph(forged):
    return tf.function(lambda: call(forged, **forged.inputs), autograph=False)()


def in_xla(forged):
    # What XLA must know while it compiles stays a constant.
    known = {k: v for k, v in forged.inputs.items() if k in ("size", "draw", "seed")}
    hidden = {k: v for k, v in forged.inputs.items() if k not in known}
    signature = tf.nest.map_structure(lambda v: tf.TensorSpec(None, v.dtype), hidden)

    @tf.function(input_signature=[signature], jit_compile=True, autograph=False)
    def compiled(hidden):
        return call(forged, **known, **hidden)

    return compiled(tf.nest.map_structure(tf.constant, hidden))


@tf.function(jit_compile=True, autograph=False)
def next_call():
    op = implementation._library.load().keras_pooling_blending_pool
    return op(x=X, parameter=[], window=[2, 2], reduction="avg", regions=[])


@pytest.mark.parametrize("run", [eager, in_graph, in_xla], ids=lambda run: run.__name__)
@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged.id)
def test_a_forged_call_is_an_error_and_the_next_call_works(forged, run):
    with pytest.raises(ERRORS) as caught:
        run(forged)
    message = str(caught.value)
    missing = [word for word in forged.words if word not in message]
    assert not missing, f"no {missing} in: {message}"
    expected = [[2.5, 4.5], [10.5, 12.5]]
    np.testing.assert_array_equal(next_call()[0, :, :, 0], expected)
