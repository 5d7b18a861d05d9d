"""Fractional pooling: values and gradients over the regions that were drawn."""

import calls
import data
import keras
import numpy as np
import pytest
import reference
import reference_fractional
import tensorflow as tf
import tolerances

import keras_pooling as kp

pytestmark = pytest.mark.usefixtures("each_path")

SHAPES = {
    (3, 11, 4): 1.6,
    (2, 9, 12, 5): (1.44, 1.73),
    (2, 6, 7, 5, 3): (1.5, 1.2, 2.0),
    (1, 25, 25, 20): 2**0.5,
}
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
by_overlap = pytest.mark.parametrize("overlapping", [False, True])
by_kind = pytest.mark.parametrize("pseudo_random", [False, True])
by_rows = pytest.mark.parametrize("regions_per", ["batch", "sample", "channel"])


def move(shape, data_format):
    if data_format == "channels_first":
        return (shape[0], shape[-1], *shape[1:-1])
    return shape


def drawn_edges(shape, ratio, arguments):
    """Reads the regions of a draw from what they make of ramps."""
    arguments = {**arguments, "overlapping": False}
    ramps = reference_fractional.ramps(shape, arguments["data_format"])
    return reference_fractional.edges_from_ramps(
        [kp.ops.fractional_max_pool(x, ratio, **arguments) for x in ramps],
        arguments["data_format"],
    )


@by_shape
@by_format
@by_overlap
@by_kind
@by_rows
def test_values_and_gradients(
    shape, data_format, overlapping, pseudo_random, regions_per
):
    ratio, shape = SHAPES[shape], move(shape, data_format)
    arguments = dict(
        pseudo_random=pseudo_random,
        regions_per=regions_per,
        seed=(5, 6),
        data_format=data_format,
    )
    edges = drawn_edges(shape, ratio, arguments)
    check_rows(edges, regions_per)
    arguments["overlapping"] = overlapping
    rng = data.generator(shape, *map(str, arguments.values()))
    x = rng.permutation(int(np.prod(shape))).reshape(shape).astype("float32") / 4
    each = (edges, overlapping, data_format)

    y, indices = kp.ops.fractional_max_pool(x, ratio, **arguments, return_indices=True)
    for i, actual in enumerate((y, indices)):
        expected = reference_fractional.pool_each(
            lambda *a, i=i: reference.max_pool(*a)[i], x, *each
        )
        tolerances.assert_same_values(actual.numpy(), expected)
    dy = data.whole(y.shape, "float32", rng)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.fractional_max_pool(x, ratio, **arguments), x, dy
    )
    expected = reference_fractional.pool_each(reference.max_pool_gradient, x, *each, dy)
    np.testing.assert_array_equal(dx, expected)

    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.fractional_avg_pool(x, ratio, **arguments), x, dy
    )
    exact = reference_fractional.pool_each(reference.avg_pool, x, *each)
    taps = largest_region(edges, overlapping)
    tolerances.assert_within(y, exact, tolerances.of_sum("float32", taps, exact, exact))

    def gradient(dy):
        return reference_fractional.pool_each(
            lambda x, dy, *a: reference.avg_pool_gradient(dy, *a), x, *each, dy
        )

    # An element is in at most two regions along each axis; one step for the division.
    terms = 2 ** len(edges) + 1
    tolerance = tolerances.of_sum("float32", terms, gradient(dy), gradient(abs(dy)))
    tolerances.assert_within(dx, gradient(dy), tolerance)


def largest_region(edges, overlapping) -> int:
    """A bound on the taps of any region."""
    longest = (np.diff(of_axis, axis=-1).max() + overlapping for of_axis in edges)
    return int(np.prod(list(longest)))


def check_rows(edges, regions_per):
    for of_axis in edges:
        samples, channels, _ = of_axis.shape
        per_sample = {str(of_axis[n, 0]) for n in range(samples)}
        per_channel = {str(of_axis[0, c]) for c in range(channels)}
        if regions_per != "channel":
            assert len(per_channel) == 1
        if regions_per == "batch":
            assert len(per_sample) == 1
    if regions_per == "channel" and channels > 4:  # surely not all the same then
        assert any(
            len(np.unique(e.reshape(-1, e.shape[-1]), axis=0)) > 1 for e in edges
        )


def test_rows_differ_where_they_should():
    shape = (40, 50, 50, 2)
    for regions_per, least in (("batch", 1), ("sample", 20), ("channel", 40)):
        arguments = dict(
            pseudo_random=False,
            regions_per=regions_per,
            seed=(1, 2),
            data_format="channels_last",
        )
        for of_axis in drawn_edges(shape, 1.3, arguments):
            found = len(np.unique(of_axis.reshape(-1, of_axis.shape[-1]), axis=0))
            assert found == 1 if least == 1 else found >= least


