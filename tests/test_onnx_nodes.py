"""The tests of ONNX's own pooling nodes, run against our functions.

The `onnx` package ships them: inputs, attributes and expected outputs. What ONNX calls
otherwise is mapped here; every node is in `channels_first`.
"""

import warnings

import numpy as np
import pytest
from onnx import helper
from onnx.backend.test.loader import load_model_tests

import keras_pooling as kp

FUNCTIONS = {
    "MaxPool": kp.ops.max_pool,
    "AveragePool": kp.ops.avg_pool,
    "LpPool": kp.ops.lp_pool,
    "GlobalMaxPool": kp.ops.global_max_pool,
    "GlobalAveragePool": kp.ops.global_avg_pool,
    "GlobalLpPool": kp.ops.global_lp_pool,
    "MaxUnpool": kp.ops.max_unpool,
}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that other nodes' tests give while they are made
    NODES = load_model_tests(kind="node")
CASES = {
    case.name: case
    for case in NODES
    if case.model is not None and case.model.graph.node[0].op_type in FUNCTIONS
}


def attributes_of(node) -> dict:
    """What a node says, by the names that onnx.helper gives."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def padding_of(given, sizes, window, strides, dilations):
    """ONNX's pads, or its `auto_pad`, as our `padding`."""
    kind = given.get("auto_pad", b"NOTSET").decode()
    if kind == "SAME_UPPER":
        return "same"
    if kind == "VALID":
        return "valid"
    if kind == "NOTSET":
        pads = given.get("pads", [0] * (2 * len(sizes)))
        return tuple(zip(pads[: len(sizes)], pads[len(sizes) :], strict=True))
    pairs = []  # SAME_LOWER: the odd one comes first
    for size, taps, step, dilation in zip(
        sizes, window, strides, dilations, strict=True
    ):
        outputs = -(-size // step)
        total = max((outputs - 1) * step + (taps - 1) * dilation + 1 - size, 0)
        pairs.append((total - total // 2, total // 2))
    return tuple(pairs)


def windows_of(given, sizes):
    """The arguments that all pools with windows have."""
    window = given["kernel_shape"]
    ones = [1] * len(sizes)
    strides, dilations = given.get("strides", ones), given.get("dilations", ones)
    arguments = {
        "pool_size": window,
        "strides": strides,
        "padding": padding_of(given, sizes, window, strides, dilations),
    }
    if any(dilation > 1 for dilation in dilations):
        arguments["dilation_rate"] = dilations
    if given.get("ceil_mode"):
        arguments["ceil_mode"] = True
    return arguments


def onnx_indices(indices, shape, storage_order):
    """Flat indices of a plane as those of the whole tensor, or by columns."""
    indices = np.asarray(indices, "int64")
    sizes = shape[2:]
    places = np.unravel_index(indices, sizes)
    planes = np.arange(np.prod(shape[:2])).reshape(*shape[:2], *[1] * len(sizes))
    order = "F" if storage_order else "C"
    return planes * np.prod(sizes) + np.ravel_multi_index(places, sizes, order=order)


def run(node, inputs):
    """Our outputs for a node's inputs."""
    x, *others = inputs
    given, sizes = attributes_of(node), x.shape[2:]
    function, options = FUNCTIONS[node.op_type], {"data_format": "channels_first"}
    if node.op_type.startswith("Global"):
        if "p" in given:
            options["p"] = given["p"]
        return [function(x, keepdims=True, **options)]
    if node.op_type == "MaxUnpool":
        indices, *shapes = others
        window, steps = given["kernel_shape"], given["strides"]
        plane = [
            (size - 1) * step + taps
            for size, step, taps in zip(sizes, steps, window, strict=True)
        ]
        y = function(x, indices % np.prod(plane), window, steps, **options)
        # Indices are those of the smallest plane, which is the corner of a larger one.
        shape = shapes[0] if shapes else y.shape
        return [np.pad(y, [(0, n - m) for n, m in zip(shape, y.shape, strict=True)])]
    options |= windows_of(given, sizes)
    if node.op_type == "LpPool":
        return [function(x, p=given.get("p", 2), **options)]
    if node.op_type == "AveragePool":
        flag = bool(given.get("count_include_pad", 0))
        return [function(x, count_include_pad=flag, **options)]
    if len(node.output) < 2:
        return [function(x, **options)]
    y, indices = function(x, return_indices=True, **options)
    return [y, onnx_indices(indices, x.shape, given.get("storage_order", 0))]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_onnx_node(case):
    (node,) = case.model.graph.node
    for inputs, outputs in case.data_sets:
        for y, expected in zip(run(node, inputs), outputs, strict=True):
            np.testing.assert_allclose(y, expected, rtol=case.rtol, atol=case.atol)


def test_every_pooling_node_of_onnx_is_there():
    assert len(CASES) >= 53
    assert {c.model.graph.node[0].op_type for c in CASES.values()} == {*FUNCTIONS} - {
        "GlobalLpPool"  # which has no test
    }
