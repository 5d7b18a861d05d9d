"""The core's ops as a primitive of JAX: each of JAX's transformations knows it.

Runs on Keras's JAX backend; `make hosts` starts it.
"""

import data
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tolerances
from jax.test_util import check_grads
from processes import run_python

import keras_pooling as kp
from keras_pooling.implementations import compiled

SEED = (1, 2)


def sparse_max(x):
    """Each maximum of overlapping windows where it was, zeros elsewhere."""
    y, indices = kp.ops.max_pool(x, 3, 2, "same", return_indices=True)
    return kp.ops.max_unpool(y, indices, output_size=x.shape[1:-1])


FUNCTIONS = {
    "max": lambda x: kp.ops.max_pool(x, 3, 2, "same"),
    "max of regions per sample": lambda x: kp.ops.fractional_max_pool(
        x, 1.4, seed=SEED, regions_per="sample"
    ),
    "max of regions per channel": lambda x: kp.ops.fractional_max_pool(
        x, 1.4, seed=SEED, regions_per="channel"
    ),
    "adaptive max": lambda x: kp.ops.adaptive_max_pool(x, (4, None)),
    "global max": kp.ops.global_max_pool,
    "sparse max": sparse_max,
    "average": lambda x: kp.ops.avg_pool(x, 3, 2, "same"),
    "average of regions": lambda x: kp.ops.fractional_avg_pool(x, 1.4, seed=SEED),
    "adaptive average": lambda x: kp.ops.adaptive_avg_pool(x, (4, None)),
    "global average": kp.ops.global_avg_pool,
    "Lp": lambda x: kp.ops.lp_pool(x, 3, 2, "same", p=3.0),
    "stochastic": lambda x: kp.ops.stochastic_pool(x, 2, seed=SEED),
    "expectation": lambda x: kp.ops.stochastic_pool(x, 2),
    "median": lambda x: kp.ops.median_pool(x, 3, 2, "same"),
    "mixed": lambda x: kp.ops.mixed_pool(x, 3, 2, "same", alpha=0.3),
    "max blur": kp.ops.max_blur_pool,
    "reflected blur": lambda x: kp.ops.blur_pool(x, 4),
    "maxout": lambda x: kp.ops.maxout(x[:, :, :6], 3, axis=2),
    "spatial pyramid": kp.ops.spatial_pyramid_pool,
    "k-max": lambda x: kp.ops.k_max_pool(x[:, 2], 3),
    "dynamic k-max": lambda x: kp.ops.k_max_pool(x[:, 2], 5, layer=1, num_layers=3),
}
by_function = pytest.mark.parametrize("pool", FUNCTIONS.values(), ids=FUNCTIONS)


def values(*shape: int) -> jax.Array:
    # Far apart and none 0, so that a small change of x changes no winner.
    x = data.distinct(shape, "float32", data.generator("jax", *shape))
    return jnp.array((x - x.mean() + 0.3) / x.std())


X = values(2, 9, 9, 3)


def squares(pool):
    """A scalar function of x that is not linear."""
    return lambda x: (pool(x) ** 2).sum()


def assert_close(result, exact, steps: int) -> None:
    """Equal but for the rounding of so many sums."""
    result, exact = np.asarray(result, "float64"), np.asarray(exact, "float64")
    bound = steps * np.finfo("float32").eps * np.maximum(abs(exact), abs(exact).max())
    tolerances.assert_within(result, exact, bound)


def test_the_compiled_core_computes_and_tensorflow_is_not_imported():
    done = run_python(
        "-c",
        "import sys, keras_pooling as kp; kp.ops.max_pool([[[1.0], [2.0]]], 2); "
        "print(kp.build_info()['compiled'], 'tensorflow' in sys.modules)",
    )
    assert done.stdout.split() == ["True", "False"]


@by_function
def test_jit_gives_the_same_bits(pool):
    np.testing.assert_array_equal(jax.jit(pool)(X), pool(X))


def test_a_program_calls_the_core_once_and_without_taps():
    text = jax.jit(FUNCTIONS["max"]).lower(X).as_text()
    (call,) = [line for line in text.splitlines() if "@keras_pooling" in line]
    assert "ui8" not in call  # the taps of a forward pass that trains


