"""All that is used of TensorFlow beyond its public API: where to look when it changes.

Each stands here with the reason. Imported where Keras runs on TensorFlow alone.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import backprop, context, core, record
from tensorflow.python.framework import op_callbacks
from tensorflow.python.ops import control_flow_util

_OTHERS = "other_outputs"  # beside the attributes of an op that a tape keeps


def may_be_differentiated() -> bool:
    """Tells whether a tape watches, so that a gradient may be asked for.

    Inside XLA an op cannot see who reads its outputs, as it can outside, and no public
    function tells of tapes.
    """
    return record.could_possibly_record()


def create_op(
    name: str, inputs: list, types: list, attributes: dict[str, Any], values: Any
) -> tf.Operation:
    """Makes an op in the graph that is being made.

    The public `Graph.create_op()` looks for deprecated arguments, as long as all else
    takes, and tells no tape of the op. A tape keeps `attributes`; `values` are the same
    as a graph has them.
    """
    graph = tf.compat.v1.get_default_graph()
    op = graph._create_op_internal(name, inputs, types, attrs=values)
    if may_be_differentiated():
        first, *others = op.outputs
        kept = _pairs({**attributes, _OTHERS: others})
        backprop.record_gradient(name, op.inputs, kept, [first])
    return op


def run_op(name: str, inputs: list, attributes: dict[str, Any]) -> Any:
    """Runs an op outside of graphs, with these attributes alone; None where that fails.

    It is what TensorFlow's function of the op does first, with all attributes. Why it
    fails, and whether it must, that function knows.
    """
    try:
        return pywrap_tfe.TFE_Py_FastPathExecute(
            context.context(), name, None, *inputs, *_pairs(attributes)
        )
    except (core._FallbackException, core._NotOkStatusException):
        return None


def _pairs(attributes: dict[str, Any]) -> tuple:
    return tuple([part for pair in attributes.items() for part in pair])


def sees_new_ops() -> bool:
    """Tells whether a debugger wants to hear of every op that is made in a graph.

    `create_op()` does not tell it, and TensorFlow's functions of ops do.
    """
    return op_callbacks.should_invoke_op_callbacks()


def inside_xla() -> bool:
    """Tells whether a function is being traced for XLA.

    The public API only says whether one is traced at all, while not everything that
    runs in a graph can be, or should be, compiled by XLA.
    """
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    return control_flow_util.GraphOrParentsInXlaContext(graph)


def taped_attributes(op: Any) -> dict[str, Any] | None:
    """The attributes of what an eager tape has in place of an op; None of a real op.

    Its public `get_attr` looks each one up anew, which takes as long as a small pool.
    """
    pairs = getattr(op, "attrs", None)
    return None if pairs is None else dict(zip(pairs[::2], pairs[1::2], strict=True))


def outputs_of(op: Any) -> list[tf.Tensor]:
    """All outputs of an op, or of what a tape has in its place.

    `create_op` makes the first one known to a tape: for every other, which has no
    gradient, it would make zeros in the graph.
    """
    return [*op.outputs, *(taped_attributes(op) or {}).get(_OTHERS, ())]


def is_wanted(op: Any, position: int) -> bool:
    """Tells whether the gradient of an op's input may be read.

    An eager tape knows which inputs it does not watch, but tells it in a private way;
    what a graph has too much of is dropped from it.
    """
    return position not in (getattr(op, "skip_input_indices", None) or ())
