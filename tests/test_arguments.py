"""The plain-integer rules: sizes against PyTorch's and TensorFlow's words, messages."""

import itertools

import cases
import numpy as np
import pytest
import reference

from keras_pooling.arguments import (
    LARGEST,
    AdaptiveWindows,
    SlidingWindows,
    index_dtype,
    known_rank,
    pooled_shape,
    sliding_windows,
)


def windows(pool_size, strides=None, padding="valid", dilation_rate=1, **kwargs):
    return sliding_windows(
        "MaxPool1D", 1, pool_size, strides, padding, dilation_rate, **kwargs
    )


@pytest.mark.parametrize("case", cases.EVERY_CASE, ids=str)
def test_sizes_of_the_catalogue(case):
    made = sliding_windows(
        "call",
        case.rank,
        case.pool_size,
        case.strides,
        case.padding,
        case.dilation_rate,
        case.ceil_mode,
    )
    shape = pooled_shape("call", made, case.shape, case.data_format)
    assert shape == case.output_shape
    assert made.rank == case.rank
    taps = [len(window) for axis in case.windows for window in axis.windows[:1]]
    assert made.max_taps(case.sizes) == np.prod(taps)


def test_every_window_has_a_tap_or_the_input_is_refused():
    # Every small combination: what the arithmetic says is what counting says.
    grid = itertools.product(
        (1, 2, 3, 5), (1, 2, 3), (1, 2, 4, 7), (1, 2, 3, 4, 6), (False, True)
    )
    for pool_size, stride, dilation, size, ceil_mode in grid:
        extent = (pool_size - 1) * dilation + 1
        sides = itertools.product({0, extent // 2, extent - 1}, {0, extent - 1})
        for padding in ("valid", "same", *((pair,) for pair in sides)):
            made = windows(pool_size, stride, padding, dilation, ceil_mode=ceil_mode)
            axis = made.axis(0, size)
            firsts = [i * stride - axis[1] for i in range(axis[0])]
            inside = [
                any(0 <= first + j * dilation < size for j in range(pool_size))
                for first in firsts
            ]
            fits = bool(inside) and all(inside)
            assert (made.misfit((size,)) is None) == fits, (made, size)
            if fits:
                assert made.output_sizes((size,)) == (len(firsts),)
            else:
                with pytest.raises(ValueError, match="window"):
                    made.output_sizes((size,))


def test_unknown_sizes_stay_unknown():
    made = sliding_windows("call", 2, 3, 2, "same", 1, False)
    assert made.output_sizes((None, 7)) == (None, 4)
    assert AdaptiveWindows((1, None)).output_sizes((None, None)) == (1, None)


def test_ceil_mode_keeps_a_clipped_window_and_drops_one_outside():
    assert windows(2, 2, ceil_mode=True).output_sizes((5,)) == (3,)
    # pytorch#45357, #36977: the third window would start in the padding after.
    assert windows(2, 2, 1, ceil_mode=True).output_sizes((3,)) == (2,)
    assert windows(5, 3, ceil_mode=True).output_sizes((3,)) == (1,)


def test_largest_adaptive_window():
    for size, wanted in itertools.product(range(1, 30), range(1, 30)):
        taps = AdaptiveWindows((wanted,)).max_taps((size,))
        (axis,) = reference.adaptive((size,), wanted)
        assert taps == max(len(window) for window in axis.windows)
    assert AdaptiveWindows((2,)).max_taps((None,)) is None


def test_huge_windows_take_no_time():
    made = windows(LARGEST, LARGEST, "same")
    assert made.output_sizes((10,)) == (1,)
    made = windows(2, 1, LARGEST - 1, LARGEST - 1)  # 2³¹ - 1 windows, the second empty
    assert "steps over the input (1,)" in made.misfit((1,))[0]


def test_padding_forms():
    forms = [1, (1, 1), [[1, 1], 1], ((1, 1), (1, 1)), np.array([1, 1]), np.int64(1)]
    for padding in forms:
        made = sliding_windows("call", 2, 3, None, padding, 1, False)
        assert made.padding == ((1, 1), (1, 1))
        assert all(type(n) is int for n in itertools.chain(*made.padding))
    made = sliding_windows("call", 1, 3, None, ((2, 0),), 1, False)
    assert made == SlidingWindows((3,), (3,), (1,), ((2, 0),))
    assert sliding_windows("call", 1, 3, padding="SAME").padding == "same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pool_size": 0}, "`pool_size` argument must hold integers from 1"),
        ({"pool_size": (2, -1)}, "pool_size=(2, -1), including -1"),
        ({"pool_size": (2, 2, 2)}, "a tuple of 2 integers"),
        ({"pool_size": ()}, "a tuple of 2 integers"),
        ({"pool_size": 2.5}, "including 2.5 of type float"),
        ({"pool_size": "2"}, "pool_size='2'"),
        ({"pool_size": True}, "including True of type bool"),
        ({"pool_size": 10**20}, "to 2147483647"),  # CVE-2022-35941, tensorflow#61601
        ({"pool_size": 1e38}, "including 1e+38 of type float"),
        ({"strides": 0}, "`strides` argument must hold integers from 1"),
        ({"strides": (1, None)}, "including None of type NoneType"),
        ({"dilation_rate": 2**31}, "including 2147483648"),
        ({"padding": "sane"}, "padding='sane'"),
        ({"padding": -1}, "including -1"),
        ({"padding": 2}, "must be smaller than the window"),
        ({"padding": ((0, 1, 2), 0)}, "a tuple of 2 integers or (before, after)"),
        ({"padding": None}, "including None"),
        ({"padding": 0.5}, "including 0.5"),
        ({"ceil_mode": 1}, "`ceil_mode` argument must be True or False"),
    ],
    ids=str,
)
def test_wrong_arguments_name_call_finding_and_value(arguments, words):
    with pytest.raises(ValueError) as error:
        sliding_windows("LpPool2D", 2, **{"pool_size": 2, **arguments})
    assert str(error.value).startswith("LpPool2D: ")
    assert words in str(error.value)


def test_the_message_for_a_window_larger_than_the_input():
    made = sliding_windows("LpPool2D", 2, 5, 1)
    with pytest.raises(ValueError) as error:
        pooled_shape("LpPool2D", made, (1, 3, 4, 8), "channels_last")
    assert str(error.value) == (
        'LpPool2D: window (5, 5) is larger than the input (3, 4) with padding="valid". '
        "Received shape=(1, 3, 4, 8), strides=(1, 1). "
        'Use padding="same" or a smaller pool_size.'
    )


def test_an_empty_spatial_axis_is_refused():  # keras#16491
    for made in (windows(2, padding="same"), AdaptiveWindows((1,))):
        with pytest.raises(ValueError, match="empty spatial axis"):
            pooled_shape("call", made, (2, 0, 3), "channels_last")


def test_the_rank_comes_from_any_sequence():
    assert known_rank(2, None, "same", 1) is None
    assert known_rank(2, (1, 1), "same", 1) == 2
    assert known_rank(2, None, ((1, 0), (0, 1), (0, 0)), 1) == 3
    assert known_rank(np.int32(2), None, "same", np.array(1)) is None


def test_index_type_holds_the_last_index_of_the_plane():
    assert index_dtype((2**16, 2**15)) == "int32"
    assert index_dtype((2**16, 2**15 + 1)) == "int64"
    assert index_dtype((None, 2)) == "int64"
