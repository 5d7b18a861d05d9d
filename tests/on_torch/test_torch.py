"""The core's ops as operators of PyTorch: autograd, its compiler, memory, forks.

Runs on Keras's PyTorch backend; `make hosts` starts it.
"""

import gc
import os
import signal
import threading
import types
import warnings

import data
import keras
import numpy as np
import pytest
import torch
from processes import run_python
from torch.utils._python_dispatch import TorchDispatchMode

import keras_pooling as kp
from keras_pooling import _library
from keras_pooling.implementations import entry
from keras_pooling.implementations import torch as host

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
    "global Lp": lambda x: kp.ops.global_lp_pool(x, p=3.0),
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


def values(*shape: int, dtype=torch.float32) -> torch.Tensor:
    # Far apart and none 0, so that a small change of x changes no winner.
    x = data.distinct(shape, "float32", data.generator("torch", *shape))
    return torch.tensor((x - x.mean() + 0.3) / x.std()).to(dtype)


def as_channels_first(x: torch.Tensor) -> torch.Tensor:
    """The same tensor, its channels before the other axes in memory."""
    return x.movedim(-1, 1).contiguous().movedim(1, -1)


X = values(2, 9, 9, 3)


def gradient(pool, x):
    x = x.detach().requires_grad_()
    y = pool(x)
    return torch.autograd.grad(y, x, torch.cos(y.detach()))[0]


