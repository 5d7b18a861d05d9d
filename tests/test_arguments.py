"""The plain-integer rules: sizes against PyTorch's and TensorFlow's words, messages."""

import itertools

import cases
import keras
import numpy as np
import pytest
import reference

import keras_pooling as kp
from keras_pooling.arguments import (
    LARGEST,
    AdaptiveWindows,
    SlidingWindows,
    fractional_windows,
    index_dtype,
    known_rank,
    sliding_windows,
)
from keras_pooling.ops import dispatch


def windows(pool_size, strides=None, padding="valid", dilation_rate=1, **kwargs):
    return sliding_windows(1, pool_size, strides, padding, dilation_rate, **kwargs)


def pooled_shape(made, shape, data_format="channels_last"):
    return dispatch.plan(shape, made, data_format, keepdims=True).shape


@pytest.mark.parametrize("case", cases.EVERY_CASE, ids=str)
def test_sizes_of_the_catalogue(case):
    made = sliding_windows(
        case.rank,
        case.pool_size,
        case.strides,
        case.padding,
        case.dilation_rate,
        case.ceil_mode,
    )
    shape = pooled_shape(made, case.shape, case.data_format)
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
                    pooled_shape(made, (1, size, 1))


def test_unknown_sizes_stay_unknown():
    made = sliding_windows(2, 3, 2, "same", 1, False)
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


def test_adaptive_windows_of_one_size_are_sliding_ones():
    for size, wanted in itertools.product(range(1, 20), range(1, 20)):
        regular = AdaptiveWindows((wanted,)).regular((size,))
        (axis,) = reference.adaptive((size,), wanted)
        taps = [tap for window in axis.windows for tap in window]
        assert (regular is not None) == (taps == list(range(size)))
        if regular:
            assert reference.sliding((size,), regular.pool_size)[0].windows == (
                axis.windows
            )
    assert AdaptiveWindows((2, 2)).regular((4, None)) is None


def test_huge_windows_take_no_time():
    made = windows(LARGEST, LARGEST, "same")
    assert made.output_sizes((10,)) == (1,)
    made = windows(2, 1, LARGEST - 1, LARGEST - 1)  # 2³¹ - 1 windows, the second empty
    assert "steps over the input (1,)" in made.misfit((1,))[0]


def test_padding_forms():
    forms = [1, (1, 1), [[1, 1], 1], ((1, 1), (1, 1)), np.array([1, 1]), np.int64(1)]
    for padding in forms:
        made = sliding_windows(2, 3, None, padding, 1, False)
        assert made.padding == ((1, 1), (1, 1))
        assert all(type(n) is int for n in itertools.chain(*made.padding))
    made = sliding_windows(1, 3, None, ((2, 0),), 1, False)
    assert made == SlidingWindows((3,), (3,), (1,), ((2, 0),))
    assert sliding_windows(1, 3, padding="SAME").padding == "same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pool_size": 0}, "`pool_size` argument must be positive. Received pool_size"),
        ({"pool_size": (2, -1)}, "pool_size=(2, -1), including -1"),
        ({"pool_size": (2, 2, 2)}, "an integer, or a tuple of 2 such entries"),
        ({"pool_size": ()}, "an integer, or a tuple of 2 such entries"),
        ({"pool_size": 2.5}, "including 2.5 of type float"),
        ({"pool_size": "2"}, "pool_size='2'"),
        ({"pool_size": True}, "including True of type bool"),
        (
            {"pool_size": 10**20},
            "must be at most 2147483647",
        ),  # CVE-2022-35941, tensorflow#61601
        ({"pool_size": 1e38}, "including 1e+38 of type float"),
        ({"strides": 0}, "must be positive. Received strides=0. Use for example"),
        ({"strides": (1, None)}, "including None of type NoneType"),
        ({"dilation_rate": (1, 2**31)}, "including 2147483648"),
        ({"padding": "sane"}, "padding='sane'"),
        ({"padding": -1}, "must not be negative. Received padding=-1"),
        ({"padding": "full"}, 'Use padding="same", or an integer'),
        ({"padding": 2}, "must be smaller than the window"),
        ({"padding": ((0, 1, 2), 0)}, "(before, after) pair, or a tuple of 2 such"),
        ({"padding": None}, "including None"),
        ({"padding": 0.5}, "including 0.5"),
        ({"ceil_mode": 1}, "`ceil_mode` argument must be True or False"),
    ],
    ids=str,
)
def test_wrong_arguments_name_call_finding_and_value(arguments, words):
    with pytest.raises(ValueError) as error:
        sliding_windows(2, **{"pool_size": 2, **arguments})
    assert words in str(error.value)


def test_the_call_is_named_once_at_the_border():
    x = np.zeros((1, 4, 4, 1))
    for call, use in (
        ("LpPool2D", lambda: kp.LpPool2D(0)),
        ("GlobalLpPool", lambda: kp.GlobalLpPool(p=0)),
        ("GlobalAveragePooling1D", lambda: kp.GlobalAvgPool1D(keepdims=1)),
        ("StochasticPool", lambda: kp.StochasticPool(seed="a")),
        ("FractionalMaxPool", lambda: kp.FractionalMaxPool(2, inference="mean")),
        ("FractionalAvgPool2D", lambda: kp.FractionalAvgPool2D(0.5)),
        ("lp_pool", lambda: kp.ops.lp_pool(x, 0)),
        ("lp_pool", lambda: kp.ops.lp_pool(keras.KerasTensor(x.shape), 0)),
        ("avg_pool", lambda: kp.ops.average_pool(x, 5)),
        ("fractional_max_pool", lambda: kp.ops.fractional_max_pool(x, 9)),
        ("MyPool", lambda: MyPool(ceil_mode=1)),
    ):
        with pytest.raises(ValueError) as error:
            use()
        assert str(error.value).startswith(f"{call}: ")
        assert str(error.value).count(f"{call}: ") == 1


