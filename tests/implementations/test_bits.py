"""The same bits for any number of threads, for every SIMD target, and, of maxima, for
the portable path. Judges no value right or wrong: others do.
"""

import ctypes
import importlib
import json
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import calls
import data
import digests
import numpy as np
import pytest
import reference
import tolerances
from cases import CASES, Case, named
from processes import TESTS, run_python

import keras_pooling as kp


@pytest.fixture(scope="module")
def compiled():
    """Skips without the compiled op, unless the environment says that it must be."""
    if kp.build_info()["compiled"]:
        return
    assert os.environ.get("KERAS_POOLING_REQUIRE_COMPILED") != "1"
    pytest.skip("the compiled op is not in use")


needs_compiled = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def library(compiled):
    """Gives the loaded library's C functions; restores the target afterwards."""
    # The build's record lies beside the library, wherever that was installed.
    record = importlib.import_module("keras_pooling._build_info").__file__
    path = pathlib.Path(record).with_name("libkeras_pooling.so")
    functions = ctypes.CDLL(str(path))
    for name in ("Target", "Targets", "ForceTarget"):
        getattr(functions, f"KerasPooling{name}").restype = ctypes.c_char_p
    functions.KerasPoolingForceTarget.argtypes = [ctypes.c_char_p]
    before = functions.KerasPoolingTarget()
    yield functions
    assert functions.KerasPoolingForceTarget(before) == b""


@pytest.fixture(scope="module")
def digests_here() -> dict[str, str]:
    """The digests of this process: its own threads, the best target."""
    return digests.of_everything()


def differing(ours: dict[str, str], others: dict[str, str]) -> list[str]:
    assert ours.keys() == others.keys()
    return [name for name in ours if ours[name] != others[name]]


@needs_compiled
def test_every_target_gives_the_same_bits(library, digests_here):
    targets = library.KerasPoolingTargets().decode().split(",")
    assert targets == list(kp.build_info()["targets"])
    for target in targets:
        assert library.KerasPoolingForceTarget(target.encode()) == b""
        assert library.KerasPoolingTarget().decode() == target
        wrong = differing(digests.of_everything(), digests_here)
        assert not wrong, f"{target} differs: {wrong}"


@needs_compiled
@pytest.mark.parametrize("target", ["", "best", "avx", "AVX-1024"])
def test_unknown_target_is_refused_with_the_good_names(library, target):
    before = library.KerasPoolingTarget()
    message = library.KerasPoolingForceTarget(target.encode()).decode()
    for name in library.KerasPoolingTargets().decode().split(","):
        assert name in message
    assert library.KerasPoolingTarget() == before


def test_every_number_of_threads_gives_the_same_bits(digests_here):
    def digests_of(threads):
        script = str(TESTS / "digests.py")
        return run_python(script, threads, TF_NUM_INTRAOP_THREADS=threads).stdout

    with ThreadPoolExecutor() as pool:
        for threads, out in zip("17", pool.map(digests_of, "17"), strict=True):
            wrong = differing(json.loads(out), digests_here)
            assert not wrong, f"{threads} threads differ: {wrong}"


@needs_compiled
@pytest.mark.parametrize("name", digests.FAMILIES)
def test_a_hundred_calls_give_the_same_bits(name):
    shape = (3, 20, 21, 37)
    x = data.for_average(shape, "float32", data.generator(name, shape, "float32"))
    assert len({digests.of_family(name, x) for _ in range(100)}) == 1


def test_deterministic_ops_are_allowed_and_give_the_same_bits(digests_here):
    # With it TensorFlow refuses what may not be the same at every run.
    program = """if True:
        import json, digests, tensorflow as tf
        tf.config.experimental.enable_op_determinism()
        print(json.dumps(digests.of_everything()))
    """
    out = run_python("-c", program).stdout
    wrong = differing(json.loads(out), digests_here)
    assert not wrong, f"they differ: {wrong}"


@needs_compiled
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_host_gives_the_same_bits(backend, digests_here):
    script, host = str(TESTS / "digests.py"), {"KERAS_BACKEND": backend}
    # JAX has no float64 and int64 else.
    out = run_python(script, "2", JAX_ENABLE_X64="1", **host).stdout
    wrong = differing(json.loads(out), digests_here)
    assert not wrong, f"{backend} differs: {wrong}"


@needs_compiled
def test_target_is_forced_by_the_environment(library):
    name = "import keras_pooling as kp; print(kp.build_info()['target'])"
    use = "import keras_pooling as kp; kp.ops.max_pool([[[1.0], [2.0]]], 2)"
    target = library.KerasPoolingTargets().decode().split(",")[-1]
    good = run_python("-c", name, KERAS_POOLING_TARGET=target)
    assert good.stdout.strip() == target
    bad = run_python("-c", use, fails=True, KERAS_POOLING_TARGET="avx1024").stderr
    assert "ValueError" in bad and "avx1024" in bad and target in bad


@needs_compiled
@pytest.mark.parametrize("case", CASES, ids=str)
def test_portable_path_agrees(case):
    rng = data.generator(case, "portable")
    taps = reference.max_taps(case.windows)
    x = data.for_max(case.shape, "float32", taps, rng)
    dy = data.whole(case.output_shape, "float32", rng)
    plain = data.ruled_by_us(x)
    compiled = [
        *calls.max_pool_with_indices(x, case),
        *calls.max_pool_gradient(plain, dy, case),
    ]
    with kp.force_portable():
        portable = [
            *calls.max_pool_with_indices(x, case),
            *calls.max_pool_gradient(plain, dy, case),
        ]
    for ours, theirs in zip(compiled, portable, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    x = data.for_average(case.shape, "float32", rng)
    compiled = calls.avg_pool(x, case)
    with kp.force_portable():
        portable = calls.avg_pool(x, case)
    magnitude = reference.avg_pool(np.abs(x), case.windows, case.data_format)
    tolerance = tolerances.of_sum("float32", 2 * taps, portable, magnitude)
    tolerances.assert_within(compiled, portable, tolerance)


@needs_compiled
@pytest.mark.parametrize(
    "case", named("1D", "1D, channels first", "overlapping windows")
)
def test_denormals_keep_their_order(case: Case):
    # TensorFlow's threads take denormals for zero in comparisons; ours must not.
    rng = data.generator(case, "denormal")
    tiny = np.float32(1e-45) * rng.integers(-9, 9, case.shape).astype(np.float32)
    y, indices = calls.max_pool_with_indices(tiny, case)
    expected_y, expected_indices = reference.max_pool(
        tiny, case.windows, case.data_format
    )
    tolerances.assert_same_values(y, expected_y)
    np.testing.assert_array_equal(indices, expected_indices)
