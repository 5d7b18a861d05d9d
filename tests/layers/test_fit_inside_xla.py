"""Whole models in `compile(jit_compile=True)`, trained and run, also in halves."""

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import tolerances

import keras_pooling as kp

IMAGES, BATCH = 22, 8  # the last batch has six images


@pytest.fixture
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def make_model() -> keras.Model:
    """A small network with every kind of pooling layer that has a gradient."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            kp.MaxPooling2D(2),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            kp.AveragePooling2D(3, 2, "same"),
            kp.MaxPooling2D(2, 1, padding="same"),
            kp.GlobalAveragePooling2D(),
            keras.layers.Dense(4, dtype="float32"),
        ]
    )


def train(model: keras.Model, jit_compile: bool) -> dict:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((IMAGES, 12, 12, 3)).astype("float32")
    y = rng.integers(0, 4, IMAGES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], jit_compile=jit_compile)
    history = model.fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
    return {
        "history": history.history["loss"],
        "evaluation": model.evaluate(x, y, batch_size=BATCH, verbose=0),
        "prediction": model.predict(x, batch_size=BATCH, verbose=0),
    }


def rounding(policy: str) -> float:
    """How far two orders of the same sums may take an epoch's loss, relative to it.

    Sums are kept in float32, the longest of 3 · 3 · 8 terms. Of halves each of the six
    layers rounds its outputs, and the gradients of its inputs, by half a step.
    """
    error = 3 * 3 * 8 * float(np.finfo("float32").eps)
    compute_dtype = keras.DTypePolicy(policy).compute_dtype
    if compute_dtype in tolerances.HALVES:
        error += 6 * float(ml_dtypes.finfo(compute_dtype).eps)
    return error


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_inside_xla_is_training_outside(policy, restore_policy):
    keras.config.set_dtype_policy(policy)
    inside = train(make_model(), jit_compile=True)
    outside = train(make_model(), jit_compile=False)
    # The convolutions are XLA's own, and round differently.
    tolerance = rounding(policy)
    for name, value in inside.items():
        np.testing.assert_allclose(
            value, outside[name], rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_every_weight_before_a_pooling_layer_trains(jit_compile):
    model = make_model()
    before = [layer.get_weights() for layer in model.layers]
    history = train(model, jit_compile)["history"]
    assert history[-1] < history[0]
    for layer, weights in zip(model.layers, before, strict=True):
        for one, other in zip(weights, layer.get_weights(), strict=True):
            assert not np.array_equal(one, other), layer.name


def test_mixed_float16(restore_policy):
    keras.config.set_dtype_policy("mixed_float16")
    assert np.isfinite(train(make_model(), jit_compile=True)["history"]).all()


def test_the_training_step_calls_our_kernels():
    model = make_model()
    x, y = tf.zeros((BATCH, 12, 12, 3)), tf.zeros(BATCH)

    @tf.function(jit_compile=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True)[:, 0] - y) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    hlo = step.experimental_get_compiler_ir(x, y)(stage="optimized_hlo")
    counts = {
        op: hlo.count(f'op = "{op}"')
        for op in (
            "SelectingPool",
            "SelectingPoolGrad",
            "BlendingPool",
            "BlendingPoolGrad",
        )
    }
    assert set(counts.values()) == {2}
    assert "reduce-window" not in hlo
    assert "select-and-scatter" not in hlo