class MyPool(kp.MaxPool2D):
    def __init__(self, **kwargs):
        super().__init__(2, **kwargs)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda: kp.MaxPool1D(padding=(1, 2)),
            "MaxPooling1D: the `padding` argument must be an integer or a (before, "
            "after) pair, or a tuple of 1 such entries. Received padding=(1, 2). Use "
            "padding=((1, 2),) for what comes before and after the axis.",
        ),
        (
            lambda: kp.MaxPool2D(kernel_size=3),
            "MaxPooling2D: there is no `kernel_size` argument. Received kernel_size=3. "
            "Use pool_size=3.",
        ),
        (
            lambda: kp.ops.avg_pool(np.zeros((1, 2, 1)), 2, stride=1),
            "avg_pool: there is no `stride` argument. Received stride=1. Use "
            "strides=1.",
        ),
        (
            lambda: kp.AvgPool3D(data_format="NDHWC"),
            "AveragePooling3D: the `data_format` argument must be one of "
            "'channels_last', 'channels_first'. Received data_format='NDHWC'. Use "
            'data_format="channels_last".',
        ),
        (
            lambda: kp.ops.global_max_pool(np.zeros((1, 2, 1)), "ncw"),
            "global_max_pool: the `data_format` argument must be one of "
            "'channels_last', 'channels_first'. Received data_format='ncw'. Use "
            'data_format="channels_first".',
        ),
        (
            lambda: kp.MaxPool2D(padding="full"),
            "MaxPooling2D: the `padding` argument must be 'valid', 'same', an integer, "
            "or one integer or (before, after) pair per spatial axis. Received "
            "padding='full'. Use padding=\"same\", or an integer to add as many "
            "elements on every side.",
        ),
        (
            lambda: kp.MaxPool2D((2, 0)),
            "MaxPooling2D: the `pool_size` argument must be positive. Received "
            "pool_size=(2, 0), including 0. Use for example pool_size=1.",
        ),
        (
            lambda: kp.ops.fractional_max_pool(np.zeros((1, 8, 1)), regions=[[0, 7]]),
            "fractional_max_pool: the `regions` argument must hold, for each spatial "
            "axis, integers that ascend from 0 to the size of the axis. Received for "
            "axis 0, whose size is 8: [0, 7], which ends at 7. Begin with 0, end with "
            "8, and let every number be greater than the one before.",
        ),
    ],
)
def test_messages_name_the_remedy(use, message):
    with pytest.raises(ValueError) as error:
        use()
    assert str(error.value) == message


def test_an_unknown_argument_is_reported_with_the_function():
    x = np.zeros((1, 2, 1))
    for inputs in (x, keras.KerasTensor(x.shape)):
        with pytest.raises(TypeError, match=r"max_pool\(\) got .* 'foo'"):
            kp.ops.max_pool(inputs, 2, foo=1)
        with pytest.raises(TypeError, match=r"max_pool\(\) missing .* 'pool_size'"):
            kp.ops.max_pool(inputs)
    with pytest.raises(TypeError, match=r"max_pool\(\) missing .* 'inputs'"):
        kp.ops.max_pool()


def test_the_message_for_a_window_larger_than_the_input():
    with pytest.raises(ValueError) as error:
        kp.LpPool2D(5, 1).compute_output_shape((1, 3, 4, 8))
    assert str(error.value) == (
        'LpPool2D: window (5, 5) is larger than the input (3, 4) with padding="valid". '
        "Received shape=(1, 3, 4, 8), strides=(1, 1). "
        'Use padding="same" or a smaller pool_size.'
    )


def test_an_empty_spatial_axis_is_refused():  # keras#16491
    for made in (windows(2, padding="same"), AdaptiveWindows((1,))):
        with pytest.raises(ValueError, match="empty spatial axis"):
            pooled_shape(made, (2, 0, 3))


def test_the_rank_comes_from_any_sequence():
    assert known_rank(pool_size=2, strides=None, padding="same") is None
    assert known_rank(pool_size=2, strides=(1, 1), padding="same") == 2
    assert known_rank(pool_size=2, padding=((1, 0), (0, 1), (0, 0))) == 3
    assert known_rank(pool_size=np.int32(2), strides=np.array(1)) is None


def test_without_a_rank_one_number_stands_for_every_axis():
    free = sliding_windows(None, 3, 2, 1, 1, True)
    assert free == SlidingWindows(3, 2, 1, 1, True) and free.rank is None
    assert free.of_rank(2) == sliding_windows(2, 3, 2, 1, 1, True)
    assert sliding_windows(None, 3, (2, 1)) == sliding_windows(2, 3, (2, 1))
    ratio = fractional_windows(None, 1.5)
    assert ratio.rank is None
    assert ratio.of_rank(3) == fractional_windows(3, 1.5)
    count = fractional_windows(None, output_size=4)
    assert count.of_rank(1) == fractional_windows(1, output_size=4)
    assert AdaptiveWindows(1).of_rank(2) == AdaptiveWindows((1, 1))


def test_index_type_holds_the_last_index_of_the_plane():
    assert index_dtype((2**16, 2**15)) == "int32"
    assert index_dtype((2**16, 2**15 + 1)) == "int64"
    assert index_dtype((None, 2)) == "int64"