@by_format
@by_overlap
@by_kind
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_tensorflow_on_its_own_regions(
    data_format, overlapping, pseudo_random, dtype
):
    rng = data.generator("tensorflow", overlapping, pseudo_random)
    x = rng.permutation(2 * 20 * 23 * 7).reshape(2, 20, 23, 7).astype(dtype) / 8
    arguments = dict(overlapping=overlapping, data_format=data_format)
    for kind in ("max", "avg"):
        theirs = getattr(tf.nn, f"fractional_{kind}_pool_v2", None)
        theirs = theirs or getattr(tf.nn, f"fractional_{kind}_pool")
        with tf.GradientTape() as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            expected, rows, columns = theirs(
                inputs, [1, 1.44, 1.73, 1], pseudo_random, overlapping, seed=17
            )
        dy = rng.standard_normal(expected.shape).astype(dtype)
        expected_dx = tape.gradient(expected, inputs, output_gradients=tf.constant(dy))
        ours = getattr(kp.ops, f"fractional_{kind}_pool")
        y, dx = calls.value_and_gradient(
            lambda x, ours=ours, regions=(rows, columns): ours(
                x, regions=regions, **arguments
            ),
            reference.from_channels_last(x, data_format),
            reference.from_channels_last(dy, data_format),
        )
        y, dx = (reference.to_channels_last(a, data_format) for a in (y, dx))
        # Either side may err: sums of at most 3 · 3 taps of positive numbers, and of
        # what at most 2 · 2 regions send back, each divided once.
        eps = 2 * float(np.finfo(dtype).eps)
        is_avg = kind == "avg"
        tolerances.assert_within(y, expected.numpy(), is_avg * 9 * eps * abs(y))
        bound = (4 + 1) * eps * 4 * np.abs(dy).max()
        tolerances.assert_within(dx, expected_dx.numpy(), bound)


@pytest.mark.parametrize("kind", [list, np.array, tf.constant])
def test_given_regions(kind):
    x = data.generator("given").standard_normal((2, 5, 7, 3)).astype("float32")
    edges = ([0, 1, 2, 5], [0, 4, 7])
    for overlapping in (False, True):
        windows = reference_fractional.axes(edges, overlapping)
        regions = [kind(of_axis) for of_axis in edges]
        arguments = dict(regions=regions, overlapping=overlapping)
        y = kp.ops.fractional_max_pool(x, **arguments)
        np.testing.assert_array_equal(y, reference.max_pool(x, windows)[0])
        y = kp.ops.fractional_avg_pool(x, **arguments)
        exact = reference.avg_pool(x, windows)
        magnitude = reference.avg_pool(abs(x), windows)
        taps = reference.max_taps(windows)
        tolerance = tolerances.of_sum("float32", taps, exact, magnitude)
        tolerances.assert_within(y.numpy(), exact, tolerance)


def test_given_regions_that_only_the_graph_knows():
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, 1)),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def pool(x, edges):
        return kp.ops.fractional_max_pool(x, regions=[edges], overlapping=False)

    x = np.array([3, 1, 4, 1, 5], "float32").reshape(1, 5, 1)
    np.testing.assert_array_equal(pool(x, [0, 2, 4, 5])[0, :, 0], [3, 4, 5])
    for wrong in ([0, 2, 4], [1, 5], [0, 4, 2, 5], [0, 2, 2, 5], [0, 2, 4, 6], [5]):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            pool(x, wrong)
    np.testing.assert_array_equal(pool(x, [0, 5])[0, :, 0], [5])


