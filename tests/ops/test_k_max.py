"""k-max pooling over time: against the oracle, dynamic, what is refused."""

import data
import hypothesis
import keras
import numpy as np
import pytest
import reference_composed as composed
import tensorflow as tf
import tolerances
from hypothesis import strategies as st

import keras_pooling as kp


@st.composite
def dynamics(draw):
    """Draws k, and in half of the cases a layer of several."""
    k = draw(st.integers(1, 8))
    if draw(st.booleans()):
        return k, None, None
    num_layers = draw(st.integers(1, 5))
    return k, draw(st.integers(1, num_layers)), num_layers


@hypothesis.settings(max_examples=80, deadline=None, derandomize=True)
@hypothesis.given(
    dynamics(),
    st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 4)),
    st.sampled_from(["float16", "bfloat16", "float32", "float64", "int8", "int64"]),
    st.booleans(),
)
def test_any_k_max_is_the_oracles(dynamic, shape, dtype, masked):
    rng = data.generator(*shape, dtype, *dynamic)
    x = data.for_max(shape, dtype, shape[1], rng)
    mask = rng.random(shape[:2]) < 0.6 if masked else None
    given = x if x.dtype.kind in "iuf" else x.astype("float32")
    places = composed.k_max_places(given, *dynamic, mask)
    k, layer, num_layers = dynamic
    policy = dtype if dtype in data.FLOATS else "float32"
    pool = kp.KMaxPool1D(k, layer=layer, num_layers=num_layers, dtype=policy)
    y = pool(tf.constant(x), mask=mask).numpy()
    tolerances.assert_same_values(y, composed.taken(x, places))
    valid = pool.compute_mask(tf.constant(x), mask)
    exact = places[..., 0] >= 0
    if valid is None:
        assert exact.all()
    else:
        np.testing.assert_array_equal(valid, exact)


def test_the_lengths_are_those_of_the_paper():
    # Its example: 18 words, three layers, k_top 3: 12, then 6 of them, then 3.
    shapes = [
        kp.KMaxPool1D(3, layer=layer, num_layers=3).compute_output_shape((1, 18, 1))
        for layer in (1, 2, 3)
    ]
    assert shapes == [(1, 12, 1), (1, 6, 1), (1, 3, 1)]
    pool = kp.KMaxPool1D(3, layer=1, num_layers=3)
    for steps in range(1, 40):
        exact = max(3, -(-2 * steps // 3))
        assert pool.compute_output_shape((1, steps, 1)) == (1, exact, 1)
    assert pool.compute_output_shape((1, None, 1)) == (1, None, 1)
    assert kp.KMaxPool1D(3).compute_output_shape((1, None, 1)) == (1, 3, 1)
    last = kp.KMaxPool1D(3, layer=3, num_layers=3)
    assert last.compute_output_shape((1, None, 1)) == (1, 3, 1)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dynamic", [(4, None, None), (2, 1, 3)])
def test_a_graph_that_does_not_know_the_steps(dynamic, jit, each_path):
    k, layer, num_layers = dynamic
    pool = kp.KMaxPool1D(k, layer=layer, num_layers=num_layers)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, 2)), tf.TensorSpec((None, None))],
        jit_compile=jit,
    )
    def pooled(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool(x, mask=mask)
        dx = tape.gradient(y, x)
        return y, dx, pool.compute_mask(x, mask), pool(x), pool.compute_mask(x)

    for steps in (1, 3, 4, 12):
        x = data.distinct((2, steps, 2), "float32", data.generator(steps))
        mask = (np.arange(steps) < [[steps], [steps // 2]]).astype("float32")
        y, dx, valid, unmasked, of_unmasked = (t.numpy() for t in pooled(x, mask))
        places = composed.k_max_places(x, *dynamic, mask)
        np.testing.assert_array_equal(y, composed.taken(x, places))
        np.testing.assert_array_equal(valid, places[..., 0] >= 0)
        exact = composed.taken_gradient(x, np.ones_like(y), places)
        np.testing.assert_array_equal(dx, exact)
        places = composed.k_max_places(x, *dynamic)
        np.testing.assert_array_equal(unmasked, composed.taken(x, places))
        np.testing.assert_array_equal(of_unmasked, places[..., 0] >= 0)


def test_one_model_for_sequences_of_every_length():
    inputs = keras.Input((None, 3))
    y = kp.KMaxPool1D(2, layer=1, num_layers=2)(inputs)
    y = kp.KMaxPool1D(2, layer=2, num_layers=2)(y)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(y)))
    model.compile("sgd", "mse")
    for steps in (1, 2, 9):
        x = data.generator(steps).standard_normal((4, steps, 3)).astype("float32")
        model.fit(x, np.zeros((4, 1)), verbose=0)
        assert model.predict(x, verbose=0).shape == (4, 1)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"k": 0}, "`k` argument must be positive"),
        ({"k": 2.5}, "`k` argument must hold integers"),
        ({"k": 2, "layer": 1}, "both of the `layer` and `num_layers` arguments"),
        ({"k": 2, "num_layers": 1}, "both of the `layer` and `num_layers` arguments"),
        ({"k": 2, "layer": 0, "num_layers": 3}, "`layer` argument must be positive"),
        ({"k": 2, "layer": 4, "num_layers": 3}, "`layer` argument must be at most 3"),
        ({"k": 2, "layer": 1, "num_layers": 0}, "`num_layers` argument must be posit"),
        ({"k": 2, "data_format": "NWC"}, 'Use data_format="channels_last"'),
    ],
)
def test_wrong_arguments_are_refused_when_the_layer_is_made(arguments, words):
    with pytest.raises(ValueError, match=r"^KMaxPool1D: ") as error:
        kp.KMaxPool1D(**arguments)
    assert words in str(error.value)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5), (2, 0, 3)])
def test_other_ranks_and_no_steps_are_refused(shape):
    with pytest.raises(ValueError, match=r"^k_max_pool: .*one axis of steps"):
        kp.ops.k_max_pool(np.zeros(shape, "float32"), 2)


@pytest.mark.parametrize("shape", [(2, 4), (2, 6), (2,), (2, 5, 3)])
def test_a_mask_of_another_shape_is_refused(shape):
    x, pool = np.zeros((2, 5, 3), "float32"), kp.KMaxPool1D(2)
    with pytest.raises(ValueError, match=r"KMaxPool1D: the `mask` argument") as error:
        pool(x, mask=np.ones(shape))
    assert f"Received shape=(2, 5, 3), mask.shape={shape}. " in str(error.value)
