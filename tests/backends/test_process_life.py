"""A process that pools for long, on many threads, and ends: on every backend."""

import concurrent.futures
import gc
import threading

import keras
import numpy as np
import pytest
from hosts import BACKEND, array
from processes import run_python

import keras_pooling as kp

compiled_alone = pytest.mark.skipif(
    not kp.build_info()["compiled"], reason="of frameworks' own ops, which is theirs"
)


def test_many_threads_share_a_layer_from_its_first_call():
    x = [np.random.default_rng(i).random((2, 16 + i, 9, 8), "float32") for i in (0, 1)]
    layers = [kp.MaxPool2D(3, 2), kp.AdaptiveAveragePooling2D(3)]
    exact = [
        [array(type(f).from_config(f.get_config())(one)) for one in x] for f in layers
    ]
    together = threading.Barrier(8)

    def work(number):
        together.wait()
        for i in range(40):
            which, one = i % len(layers), (i + number) % 2
            y = array(layers[which](x[one]))
            np.testing.assert_array_equal(y, exact[which][one])
        return number

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))


def megabytes() -> float:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def trace(function, steps):
    """Traces a function for a new shape; PyTorch, which traces nothing, calls it."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        spec = tf.TensorSpec((1, steps, 4))
        tf.function(function, autograph=False).get_concrete_function(spec)
    elif BACKEND == "jax":
        import jax

        jax.jit(lambda x: function(x)).trace(
            jax.ShapeDtypeStruct((1, steps, 4), "float32")
        )
    else:
        function(keras.ops.ones((1, steps, 4)))


def growth(work, numbers):
    before = megabytes()
    for number in numbers:
        work(number)
    return megabytes() - before


def ours(x):
    return kp.ops.max_pool(x, 2, 1, "same")


@compiled_alone
def test_a_thousand_traces_keep_no_more_than_the_framework_does():
    def own(x):
        return keras.ops.max(x, axis=1)

    for function in (own, ours):
        growth(lambda steps, f=function: trace(f, steps), range(2, 102))
    least = growth(lambda steps: trace(own, steps), range(102, 352))
    most = growth(lambda steps: trace(ours, steps), range(102, 1102))
    # Caches of 1 024 entries, of which each may hold some KB.
    assert most < 4 * max(least, 0) + 8


@compiled_alone
def test_ten_thousand_calls_keep_nothing():
    x = keras.ops.ones((1, 64, 4))
    growth(lambda _: ours(x), range(1000))
    assert growth(lambda _: ours(x), range(10000)) < 1


ENDS = """
import os, signal, threading, time
import keras, keras_pooling as kp, numpy as np

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
layer = kp.MaxPool2D(3, 1)
x = keras.ops.ones((8, 128, 128, 32))
exact = keras.ops.convert_to_numpy(layer(x))

stops = threading.Event()

def work():
    while not stops.is_set():
        layer(x)

def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)

# No daemons: Python before 3.14 unwinds the stack of a daemon that comes back to it
# while it ends, and C++ ends the process at that, whatever was called there.
for target in (work, work, interrupt):
    threading.Thread(target=target).start()
try:
    while True:
        layer(x)
except KeyboardInterrupt:
    print("interrupted")
assert (keras.ops.convert_to_numpy(layer(x)) == exact).all()
print("ended", flush=True)
stops.set()
"""


@compiled_alone
def test_a_signal_interrupts_and_a_process_ends_while_threads_pool():
    done = run_python("-c", ENDS, timeout=120)
    assert done.stdout.split() == ["interrupted", "ended"], done.stderr