def test_given_regions_in_a_functional_model(tmp_path):
    inputs = keras.Input((5, 1))
    y = kp.ops.fractional_max_pool(inputs, regions=([0, 2, 5],))
    assert y.shape == (None, 2, 1)
    model = keras.Model(inputs, kp.ops.fractional_avg_pool(y, 1.5))
    x = np.array([3, 1, 4, 1, 5], "float32").reshape(1, 5, 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_without_a_seed_the_regions_are_central():
    x = data.generator("central").standard_normal((2, 9, 9, 3)).astype("float32")
    one = kp.ops.fractional_max_pool(x, 1.7)
    for arguments in (
        dict(training=False),
        dict(training=False, seed=(1, 2)),
        dict(training=False, regions_per="channel", pseudo_random=False),
    ):
        np.testing.assert_array_equal(
            kp.ops.fractional_max_pool(x, 1.7, **arguments), one
        )
    with pytest.raises(ValueError, match="a draw needs the `seed` argument"):
        kp.ops.fractional_max_pool(x, 1.7, training=True)


@by_kind
@by_rows
@pytest.mark.parametrize("known", [(None, 9, 8, 3), (None, None, 8, None), (None,) * 4])
def test_sizes_known_only_when_the_graph_runs(pseudo_random, regions_per, known):
    arguments = dict(pseudo_random=pseudo_random, regions_per=regions_per, seed=(3, 4))

    @tf.function(input_signature=[tf.TensorSpec(known)])
    def pool(x):
        y, indices = kp.ops.fractional_max_pool(
            x, 1.6, **arguments, return_indices=True
        )
        return y, indices, kp.ops.fractional_avg_pool(x, 1.6, **arguments)

    for batch in (2, 1, 0):
        x = data.generator(batch).standard_normal((batch, 9, 8, 3)).astype("float32")
        y, indices, mean = pool(x)
        expected = kp.ops.fractional_max_pool(x, 1.6, **arguments, return_indices=True)
        np.testing.assert_array_equal(y, expected[0])
        np.testing.assert_array_equal(indices, expected[1])
        expected = kp.ops.fractional_avg_pool(x, 1.6, **arguments)
        np.testing.assert_allclose(mean, expected, rtol=1e-6)
    if known[1] is None:
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            pool(np.zeros((1, 1, 8, 3), "float32"))


def test_static_shape_in_a_graph():
    @tf.function(input_signature=[tf.TensorSpec((None, 9, None, 3))])
    def pool(x):
        y = kp.ops.fractional_max_pool(x, 1.6, seed=(1, 2))
        assert y.shape.as_list() == [None, 5, None, 3]
        y = kp.ops.fractional_max_pool(x, output_size=4, seed=(1, 2))
        assert y.shape.as_list() == [None, 4, 4, 3]
        return y

    assert pool(tf.zeros((1, 9, 9, 3))).shape == (1, 4, 4, 3)


@by_rows
def test_under_xla(regions_per):
    x = tf.constant(data.generator("xla").random((2, 9, 8, 3)).astype("float32"))

    @tf.function(jit_compile=True)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kp.ops.fractional_max_pool(
                x, 1.6, seed=(1, 2), regions_per=regions_per, overlapping=False
            )
        return y, tape.gradient(y, x)

    y, dx = step(x)
    assert y.shape == (2, 5, 5, 3)
    np.testing.assert_array_equal(
        np.sort((x * dx)[dx > 0].numpy()), np.sort(y.numpy().ravel())
    )


@pytest.mark.parametrize("dtype", data.FLOATS + data.INTEGERS)
def test_dtypes(dtype):
    x = data.for_max((2, 7, 9, 3), dtype, 9, data.generator(dtype))
    edges = ([0, 2, 4, 7], [0, 3, 5, 9])
    windows = reference_fractional.axes(edges, True)
    y = kp.ops.fractional_max_pool(tf.constant(x), regions=edges)
    tolerances.assert_same_values(y.numpy(), reference.max_pool(x, windows)[0])
    x = abs(data.whole(x.shape, "float32", data.generator(dtype)))
    x = x.astype(data.dtype_of(dtype))
    y = kp.ops.fractional_avg_pool(tf.constant(x), regions=edges).numpy()
    assert y.dtype == (x.dtype if dtype in data.FLOATS else np.float32)
    exact = reference.avg_pool(x.astype(y.dtype), windows)
    taps = reference.max_taps(windows)
    tolerances.assert_within(y, exact, tolerances.of_sum(y.dtype, taps, exact, exact))


@by_rows
def test_gradient_of_the_gradient(regions_per):
    x = tf.constant(data.distinct((2, 7, 6, 3), "float64", data.generator("twice")))
    for function in (kp.ops.fractional_max_pool, kp.ops.fractional_avg_pool):

        def pool(x, function=function):
            return function(x, 1.4, seed=(1, 2), regions_per=regions_per)

        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(pool(x) ** 3)
            total = tf.reduce_sum(inner.gradient(y, x))
        ddx = outer.gradient(total, x)
        # Shifting x by h shifts y by h: Σ dx = Σ 3y², and its slope along 1 is Σ 6y.
        np.testing.assert_allclose(total, tf.reduce_sum(3 * pool(x) ** 2))
        np.testing.assert_allclose(tf.reduce_sum(ddx), tf.reduce_sum(6 * pool(x)))


def test_a_nan_survives_with_its_gradient():
    x = np.arange(36, dtype="float32").reshape(1, 6, 6, 1)
    x[0, 2, 2] = np.nan
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.fractional_max_pool(x, regions=([0, 3, 6], [0, 3, 6])),
        x,
        np.ones((1, 2, 2, 1), "float32"),
    )
    assert np.isnan(y[0, 0, 0, 0]) and dx[0, 2, 2, 0] == 1 and dx.sum() == 4