@pytest.mark.parametrize(
    ("pool_size", "strides", "calls"), [(3, 1, 1), (9, 9, 1), (9, 1, 2)]
)
def test_a_mixture_is_one_call_unless_wide_windows_overlap(pool_size, strides, calls):
    def pool(x):
        return kp.ops.mixed_pool(x, pool_size, strides, "same", alpha=0.3)

    text = jax.jit(pool).lower(X).as_text()
    assert sum("@keras_pooling" in line for line in text.splitlines()) == calls


def test_a_median_of_few_taps_is_one_call():
    for pool_size, calls in ((8, 1), (9, 0)):
        pool = jax.jit(lambda x, size=pool_size: kp.ops.median_pool(x, size))
        text = pool.lower(X).as_text()
        assert sum("@keras_pooling" in line for line in text.splitlines()) == calls


def test_training_records_taps():
    text = jax.jit(jax.grad(squares(FUNCTIONS["max"]))).lower(X).as_text()
    calls = [line for line in text.splitlines() if "@keras_pooling" in line]
    assert len(calls) == 2
    assert all("ui8" in call for call in calls)


@by_function
def test_vmap_is_a_loop(pool):
    xs = jnp.stack([X, X + 1, 2 * X])
    np.testing.assert_array_equal(jax.vmap(pool)(xs), jnp.stack(list(map(pool, xs))))
    gradient = jax.grad(squares(pool))
    loop = jnp.stack(list(map(gradient, xs)))
    assert_close(jax.vmap(gradient)(xs), loop, 32)


@by_function
def test_vmap_over_another_axis(pool):
    xs = jnp.stack([X, 2 * X], axis=3)
    loop = jnp.stack([pool(X), pool(2 * X)], axis=1)
    np.testing.assert_array_equal(jax.vmap(pool, in_axes=3, out_axes=1)(xs), loop)


def test_vmap_over_seeds_draws_for_each():
    seeds = jnp.array([[1, 2], [3, 4]], "uint32")

    def draw(seed):
        return kp.ops.fractional_max_pool(X, 1.4, seed=seed)

    loop = jnp.stack(list(map(draw, seeds)))
    np.testing.assert_array_equal(jax.vmap(draw)(seeds), loop)
    assert not np.array_equal(loop[0], loop[1])


@by_function
def test_forward_mode_is_the_transpose_of_reverse_mode(pool):
    dx, rng = jnp.ones_like(X), data.generator("transpose")
    y, dy = jax.jvp(pool, (X,), (dx,))
    weights = jnp.array(rng.standard_normal(y.shape), "float32")
    (back,) = jax.vjp(pool, X)[1](weights)
    assert_close((dy * weights).sum(), (back * dx).sum(), 2 * X.size)


@pytest.mark.parametrize(
    "name",
    ["max", "sparse max", "average", "average of regions", "Lp", "median", "mixed"],
)
def test_derivatives_of_second_order(name):
    # The step is far below the distance of two values; what remains is its curvature.
    check_grads(FUNCTIONS[name], (X,), 2, modes=["fwd", "rev"], rtol=0.02, atol=0.02)


def test_derivatives_of_second_order_by_a_share():
    def pool(x, alpha):
        return kp.ops.mixed_pool(x, 3, 2, "same", alpha=alpha)

    shares = jnp.array([0.3, 0.8, 0.5])
    check_grads(pool, (X, shares), 2, modes=["fwd", "rev"], rtol=0.02, atol=0.02)


@by_function
def test_a_gradient_of_a_gradient_is_the_same_in_both_modes(pool):
    gradient, direction = jax.grad(squares(pool)), jnp.cos(X)
    forward = jax.jvp(gradient, (X,), (direction,))[1]
    reverse = jax.grad(lambda x: (gradient(x) * direction).sum())(X)
    assert_close(forward, reverse, 64)


@by_function
def test_remat_changes_no_gradient(pool):
    exact = jax.grad(squares(pool))(X)
    assert_close(jax.grad(jax.checkpoint(squares(pool)))(X), exact, 32)


