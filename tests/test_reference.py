"""The oracle itself, on numbers worked out by hand. Calls nothing of keras_pooling."""

import numpy as np
import pytest
import reference
from reference import sliding


def image(rows) -> np.ndarray:
    return np.array(rows, np.float32)[None, ..., None]


IMAGE = image([[1, 5, 2, 0], [3, 4, 8, 8], [7, 6, 9, 1]])


def test_maxima_and_indices():
    y, indices = reference.max_pool(IMAGE, sliding((3, 4), 2, 1))
    np.testing.assert_array_equal(y[0, ..., 0], [[5, 8, 8], [7, 9, 9]])
    np.testing.assert_array_equal(indices[0, ..., 0], [[1, 6, 6], [8, 10, 10]])
    assert indices.dtype == np.int32


def test_gradient_adds_where_windows_share_their_maximum():
    dy = image([[1, 2, 3], [4, 5, 6]])
    dx = reference.max_pool_gradient(IMAGE, dy, sliding((3, 4), 2, 1))
    np.testing.assert_array_equal(
        dx[0, ..., 0], [[0, 1, 0, 0], [0, 0, 5, 0], [4, 0, 11, 0]]
    )


@pytest.mark.parametrize(
    "taps, winner",
    [
        ([1, 3, 3], 1),
        ([0.0, -0.0, 0.0], 0),
        ([-0.0, 0.0], 0),
        ([5, np.nan, np.inf, np.nan], 1),
        ([-np.inf, np.nan], 1),
        ([-np.inf, -np.inf], 0),
    ],
)
def test_first_nan_or_else_first_greatest_wins(taps, winner):
    x = np.array(taps, np.float32)[None, :, None]
    y, indices = reference.max_pool(x, sliding((len(taps),), len(taps)))
    assert indices.item() == winner
    assert np.float32(y.item()).tobytes() == np.float32(taps[winner]).tobytes()


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, [1, 2.5, 4]),
        ({"count_include_pad": True}, [0.5, 2.5, 4]),
        ({"divisor_override": 4}, [0.25, 1.25, 1]),
    ],
)
def test_divisors(options, expected):
    # One pad before, none after; ceil_mode adds a window that runs past the end.
    # That tap lies neither in the input nor in its padding, so it never counts.
    windows = sliding((4,), 2, padding=((1, 0),), ceil_mode=True)
    x = np.array([1, 2, 3, 4], np.float32)[None, :, None]
    y = reference.avg_pool(x, windows, **options)
    np.testing.assert_array_equal(y.ravel(), expected)


def test_average_gradient():
    windows = sliding((3,), 2, 1, padding="same")
    dy = np.array([2, 4, 6], np.float32)[None, :, None]
    dx = reference.avg_pool_gradient(dy, windows)
    np.testing.assert_array_equal(dx.ravel(), [1, 3, 8])


@pytest.mark.parametrize(
    "size, arguments, starts",
    [
        (7, dict(pool_size=2), [0, 2, 4]),
        (7, dict(pool_size=2, ceil_mode=True), [0, 2, 4, 6]),
        (6, dict(pool_size=3, strides=2, padding="same"), [0, 2, 4]),
        (5, dict(pool_size=3, strides=2, padding="same"), [-1, 1, 3]),
        (5, dict(pool_size=3, strides=1, padding=((2, 1),)), [-2, -1, 0, 1, 2, 3]),
        (9, dict(pool_size=3, strides=2, dilation_rate=3), [0, 2]),
        # A fourth window would start at 5, beyond the last element.
        (5, dict(pool_size=2, padding=1, ceil_mode=True), [-1, 1, 3]),
        (2, dict(pool_size=3, ceil_mode=True, strides=2), [0]),
        (2, dict(pool_size=3), []),
    ],
)
def test_windows_start_where_they_should(size, arguments, starts):
    (axis,) = sliding((size,), **arguments)
    assert [window[0] for window in axis.windows] == starts


@pytest.mark.parametrize(
    "size, out, windows",
    [
        (6, 3, [(0, 1), (2, 3), (4, 5)]),
        (5, 3, [(0, 1), (1, 2, 3), (3, 4)]),
        (2, 4, [(0,), (0,), (1,), (1,)]),
        (4, 1, [(0, 1, 2, 3)]),
    ],
)
def test_adaptive_windows(size, out, windows):
    (axis,) = reference.adaptive((size,), out)
    assert list(axis.windows) == windows


def test_channels_first_is_a_transpose():
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    windows = sliding((4, 5), 2)
    first, _ = reference.max_pool(x, windows, "channels_first")
    last, _ = reference.max_pool(np.moveaxis(x, 1, -1), windows)
    np.testing.assert_array_equal(first, np.moveaxis(last, -1, 1))


def test_unpooling_keeps_the_last_of_equal_indices():
    y, indices = image([[1, 2], [3, 4]]), image([[5, 0], [5, 2]]).astype(int)
    x = reference.max_unpool(y, indices, (2, 3))
    np.testing.assert_array_equal(x[0, ..., 0], [[2, 0, 4], [0, 0, 3]])
    dx = image([[1, 2, 3], [4, 5, 6]])
    dy = reference.max_unpool_gradient(dx, indices)
    np.testing.assert_array_equal(dy[0, ..., 0], [[0, 1], [6, 3]])