def test_the_compiled_core_computes_and_tensorflow_is_not_imported():
    done = run_python(
        "-c",
        "import sys, keras_pooling as kp; kp.ops.max_pool([[[1.0], [2.0]]], 2); "
        "print(kp.build_info()['compiled'], 'tensorflow' in sys.modules)",
    )
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.filterwarnings("ignore:Backwards compatibility")
@by_function
def test_derivatives_of_first_and_second_order(pool):
    x = values(2, 5, 6, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(pool, x)
    assert torch.autograd.gradgradcheck(pool, x)


@pytest.mark.parametrize("share", [0.3, [0.3, 0.8]], ids=["one", "per channel"])
def test_derivatives_of_second_order_by_a_share(share):
    x = values(2, 5, 6, 2, dtype=torch.float64).requires_grad_()
    alpha = torch.tensor(share, dtype=torch.float64, requires_grad=True)

    def pool(x, alpha):
        return kp.ops.mixed_pool(x, 3, 2, "same", alpha=alpha)

    assert torch.autograd.gradcheck(pool, (x, alpha))
    assert torch.autograd.gradgradcheck(pool, (x, alpha))


@by_function
def test_a_gradient_of_what_depends_on_the_output_is_counted_once(pool):
    x = values(2, 5, 6, 2, dtype=torch.float64).requires_grad_()
    y = pool(x)
    (dx,) = torch.autograd.grad(y, x, y, create_graph=True)
    # dx is the gradient of Σ y² / 2: what follows, its Hessian times a vector.
    (once,) = torch.autograd.grad(dx, x, torch.ones_like(x))
    h = 1e-6
    steps = [(x + sign * h).detach().requires_grad_() for sign in (1, -1)]
    up, down = (torch.autograd.grad((pool(z) ** 2).sum() / 2, z)[0] for z in steps)
    torch.testing.assert_close(once, (up - down) / (2 * h), rtol=1e-6, atol=1e-6)


ONE_OF_EACH = {
    "max": ("reduction='max;window=2,2,;channels_first=0", (2, 9, 9, 3)),
    "average": ("reduction='avg;window=2,2,;channels_first=0", (2, 9, 9, 3)),
    "max, channels first": (
        "reduction='max;window=2,2,;channels_first=1",
        (2, 3, 9, 9),
    ),
    "average, channels first": (
        "reduction='avg;window=2,2,;channels_first=1",
        (2, 3, 9, 9),
    ),
}


@pytest.mark.parametrize("in_memory", ["as its axes", "the other way"])
@pytest.mark.parametrize("call, shape", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_every_operator_keeps_the_rules_of_operators(call, shape, in_memory):
    first, ops = shape[1] == 3, torch.ops.keras_pooling
    x, dy = values(*shape), values(*(4 if size == 9 else size for size in shape))
    taps = torch.zeros_like(dy, dtype=torch.uint8)
    indices = torch.randint(81, dy.shape, dtype=torch.int32)
    if in_memory == "the other way":
        move = (1, -1) if first else (-1, 1)
        x, dy, taps, indices = (
            t.movedim(*move).contiguous().movedim(*move[::-1])
            for t in (x, dy, taps, indices)
        )
    x_given, dy_given = x.requires_grad_(), dy.requires_grad_()
    sizes, of_x = [4, 4], [9, 9]
    if "max" in call:
        samples = {
            ops.selecting_pool: (x_given, None, None, call, sizes, True),
            ops.selecting_pool_grad: (dy_given, taps, None, call, of_x, first),
            ops.selecting_pool_pick: (x_given, taps, None, call),
            ops.tap_indices: (taps, None, call, of_x, False),
            ops.max_unpool: (dy_given, indices, call, of_x),
            ops.max_unpool_grad: (x_given, indices, call),
        }
        values_of = (x.detach(), None, None, call, sizes)
        samples[ops.selecting_pool_values] = values_of
    else:
        samples = {
            ops.blending_pool: (x_given, None, None, call, sizes),
            ops.blending_pool_plain: (x.detach(), None, None, call, sizes),
            ops.blending_pool_grad: (dy_given, *[None] * 4, call, of_x, first),
        }
    for operator, sample in samples.items():
        torch.library.opcheck(operator, sample)


@pytest.mark.parametrize(
    "pool, kind", [(kp.ops.max_pool, "selecting"), (kp.ops.avg_pool, "blending")]
)
def test_what_is_not_compiled_calls_operators_without_derivatives_of_their_own(
    pool, kind
):
    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            seen.append(operator.name())
            return operator(*args, **(kwargs or {}))

    x = values(2, 5, 6, 2).requires_grad_()
    with Watch():
        pool(x, 2).sum().backward()
    own = [name.split("::")[1] for name in seen if name.startswith("keras_pooling::")]
    assert own == [f"{kind}_pool_plain", f"{kind}_pool_grad_plain"]


def test_drawing_keeps_the_rules_of_operators():
    sample = (torch.tensor([1, 2]), 9, 6, 2, True, 0)
    torch.library.opcheck(torch.ops.keras_pooling.fractional_regions, sample)


@by_function
def test_channels_that_lie_first_in_memory_give_the_same_bits(pool):
    other = as_channels_first(X)
    assert torch.equal(pool(other), pool(X))
    assert torch.equal(gradient(pool, other), gradient(pool, X))


@pytest.mark.parametrize("name", ["max", "sparse max", "average", "Lp", "global max"])
def test_channels_that_lie_first_in_memory_are_not_copied(name):
    pool, x = FUNCTIONS[name], as_channels_first(values(2, 12, 12, 16))
    y, dx = pool(x), gradient(pool, x)
    assert dx.stride() == x.stride()
    if y.ndim == x.ndim:
        assert y.movedim(-1, 1).is_contiguous()


def test_the_memory_format_channels_last_stays():
    x = values(2, 16, 12, 12).to(memory_format=torch.channels_last)
    x.requires_grad_()
    y = kp.ops.max_pool(x, 2, data_format="channels_first")
    assert y.is_contiguous(memory_format=torch.channels_last)
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert dx.is_contiguous(memory_format=torch.channels_last)


@by_function
def test_any_strides(pool):
    wide = values(2, 18, 9, 6)
    view = wide[:, ::2, :, 1::2]
    assert torch.equal(pool(view), pool(view.contiguous()))
    assert torch.equal(gradient(pool, view), gradient(pool, view.contiguous()))


@pytest.mark.parametrize("dynamic", [False, True])
@by_function
def test_the_compiler_takes_a_whole_training_step(pool, dynamic):
    torch._dynamo.reset()

    def step(x):
        return pool(x).square().sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = torch.compile(
            step, backend="aot_eager", fullgraph=True, dynamic=dynamic
        )
        x, other = (X.clone().requires_grad_() for _ in range(2))
        compiled(x).backward()
    step(other).backward()
    assert torch.equal(x.grad, other.grad)


def test_the_default_compiler_makes_a_training_step_of_convolution_and_pools():
    torch._dynamo.reset()
    convolution = torch.nn.Conv2d(3, 8, 3)

    def step(x):
        y = convolution(x).relu().permute(0, 2, 3, 1)
        y = kp.ops.avg_pool(kp.ops.max_pool(y, 2), 3, 2, "same")
        return y.square().sum()

    x = values(2, 3, 20, 20)
    gradients = []
    for function in (step, torch.compile(step, fullgraph=True)):
        convolution.weight.grad = None
        function(x).backward()
        gradients.append(convolution.weight.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", ["max", "sparse max", "average", "Lp", "expectation"])
def test_export_with_any_batch(name):
    class Model(torch.nn.Module):
        def forward(self, x):
            return FUNCTIONS[name](x)

    dynamic = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(Model(), (X,), dynamic_shapes=dynamic)
    operators = {str(node.target) for node in program.graph.nodes}
    assert any("keras_pooling" in operator for operator in operators)
    x = values(5, 9, 9, 3)
    assert torch.equal(program.module()(x), FUNCTIONS[name](x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_pools_what_comes(dtype):
    layer = torch.nn.Linear(3, 4)
    with torch.autocast("cpu", dtype=dtype):
        y = layer(X)
        pooled = kp.ops.avg_pool(y, 2)
    assert pooled.dtype == y.dtype == dtype
    pooled.float().sum().backward()
    assert layer.weight.grad is not None


def test_the_core_uses_as_many_threads_as_torch():
    before = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            kp.ops.max_pool(X, 2)
            assert _library.core().KerasPoolingThreads() == count
    finally:
        torch.set_num_threads(before)


@by_function
def test_any_number_of_threads_gives_the_same_bits(pool):
    x, before = values(4, 33, 31, 24), torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 7):
            torch.set_num_threads(count)
            results.append((pool(x), gradient(pool, x)))
    finally:
        torch.set_num_threads(before)
    for y, dx in results[1:]:
        assert torch.equal(y, results[0][0])
        assert torch.equal(dx, results[0][1])


def test_many_python_threads_at_once():
    x = [values(2, 20 + i, 21, 8) for i in range(4)]
    exact = [FUNCTIONS["max"](one) for one in x]
    wrong = []

    def work(i):
        for _ in range(50):
            if not torch.equal(FUNCTIONS["max"](x[i]), exact[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i % 4,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class Pooled(torch.utils.data.Dataset):
    """Pools in the worker of a loader."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return kp.ops.max_pool(values(1, 64, 64, 32) + i, 2)[0]


def test_workers_of_a_data_loader_that_fork():
    data_set = Pooled()
    exact = torch.stack([data_set[i] for i in range(4)])  # threads run before the fork
    loader = torch.utils.data.DataLoader(
        data_set, batch_size=2, num_workers=2, multiprocessing_context="fork"
    )
    assert torch.equal(torch.cat(list(loader)), exact)


def test_a_child_pools_on_threads_of_its_own():
    x = values(8, 64, 64, 32)
    exact = kp.ops.max_pool(x, 2).numpy()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        # By NumPy, since PyTorch's own threads do not survive a fork.
        same = (kp.ops.max_pool(x, 2).numpy() == exact).all()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_bad_regions_are_an_error_and_the_next_call_works():
    edges = [torch.tensor([[0, 4, 99]]), torch.tensor([[0, 4, 9]])]
    call = "reduction='max;geometry='regions;window=1,1,;channels_first=0"
    with pytest.raises(ValueError, match="99"):
        torch.ops.keras_pooling.selecting_pool_values(
            X, None, torch.cat(edges, -1), call, [2, 2]
        )
    assert kp.ops.max_pool(X, 2).shape == (2, 4, 4, 3)


MAX = "reduction='max;window=2,2,;channels_first=0"
FORGED = {
    "no window": (X, None, None, "reduction='max", [4, 4]),
    "an unknown reduction": (X, None, None, "reduction='mode;window=2,2,", [4, 4]),
    "an unknown attribute": (X, None, None, "nonsense=1", [4, 4]),
    "no attributes": (X, None, None, "nonsense", [4, 4]),
    "sizes too small": (X, None, None, MAX, [1, 1]),
    "sizes too large": (X, None, None, MAX, [5, 5]),
    "sizes beyond all memory": (X, None, None, MAX, [2**31, 2**31]),
    "negative sizes": (X, None, None, MAX, [-4, 4]),
    "a rank of 1": (X[0, 0, 0], None, None, MAX, [4, 4]),
    "a rank of 6": (X[None, None], None, None, MAX, [4, 4]),
    "a seed where nothing is drawn": (X, X, None, MAX, [4, 4]),
    "edges where no regions are": (X, None, X, MAX, [4, 4]),
    "a type that is not pooled": (X.to(torch.complex64), None, None, MAX, [4, 4]),
}


@pytest.mark.parametrize("arguments", FORGED.values(), ids=FORGED)
def test_a_forged_call_of_an_operator_is_an_error(arguments):
    with pytest.raises((ValueError, RuntimeError, IndexError)):
        torch.ops.keras_pooling.selecting_pool_values(*arguments)
    assert kp.ops.max_pool(X, 2).shape == (2, 4, 4, 3)


def test_taps_outside_their_windows_are_an_error():
    dy, taps = torch.ones(2, 4, 4, 3), torch.full((2, 4, 4, 3), 200, dtype=torch.uint8)
    grad = torch.ops.keras_pooling.selecting_pool_grad
    with pytest.raises(ValueError, match="tap"):
        grad(dy, taps, None, MAX, [9, 9], False)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("in_memory", ["contiguous", "channels last"])
def test_unpooling_agrees_with_pytorch_where_no_index_comes_twice(rank, in_memory):
    theirs = getattr(torch.nn.functional, f"max_pool{rank}d")
    back = getattr(torch.nn.functional, f"max_unpool{rank}d")
    for window, stride, pad in ((2, 2, 0), (3, 3, 0), (3, 4, 0), (4, 4, 1)):
        arguments = window, stride, pad
        least = [(count - 1) * stride - 2 * pad + window for count in (4, 3, 5)[:rank]]
        larger = [size + 1 for size in least]
        for sizes, output_size in ((least, None), (larger, larger)):
            x = values(2, 3, *sizes)
            if in_memory == "channels last":
                x = x.movedim(1, -1).contiguous().movedim(-1, 1)
            y, indices = theirs(x, *arguments, return_indices=True)
            assert all(len(i.unique()) == i.numel() for i in indices.flatten(0, 1))
            one, other = (y.clone().requires_grad_() for _ in range(2))
            exact = back(one, indices, *arguments, output_size=output_size)
            unpooled = kp.ops.max_unpool(
                *(other, indices, *arguments, "channels_first"), output_size=output_size
            )
            assert torch.equal(unpooled, exact)
            dx = torch.cos(exact.detach())
            (expected,) = torch.autograd.grad(exact, one, dx)
            assert torch.equal(torch.autograd.grad(unpooled, other, dx)[0], expected)


def test_values_and_indices_may_lie_differently_in_memory():
    y, indices = kp.ops.max_pool(X, 3, 2, return_indices=True)
    exact = kp.ops.max_unpool(y, indices, output_size=(9, 9))
    for a in (y, as_channels_first(y), y[:, ::1].clone()):
        for b in (indices, as_channels_first(indices), indices.long()):
            assert torch.equal(kp.ops.max_unpool(a, b, output_size=(9, 9)), exact)


def test_forged_indices_are_an_error_and_the_next_call_works():
    y, indices = torch.ones(2, 4, 4, 3), torch.zeros(2, 4, 4, 3, dtype=torch.int64)
    indices[1, 3, 2, 1] = 81
    ops, call = torch.ops.keras_pooling, "window=1,1,;channels_first=0"
    message = r"indices hold 81 at \(3, 2\) of image 1, channel 1"
    with pytest.raises(ValueError, match=message):
        ops.max_unpool(y, indices, call, [9, 9])
    with pytest.raises(ValueError, match=message):
        ops.max_unpool_grad(X, indices, call)
    forged = {
        "fewer indices": (y, indices[:1], call, [9, 9]),
        "floats": (y, y, call, [9, 9]),
        "no window": (y, indices, "channels_first=0", [9, 9]),
        "another rank": (y, indices, "window=1,;channels_first=0", [9]),
        "too many sizes": (y, indices, call, [9, 9, 9]),
        "negative sizes": (y, indices, call, [-9, 9]),
        "sizes beyond all memory": (y, indices, call, [2**31, 2**31]),
    }
    for why, arguments in forged.items():
        with pytest.raises((ValueError, RuntimeError, IndexError)):
            ops.max_unpool(*arguments)
            pytest.fail(why)
    indices[1, 3, 2, 1] = 80
    assert ops.max_unpool(y, indices, call, [9, 9]).shape == (2, 9, 9, 3)


def test_a_seed_of_any_strides():
    call = MAX.replace("max", "stochastic")
    draw = torch.ops.keras_pooling.selecting_pool_values
    seeds = torch.tensor([7, 0, 7]), torch.tensor([7, 7])
    one, other = (
        draw(X, seed, None, call, [4, 4]) for seed in (seeds[0][::2], seeds[1])
    )
    assert torch.equal(one, other)
    assert torch.equal(draw(X, torch.tensor(7).expand(2), None, call, [4, 4]), other)


def test_an_input_on_another_device_takes_the_portable_path():
    assert not host.use_compiled(torch.zeros(1, 2, 2, 1, device="meta"))


def test_forced_portable_code_may_be_compiled():
    with kp.force_portable():
        compiled = torch.compile(FUNCTIONS["max"], backend="aot_eager", fullgraph=True)
        y = compiled(X)
    np.testing.assert_array_equal(y, FUNCTIONS["max"](X))


def test_keras_trains_a_layer_with_jit_compile():
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), kp.MaxPool2D(2)]
    )
    model.compile("sgd", "mse", jit_compile=False)
    x, y = np.ones((4, 8, 8, 3), "float32"), np.ones((4, 3, 3, 4), "float32")
    model.fit(x, y, verbose=0)


def test_an_op_is_released_when_no_cache_holds_it(monkeypatch):
    released = []
    core = types.SimpleNamespace(
        KerasPoolingBind=entry._core().KerasPoolingBind,
        KerasPoolingRelease=released.append,
    )
    monkeypatch.setattr(entry, "_core", lambda: core)
    attributes = {"reduction": "max", "window": [2]}
    ops = [entry.Op("SelectingPool", attributes) for _ in range(3)]
    handles = {op._as_parameter_.value for op in ops}
    assert len(handles) == 3 and not released
    del ops
    gc.collect()
    assert {handle.value for handle in released} == handles
