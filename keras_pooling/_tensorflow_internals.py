"""All that is used of TensorFlow beyond its public API: where to look when it changes.

Each stands here with the reason. Imported where Keras runs on TensorFlow alone.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record
from tensorflow.python.ops import control_flow_util


def may_be_differentiated() -> bool:
    """Tells whether a tape watches, so that a gradient may be asked for.

    Inside XLA an op cannot see who reads its outputs, as it can outside, and no public
    function tells of tapes.
    """
    return record.could_possibly_record()


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


def is_wanted(op: Any, position: int) -> bool:
    """Tells whether the gradient of an op's input may be read.

    An eager tape knows which inputs it does not watch, but tells it in a private way;
    what a graph has too much of is dropped from it.
    """
    return position not in (getattr(op, "skip_input_indices", None) or ())