def test_ratio_one_copies():
    x = data.for_max((2, 4, 5, 3), "float32", 4, data.generator("copy"))
    for arguments in ({}, dict(seed=(1, 2)), dict(seed=(1, 2), pseudo_random=False)):
        y = kp.ops.fractional_max_pool(x, 1, overlapping=False, **arguments)
        np.testing.assert_array_equal(y, x)


WRONG = [
    # What was found once, in TensorFlow or PyTorch.
    ((1, 1, 1, 1), dict(pooling_ratio=1.0000014), "CVE-2021-29550"),
    ((1, 1, 1, 4), dict(pooling_ratio=(1, 1.44, 1.73, 1)), "CVE-2022-21735"),
    ((1, 4, 4, 1), dict(pooling_ratio=0.5), "CVE-2022-41900"),
    ((1, 4, 4, 1), dict(pooling_ratio=(2, 3, 1, 1)), "CVE-2023-25801"),
    ((1, 4, 4, 1), dict(regions=([0, 0, 0], [0, 0, 0])), "CVE-2021-29580"),
    ((1, 4, 4, 1), dict(regions=([-0x4000000, 1, 1], [0, 4])), "CVE-2022-41897"),
    ((1, 4, 4, 1), dict(regions=([0, 2, 4], [0])), "CVE-2021-29578"),
    ((1, 4, 4, 1), dict(regions=([0, -2, 4], [0, 4])), "CVE-2021-37651"),
    ((1, 4, 4, 1), dict(regions=([0, 3, 2, 4], [0, 4])), "CVE-2022-21730"),
    ((1, 4, 4, 1), dict(regions=([0, 2, 5], [0, 4])), "CVE-2022-35963"),
    ((1, 4, 4, 1), dict(pooling_ratio=()), "pytorch#50967"),
    ((1, 4, 4, 1), dict(output_size=0), "pytorch#73624"),
    ((1, 0, 4, 1), dict(pooling_ratio=1.5), "empty axis"),
    ((1, 4, 4, 1), dict(pooling_ratio=4.5), "more than the input"),
    ((1, 4, 3, 1), dict(output_size=(4, 4)), "more than the input"),
    ((1, 4, 4, 1), dict(), "neither"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, output_size=2), "both"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, regions=([0, 4], [0, 4])), "both"),
    ((1, 4, 4, 1), dict(pooling_ratio=float("nan")), "NaN"),
    ((1, 4, 4, 1), dict(pooling_ratio=float("inf")), "infinity"),
    ((1, 4, 4, 1), dict(pooling_ratio=1e38), "huge"),
    ((1, 4, 4, 1), dict(pooling_ratio="1.5"), "text"),
    ((1, 4, 4, 1), dict(pooling_ratio=True), "bool"),
    ((1, 4, 4, 1), dict(pooling_ratio=(1.5, None)), "None"),
    ((1, 4, 4, 1), dict(output_size=2.5), "not an integer"),
    ((1, 4, 4, 1), dict(output_size=10**20), "huge"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, regions_per="image"), "regions_per"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, overlapping="no"), "overlapping"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, pseudo_random=None), "pseudo_random"),
    ((1, 4, 4, 1), dict(pooling_ratio=2, seed=1.5), "seed"),
    ((1, 4, 4, 1), dict(regions=[[0, 4]]), "one axis"),
    ((1, 4, 4, 1), dict(regions=4), "no sequences"),
    ((1, 4, 4, 1), dict(regions=([0, 4], [0.0, 4.0])), "not integers"),
    ((1, 4, 4, 1), dict(regions=([0, 4], None)), "None"),
    ((1, 4, 4, 1), dict(regions=([[0, 4]], [[0, 4]])), "two axes"),
    *(
        ((1, 4, 4, 1), {"regions": ([0, 4], [0, 4]), name: "nonsense"}, name)
        for name in ("regions_per", "training", "seed", "pseudo_random", "overlapping")
    ),
    ((4, 4), dict(pooling_ratio=2), "rank"),
    ((1, 1, 4, 4, 4, 1), dict(pooling_ratio=2), "rank"),
]


@pytest.mark.parametrize("shape, arguments, reason", WRONG)
@pytest.mark.parametrize("name", ["fractional_max_pool", "fractional_avg_pool"])
def test_wrong_calls_say_so_and_life_goes_on(name, shape, arguments, reason):
    pool = getattr(kp.ops, name)
    with pytest.raises(ValueError, match=rf"^{name}: "):
        pool(np.zeros(shape, "float32"), **arguments)
    with pytest.raises(ValueError, match=rf"^{name}: "):
        pool(keras.KerasTensor(shape), **arguments)
    assert pool(tf.zeros((1, 4, 4, 1)), 2).shape == (1, 2, 2, 1)
