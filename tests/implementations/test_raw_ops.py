"""The registered ops, called as no function of ours calls them.

Whatever they are given, they answer with an error that names it; the process lives and
the next call works. Where an op runs must make no difference: eager, in a graph, or
inside XLA.
"""

import numpy as np
import pytest
import tensorflow as tf

from keras_pooling.implementations import tensorflow as implementation

X = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
Y = X[:, ::2, ::2]
TAPS = np.zeros(Y.shape, "uint8")
WINDOW = {"window": [2, 2], "regions": []}
HUGE = 2**31 - 1


def op(name):
    # By way of the module that registers their gradients.
    return getattr(implementation._library.load(), f"keras_pooling_{name}")


def pool(**arguments):
    return op("selecting_pool")(
        **{"x": X, "seed": [], "Tap": tf.uint8, **WINDOW, **arguments}
    )


def pool_grad(**arguments):
    return op("selecting_pool_grad")(
        **{"dy": Y, "taps": TAPS, "size": [4, 4], **WINDOW, **arguments}
    )


def pick(**arguments):
    return op("selecting_pool_pick")(**{"x": X, "taps": TAPS, **WINDOW, **arguments})


def blend(**arguments):
    return op("blending_pool")(**{"x": X, "parameter": [], **WINDOW, **arguments})


def blend_grad(**arguments):
    return op("blending_pool_grad")(
        **{"dy": Y, "size": [4, 4], "saved": [], "parameter": [], **WINDOW, **arguments}
    )


def tap_indices(**arguments):
    return op("tap_indices")(
        **{"taps": TAPS, "size": [4, 4], "Index": tf.int32, **WINDOW, **arguments}
    )


INDICES = np.arange(4, dtype="int32").reshape(Y.shape)


def unpool(**arguments):
    given = {"y": Y, "indices": INDICES, "size": [4, 4], "window": [1, 1]}
    return op("max_unpool")(**{**given, **arguments})


def unpool_grad(**arguments):
    given = {"dx": X, "indices": INDICES, "window": [1, 1]}
    return op("max_unpool_grad")(**{**given, **arguments})


def draw(size, count, rows):
    return op("fractional_regions")(seed=[1, 2], draw=[size, count, rows])


def eager(call):
    return call()


def in_graph(call):
    return tf.function(call, autograph=False)()


def in_xla(call):
    return tf.function(call, autograph=False, jit_compile=True)()


everywhere = pytest.mark.parametrize(
    "run", [eager, in_graph, in_xla], ids=lambda run: run.__name__
)


def assert_refused(run, call, *parts):
    with pytest.raises((ValueError, TypeError, tf.errors.OpError)) as caught:
        run(call)
    message = str(caught.value)
    for part in parts:
        assert part in message
    np.testing.assert_array_equal(run(pool)[0], X[:, 1::2, 1::2])  # the next call works


@everywhere
@pytest.mark.parametrize("reduction", ["max", "stochastic"])
def test_a_blending_gradient_of_a_selecting_reduction_is_refused(run, reduction):
    call = lambda: blend_grad(reduction=reduction, saved=[X, Y])  # noqa: E731
    assert_refused(run, call, "reduction", reduction)


@everywhere
@pytest.mark.parametrize("reduction", ["avg", "lp", "expectation"])
def test_a_blending_reduction_selects_no_tap(run, reduction):
    assert_refused(run, lambda: pool(reduction=reduction), "reduction", reduction)


@everywhere
def test_the_gradient_of_an_expectation_is_said_to_be_composed(run):
    call = lambda: blend_grad(reduction="expectation", saved=[X, Y])  # noqa: E731
    assert_refused(run, call, "expectation", "composed")


@everywhere
@pytest.mark.parametrize(
    "call",
    [
        lambda: pool(geometry="adaptive", window=[HUGE, HUGE], Tap=tf.int32),
        lambda: pool_grad(size=[HUGE, HUGE]),
        lambda: blend(geometry="adaptive", window=[HUGE, HUGE]),
        lambda: unpool(size=[HUGE, HUGE]),
        lambda: draw(HUGE, HUGE, HUGE),
    ],
    ids=["adaptive maxima", "gradient", "adaptive averages", "unpooling", "draw"],
)
def test_what_no_memory_holds_is_refused_before_it_is_compiled(run, call):
    assert_refused(run, call)


