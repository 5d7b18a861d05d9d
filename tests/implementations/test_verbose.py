"""KERAS_POOLING_VERBOSE=1: what runs, how, and why not otherwise."""

import pytest
from processes import run_python

CODE = """
import numpy as np
import tensorflow as tf
import keras_pooling as kp

x = tf.ones((2, 24, 20, 3))
for _ in range(2):  # the second time is not told
    for size, strides in ((2, 2), (3, 1), (9, 1)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.max_pool(x, size, strides, "same")
        tape.gradient(y, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = kp.ops.max_pool(x, 5, 1, dilation_rate=2)
    tape.gradient(y, x)
    kp.ops.lp_pool(x, 9, 1)
"""


def lines_of_ours(value):
    """The lines that a process with KERAS_POOLING_VERBOSE=value logs."""
    ran = run_python("-c", CODE, KERAS_POOLING_VERBOSE=value)
    return [s for s in ran.stderr.splitlines() if s.startswith("keras_pooling: ")]


@pytest.fixture(scope="module")
def told():
    return lines_of_ours("1")


def test_every_distinct_call_is_told_once(told):
    assert len(told) == len(set(told)) == 9


def test_a_line_names_the_call_the_way_and_the_instruction_set(told):
    (line,) = [s for s in told if "forward" in s and "windows of 1 x 2 x 2" in s]
    assert line.startswith(
        "keras_pooling: max forward float32, batch 2, channels 3, "
        "1 x 24 x 20 -> 1 x 12 x 10, channels_last, windows of 1 x 2 x 2: "
        "whole windows, on "
    )


@pytest.mark.parametrize(
    ("call", "way", "declined"),
    [
        ("max forward", "1 x 3 x 3: whole windows", "whole windows take fewer steps"),
        ("max forward", "1 x 9 x 9: one axis at a time", ""),
        ("max backward", "1 x 2 x 2: each output writes its taps", ""),
        ("max backward", "1 x 3 x 3: each input gathers", "windows have few taps"),
        ("max backward", "1 x 9 x 9: each output adds to its tap", "windows overlap"),
        ("max backward", "1 x 5 x 5: each input gathers", "windows are dilated"),
        ("lp forward", "1 x 9 x 9: whole windows", "has no such kernel"),
    ],
)
def test_what_was_declined_is_told_with_the_reason(told, call, way, declined):
    (line,) = [s for s in told if call in s and way in s]
    assert declined in line
    assert ("; not " in line) == bool(declined)


@pytest.mark.parametrize("value", ["", "0"])
def test_without_the_switch_nothing_is_told(value):
    assert lines_of_ours(value) == []