@by_function
def test_scan(pool):
    xs = jnp.stack([X, X + 1])
    _, ys = jax.lax.scan(lambda carry, x: (carry, pool(x)), 0, xs)
    np.testing.assert_array_equal(ys, jnp.stack(list(map(pool, xs))))


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
def test_a_donated_input(pool=FUNCTIONS["average"]):
    exact = pool(X)
    given = X + 0
    np.testing.assert_array_equal(jax.jit(pool, donate_argnums=0)(given), exact)


def test_large_arrays_on_several_threads():
    x = values(8, 64, 64, 32)
    y = jax.jit(FUNCTIONS["max"])(x)
    np.testing.assert_array_equal(y[3], FUNCTIONS["max"](x[3:4])[0])


@pytest.mark.parametrize("batch", ["4", "b"])
@pytest.mark.parametrize("name", ["max", "sparse max", "average", "Lp", "expectation"])
def test_export(name, batch):
    pool = FUNCTIONS[name]
    shape = jax.export.symbolic_shape(f"{batch}, 9, 9, 3")
    exported = jax.export.export(
        jax.jit(pool),
        disabled_checks=[jax.export.DisabledSafetyCheck.custom_call("keras_pooling")],
    )(jax.ShapeDtypeStruct(shape, X.dtype))
    loaded = jax.export.deserialize(exported.serialize())
    x = values(4, 9, 9, 3)
    np.testing.assert_array_equal(loaded.call(x), pool(x))


def test_a_program_for_another_device_is_refused_with_the_remedy():
    export = jax.export.export(jax.jit(FUNCTIONS["max"]), platforms=["cuda"])
    with pytest.raises(NotImplementedError, match="force_portable"):
        export(X)
    with kp.force_portable():
        jax.export.export(jax.jit(lambda x: kp.ops.max_pool(x, 2)), platforms=["cuda"])(
            X
        )


def test_vmap_over_values_or_indices_alone():
    y, indices = kp.ops.max_pool(X, 3, 2, return_indices=True)
    several = jnp.stack([indices, indices[:, ::-1]]), jnp.stack([y, 2 * y])
    for axes, (a, b) in (
        ((0, None), (several[1], indices)),
        ((None, 0), (y, several[0])),
    ):
        unpool = lambda y, i: kp.ops.max_unpool(y, i, output_size=9)  # noqa: E731
        pairs = [
            unpool(
                *(
                    t[n] if axis == 0 else t
                    for t, axis in zip((a, b), axes, strict=True)
                )
            )
            for n in range(2)
        ]
        np.testing.assert_array_equal(jax.vmap(unpool, axes)(a, b), jnp.stack(pairs))


def test_a_bad_index_is_an_error_inside_a_program_and_the_next_call_works():
    unpool = jax.jit(lambda y, indices: kp.ops.max_unpool(y, indices))
    y, indices = jnp.ones((1, 2, 1)), jnp.array([[[1], [4]]])
    for function in (unpool, jax.grad(lambda y, i: unpool(y, i).sum())):
        with pytest.raises(Exception, match=r"indices hold 4 at \(1,\)"):
            jax.block_until_ready(function(y, indices))
    assert unpool(y, indices - 1).shape == (1, 4, 1)


def test_bad_regions_are_an_error_and_the_next_call_works():
    edges = [jnp.array([0, 4, 99]), jnp.array([0, 4, 9])]
    pool = jax.jit(lambda x, a, b: kp.ops.fractional_max_pool(x, regions=[a, b]))
    with pytest.raises(Exception, match=r"99"):
        jax.block_until_ready(pool(X, *edges))
    assert FUNCTIONS["max"](X).shape == (2, 5, 5, 3)


@pytest.mark.parametrize("pool", [kp.ops.max_pool, kp.ops.global_avg_pool])
def test_a_program_holds_every_attribute_so_that_xla_misses_none(pool):
    arguments = (2,) if pool is kp.ops.max_pool else ()
    program = jax.jit(lambda x: pool(x, *arguments)).lower(X).as_text()
    (call,) = [line for line in program.splitlines() if "backend_config" in line]
    for name in (*compiled.DEFAULTS, "axis", "pseudo_random"):
        assert f"{name} = " in call