@everywhere
@pytest.mark.parametrize("call", [pool_grad, pick, tap_indices])
@pytest.mark.parametrize("tap", [4, 255])
def test_a_tap_outside_its_window_is_an_error(run, call, tap):
    taps = TAPS.copy()
    taps[0, 1, 1, 0] = tap
    message = f"a tap lies outside its window: taps hold {tap} at flat index 3"
    assert_refused(run, lambda: call(taps=taps), message)


@everywhere
@pytest.mark.parametrize("call", [pool_grad, pick, tap_indices])
def test_a_tap_in_the_padding_is_an_error(run, call):
    # Windows of 3 at stride 2, padded by 1: the first holds no tap 0.
    arguments = {"window": [3, 3], "strides": [2, 2], "padding": "EXPLICIT"}
    arguments["pads"] = [1, 1, 1, 1]
    taps = np.full(TAPS.shape, 4, "uint8")
    run(lambda: call(taps=taps, **arguments))
    taps[0, 0, 0, 0] = 0
    message = "a tap lies outside its window: taps hold 0 at flat index 0"
    assert_refused(run, lambda: call(taps=taps, **arguments), message)


@everywhere
@pytest.mark.parametrize("call", [unpool, unpool_grad])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("index", [16, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_an_index_outside_the_plane_is_an_error(run, call, dtype, index):
    if not np.iinfo(dtype).min <= index <= np.iinfo(dtype).max:
        dtype = "int64"
    indices = INDICES.astype(dtype)
    indices[0, 1, 0, 0] = index
    message = f"indices hold {index} at (1, 0) of image 0, channel 0, the plane (4, 4)"
    assert_refused(run, lambda: call(indices=indices), message, "16 elements")


# Not inside XLA, which computes nothing where there is nothing to compute.
@pytest.mark.parametrize("run", [eager, in_graph], ids=lambda run: run.__name__)
def test_an_index_of_an_empty_plane_is_an_error(run):
    assert_refused(run, lambda: unpool(size=[0, 4]), "indices hold 0 at (0, 0)")


@everywhere
@pytest.mark.parametrize(
    ("size", "part"),
    [
        ([-1, 4], "size"),
        ([4, -(2**63)], str(-(2**63))),
        ([4], "size"),
        ([4, 4, 4], "size"),
        ([], "size"),
    ],
)
def test_a_forged_size_of_a_plane_is_refused(run, size, part):
    size = np.array(size, "int64")
    assert_refused(run, lambda: unpool(size=size), part)


@everywhere
@pytest.mark.parametrize("call", [unpool, unpool_grad])
@pytest.mark.parametrize("window", [[], [1], [1, 1, 1], [1] * 4])
def test_another_number_of_axes_is_refused(run, call, window):
    assert_refused(run, lambda: call(window=window))


@everywhere
def test_indices_and_values_of_different_shapes_are_refused(run):
    for name, shape in (("y", (2, 2, 2, 1)), ("y", (1, 2, 2, 3)), ("y", (2, 2, 1))):
        call = lambda name=name, shape=shape: unpool(**{name: np.ones(shape)})  # noqa: E731
        assert_refused(run, call, "Received shape")
    other = np.zeros((1, 4, 4, 2), "float32")
    assert_refused(run, lambda: unpool_grad(dx=other), "indices must have the shape")


@everywhere
@pytest.mark.parametrize(
    "numbers", [(-1, 1, 1), (4, 5, 1), (4, 0, 1), (4, 2**62, 1), (4, 2, -(2**63))]
)
def test_a_forged_draw_is_refused(run, numbers):
    assert_refused(run, lambda: draw(*numbers))


@everywhere
def test_more_regions_than_elements_names_the_arguments_to_change(run):
    assert_refused(run, lambda: draw(4, 5, 1), "output_size", "pooling_ratio", "4", "5")


@everywhere
def test_a_divisor_keeps_all_its_bits(run):
    divisor = 2**24 + 1
    ones = np.full((1, 1, 1, 1), divisor, "float64")
    y = run(lambda: blend(x=ones, window=[1, 1], divisor_override=divisor))
    np.testing.assert_array_equal(y, np.ones_like(ones))


@everywhere
@pytest.mark.parametrize("divisor", [-1, -(2**63), 2**53 + 1])
def test_a_divisor_that_cannot_be_is_refused(run, divisor):
    assert_refused(run, lambda: blend(divisor_override=divisor), "divisor_override")


@everywhere
@pytest.mark.parametrize("p", ["nan", "inf", "-2.0", "0.0", "-1e-320"])
def test_a_p_that_cannot_be_is_refused_with_its_digits(run, p):
    (bits,) = np.array([float(p)]).view("int64").tolist()
    shown = "-9.99989e-321" if p == "-1e-320" else f"{float(p):g}"
    call = lambda: blend(reduction="lp", p_bits=bits)  # noqa: E731
    assert_refused(run, call, f"p={shown}")


@everywhere
@pytest.mark.parametrize(
    "shape, window",
    [((0, 2**26, 1), [2]), ((0, 2**20, 2**20, 1), [2**20, 2**20])],
    ids=["a long axis", "a large plane"],
)
def test_an_empty_batch_costs_nothing(run, shape, window):
    x = np.zeros(shape, "float32")
    arguments = {"window": window, "Tap": tf.int32}
    y = run(lambda: pool(x=x, **arguments))[0]
    assert y.shape[0] == 0


@everywhere
def test_an_empty_batch_with_a_large_adaptive_output_costs_nothing(run):
    x = np.zeros((0, 8, 1), "float32")
    y = run(lambda: blend(x=x, geometry="adaptive", window=[2**27]))
    assert y.shape == (0, 2**27, 1)


@everywhere
def test_an_empty_batch_needs_no_rows_of_regions(run):
    x = np.zeros((0, 4, 1), "float32")
    edges = np.zeros((0, 3), "int64")
    arguments = {"geometry": "regions", "window": [1], "regions": [edges]}
    y = run(lambda: pool(x=x, **arguments))[0]
    assert y.shape == (0, 2, 1)
    taps = np.zeros((0, 2, 1), "uint8")
    indices = run(lambda: tap_indices(taps=taps, size=[4], **arguments))
    assert indices.shape == (0, 2, 1)


def test_strides_and_dilations_have_defaults():
    np.testing.assert_array_equal(
        pool(strides=[2, 2], dilations=[1, 1], padding="VALID")[0], pool()[0]
    )


@everywhere
@pytest.mark.parametrize("count", [1, 3], ids=["one p", "a p for each channel"])
def test_a_parameter_learns(run, count):
    x = np.random.default_rng(0).random((2, 5, 5, 3)) + 0.1
    p = np.linspace(2.0, 4.0, count)

    def value(p):
        p = tf.constant(p, tf.float64) if isinstance(p, np.ndarray) else p
        return blend(x=x, parameter=[p], reduction="gem", strides=[1, 1])

    def value_and_gradient():
        with tf.GradientTape() as tape:
            exponent = tf.constant(p)
            tape.watch(exponent)
            y = value(exponent)
        return y, tape.gradient(y, exponent)

    y, gradient = run(value_and_gradient)
    taps = np.stack([x[:, i : i + 4, j : j + 4] for i in (0, 1) for j in (0, 1)])
    # Powers and roots, and a difference of step² error beside the rounding of y / step.
    np.testing.assert_allclose(y, np.mean(taps**p, 0) ** (1 / p), rtol=1e-12)

    def total(shift):
        return np.sum(run(lambda: value(p + shift)))

    for shift, slope in zip(1e-5 * np.eye(count), gradient.numpy(), strict=True):
        wanted = (total(shift) - total(-shift)) / 2e-5
        np.testing.assert_allclose(slope, wanted, rtol=1e-6)
