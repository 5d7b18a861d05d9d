"""Where fractional regions fall: exact edges, the gap rule, how often each is drawn."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import reference_fractional
import tensorflow as tf

import keras_pooling as kp
from keras_pooling.arguments import fractional_windows
from keras_pooling.implementations.portable import random as portable_random
from keras_pooling.ops import dispatch

each_path = pytest.mark.usefixtures("each_path")
SEED = (11, 22)
DRAWS = 21_000


def regions(size, count, rows=1, seed=SEED, pseudo_random=True, axis=0) -> np.ndarray:
    draw = dispatch.implementation_of(tf.zeros((1, 1, 1))).fractional_regions
    seed = tf.constant(seed, tf.int64)
    edges = draw(size, count, rows, seed, pseudo_random, axis)
    assert edges.dtype == tf.int64
    return edges.numpy()


def test_no_offset_breaks_the_gap_rule():
    # 10⁵ sizes, counts and u, each u also at both ends of its interval. Every offset is
    # ceil(size · u) of some u in (0, 1].
    rng = np.random.default_rng(0)
    triples = 0
    for _ in range(1000):
        size = int(10 ** rng.uniform(0, 4.5))
        count = int(rng.integers(max(1, size // 40), size + 1))
        inner = rng.integers(1, size + 1, 98)
        offsets = np.array([1, size, *inner])[:, None]
        edges = portable_random.pseudo_random_edges(size, count, offsets)
        gaps = np.diff(edges, axis=-1)
        assert (edges[:, 0] == 0).all() and (edges[:, -1] == size).all()
        assert gaps.min() >= size // count and gaps.max() <= -(-size // count)
        triples += len(offsets)
    assert triples == 10**5


def test_edges_are_those_of_exact_fractions():
    rng = np.random.default_rng(1)
    for _ in range(300):
        size = int(rng.integers(1, 60))
        count = int(rng.integers(1, size + 1))
        # Any u in (0, 1], its ends included, is rounded up to a multiple of 1 / size.
        for u in (Fraction(int(rng.integers(1, 10**9)), 10**9), Fraction(1, 10**9), 1):
            offset = np.array([[-(-size * Fraction(u) // 1)]]).astype(int)
            edges = portable_random.pseudo_random_edges(size, count, offset)
            expected = reference_fractional.pseudo_random_edges(size, count, u)
            assert tuple(edges[0]) == expected


def test_edges_of_sizes_beyond_32_bits():
    size, count = 2**31 + 11, 3
    edges = portable_random.pseudo_random_edges(size, count, np.array([[size]]))
    assert edges.tolist() == [
        list(reference_fractional.pseudo_random_edges(size, count, Fraction(1)))
    ]


def test_edges_divide_no_negative_number():
    # ONNX truncates where NumPy and TensorFlow floor: a graph that truncates must give
    # the same edges.
    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 3)
    def edges(size, count, offset):
        offset = tf.reshape(offset, (1, 1))
        return portable_random.pseudo_random_edges(size, count, offset)

    definition = edges.get_concrete_function().graph.as_graph_def()
    for node in definition.node:
        other = {"FloorDiv": "TruncateDiv", "FloorMod": "TruncateMod"}
        node.op = other.get(node.op, node.op)
    inputs = [n.name for n in definition.node if n.op == "Placeholder"]
    with tf.Graph().as_default() as graph:
        names = [f"{name}:0" for name in (*inputs, "Identity")]
        *feeds, result = tf.import_graph_def(definition, return_elements=names)
        with tf.compat.v1.Session(graph=graph) as session:
            for size, count, offset in ((5, 2, 1), (7, 3, 4), (25, 17, 25), (9, 9, 5)):
                values = dict(zip(feeds, (size, count, offset), strict=True))
                expected = reference_fractional.pseudo_random_edges(
                    size, count, Fraction(offset, size)
                )
                assert session.run(result, values).tolist() == [list(expected)]


def sizes_and_counts():
    """All small ones, and some large."""
    yield from ((size, count) for size in range(1, 40) for count in range(1, size + 1))
    rng = np.random.default_rng(2)
    for size in rng.integers(40, 10**4, 50).tolist():
        yield size, int(rng.integers(1, size + 1))


def test_central_edges_are_the_nearest_integers():
    for size, count in sizes_and_counts():
        edges = portable_random.central_regions(size, count, "nearest").numpy()
        # Of two that are as near, the lower one: |2 · edge · count − 2 · size · i|.
        exact = size * np.arange(count + 1)
        below = exact // count
        lower_is_nearer = exact - below * count <= (below + 1) * count - exact
        np.testing.assert_array_equal(
            edges, [np.where(lower_is_nearer, below, below + 1)]
        )
        reference_fractional.assert_gap_rule(edges[0].tolist(), size, count)
        u = Fraction(count, 2 * size)
        expected = reference_fractional.pseudo_random_edges(size, count, u)
        assert edges.tolist() == [list(expected)]


def test_central_edges_of_version_0_1_0_have_u_one_half():
    for size, count in sizes_and_counts():
        edges = portable_random.central_regions(size, count, "half").numpy()
        u = Fraction(1, 2)
        expected = reference_fractional.pseudo_random_edges(size, count, u)
        assert edges.tolist() == [list(expected)]


WORDS = (0, 1, 2**31 + 5, 2**32 - 1)


def fixed(size, count, word, pseudo_random=True, axis=0) -> np.ndarray:
    edges = portable_random.fixed_regions(size, count, word, pseudo_random, axis)
    assert edges.dtype == tf.int64 and edges.shape[0] == 1
    return edges.numpy()[0]


@pytest.mark.parametrize("pseudo_random", [True, False])
def test_fixed_regions_keep_the_gap_rule(pseudo_random):
    for size, count in ((1, 1), (7, 7), (7, 1), (10, 3), (25, 17), (1000, 577)):
        for word in (*WORDS, *range(2, 20)):
            for axis in range(3):
                edges = fixed(size, count, word, pseudo_random, axis).tolist()
                reference_fractional.assert_gap_rule(edges, size, count)


@pytest.mark.parametrize("pseudo_random", [True, False])
def test_central_and_fixed_regions_of_sizes_and_words_that_a_graph_finds(pseudo_random):
    spec = tf.TensorSpec([], tf.int64)

    @tf.function(input_signature=[spec] * 3)
    def found(size, count, word):
        central = portable_random.central_regions(size, count, "nearest")
        half = portable_random.central_regions(size, count, "half")
        fixed = portable_random.fixed_regions(size, count, word, pseudo_random, 1)
        return central, half, fixed

    for size, count in ((1, 1), (7, 7), (7, 1), (10, 3), (25, 17), (1000, 577)):
        for word in WORDS:
            central, half, regions = found(size, count, word)
            for edges, central_as in ((central, "nearest"), (half, "half")):
                known = portable_random.central_regions(size, count, central_as)
                np.testing.assert_array_equal(edges, known)
            known = fixed(size, count, word, pseudo_random, 1)
            np.testing.assert_array_equal(regions[0], known)
            of_size = tf.function(  # as an exported graph is made
                lambda size, count=count, word=word: portable_random.fixed_regions(
                    size, count, word, pseudo_random, 1
                ),
                input_signature=[spec],
            )
            np.testing.assert_array_equal(of_size(size)[0], known)
            of_word = tf.constant(word, tf.int64)
            np.testing.assert_array_equal(
                fixed(size, count, of_word, pseudo_random, 1), known
            )


@pytest.mark.parametrize("step", [1, 10, 4001])
@pytest.mark.parametrize("axis", [0, 2])
def test_fixed_regions_of_all_words_are_as_likely_as_draws(axis, step):
    words = range(0, step * 6000, step)
    for size, count in ((7, 5), (25, 17)):
        chances = reference_fractional.chances_of_pseudo_random(size, count)
        edges = [fixed(size, count, word, True, axis) for word in words]
        check_frequencies(np.stack(edges), chances)
    for size, count in ((8, 6), (11, 5), (16, 7)):
        chances = reference_fractional.chances_of_random(size, count)
        edges = [fixed(size, count, word, False, axis) for word in words]
        check_frequencies(np.stack(edges), chances)


@pytest.mark.parametrize("pseudo_random", [True, False])
def test_fixed_regions_of_words_and_axes_do_not_depend_on_each_other(pseudo_random):
    size, count = 7, 4
    chances_of = (
        reference_fractional.chances_of_pseudo_random
        if pseudo_random
        else reference_fractional.chances_of_random
    )
    chances = chances_of(size, count)
    pairs = {(a, b): chances[a] * chances[b] for a in chances for b in chances}
    outcomes = sorted(pairs)
    of_axis = [
        [tuple(fixed(size, count, word, pseudo_random, axis)) for word in range(6001)]
        for axis in range(3)
    ]
    for one, other in (
        (of_axis[0][1:], of_axis[0][:-1]),  # neighbouring words
        (of_axis[0], of_axis[1]),
        (of_axis[0], of_axis[2]),
        (of_axis[1], of_axis[2]),
    ):
        counts = Counter(zip(one, other, strict=True))
        assert reference_fractional.chi_square_is_likely(
            [counts[pair] for pair in outcomes], [pairs[pair] for pair in outcomes]
        )


def test_no_two_regions_are_as_long_by_the_same_number():
    # The numbers that order the gaps differ, so that their order is one.
    index = np.arange(10**6, dtype="int32")
    numbers = portable_random.scrambled(index, 12345, 0)
    assert len(np.unique(numbers)) == 10**6 and numbers.min() >= 0


@each_path
@pytest.mark.parametrize("pseudo_random", [True, False])
def test_draws_keep_the_gap_rule(pseudo_random):
    for size, count in ((1, 1), (7, 7), (7, 1), (10, 3), (25, 17), (1000, 577)):
        for edges in regions(size, count, 50, pseudo_random=pseudo_random):
            reference_fractional.assert_gap_rule(edges.tolist(), size, count)


@each_path
@pytest.mark.parametrize(
    ("size", "count"), [(8, 7), (11, 5), (8, 6), (14, 12), (16, 7), (25, 7)]
)
@pytest.mark.parametrize("axis", [0, 2])
def test_every_order_of_gaps_is_as_likely(size, count, axis):
    chances = reference_fractional.chances_of_random(size, count)
    check_frequencies(regions(size, count, DRAWS, SEED, False, axis), chances)


@each_path
@pytest.mark.parametrize(("size", "count"), [(7, 5), (9, 4), (13, 9), (25, 17)])
@pytest.mark.parametrize("axis", [0, 2])
def test_every_pseudo_random_offset_is_as_likely(size, count, axis):
    chances = reference_fractional.chances_of_pseudo_random(size, count)
    check_frequencies(regions(size, count, DRAWS, SEED, True, axis), chances)


def check_frequencies(edges, chances):
    counts = Counter(map(tuple, edges.tolist()))
    assert set(counts) <= set(chances)
    outcomes = sorted(chances)
    assert reference_fractional.chi_square_is_likely(
        [counts[outcome] for outcome in outcomes], [chances[o] for o in outcomes]
    )


@each_path
@pytest.mark.parametrize("pseudo_random", [True, False])
def test_seeds_axes_and_rows_draw_for_themselves(pseudo_random):
    def draw(seed, axis):
        return regions(1000, 601, 40, seed, pseudo_random, axis)

    one = draw((1, 0), 0)
    np.testing.assert_array_equal(draw((1, 0), 0), one)
    for other in (draw((1, 1), 0), draw((2, 0), 0), draw((1, 0), 1)):
        same = (one == other).all(axis=1).mean()
        assert same < 0.2
    assert len({tuple(row) for row in one.tolist()}) > 20


def test_number_of_regions_is_the_floor_of_a_float64_quotient():
    def count(size, ratio):
        windows = fractional_windows(1, ratio)
        return windows.output_sizes((size,))[0]

    assert count(25, 1.44) == 17 and count(25, 2**0.5) == 17
    assert count(3, 3) == 1 and count(3, 1) == 3
    assert count(21, 1.05) == 20  # 21 / 1.05 is 20 in float64, 19.99… in exact numbers
    assert fractional_windows(2, (1.44, 1.73)).output_sizes((20, 20)) == (
        13,
        11,
    )
    assert fractional_windows(2, (1.44, 1.73)).output_sizes((20, None)) == (
        13,
        None,
    )
    assert fractional_windows(2, None, (4, 7)).output_sizes((None, 9)) == (4, 7)


def test_taps_of_the_largest_region():
    windows = fractional_windows(2, 1.5, overlapping=False)
    assert windows.max_taps((9, 9)) == 4 and windows.max_taps((None, 9)) is None
    windows = fractional_windows(2, 1.5)
    assert windows.max_taps((9, 9)) == 9
    assert fractional_windows(2, 1.0).max_taps((9, 1)) == 2


def test_regions_that_are_no_integers_are_refused_in_a_graph_too():
    @tf.function(input_signature=[tf.TensorSpec([3], tf.float32)])
    def pool(edges):
        return kp.ops.fractional_max_pool(tf.zeros((1, 4, 1)), regions=[edges])

    with pytest.raises(ValueError, match="sequence of integers"):
        pool.get_concrete_function()
