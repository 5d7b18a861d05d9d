"""Forged calls (`tests/forged.py`) of PyTorch's operators, and of the C entry that they
stand on.
"""

import pytest
import torch
from forged import FORGED

import keras_pooling as kp
from keras_pooling.implementations import entry
from keras_pooling.implementations import torch as implementation


def tensors(forged):
    values = {k: v for k, v in forged.inputs.items() if k != "regions"}
    edges = [torch.tensor(row) for row in forged.inputs.get("regions", ())]
    return {k: torch.tensor(v) for k, v in values.items()}, edges


def operator(forged):
    given, edges = tensors(forged)
    attributes = {"channels_first": False, **forged.attributes}
    items = [f"{k}={implementation._value_text(v)}" for k, v in attributes.items()]
    joined = torch.cat(edges, -1) if edges else None
    sizes = given["size"].tolist() if "size" in given else list(forged.output[1:-1])
    ops, rest = torch.ops.keras_pooling, (joined, ";".join(items), sizes)
    if forged.op == "SelectingPool":
        return ops.selecting_pool_values(given["x"], None, *rest)
    if forged.op == "BlendingPool":
        return ops.blending_pool_plain(given["x"], None, *rest)
    if forged.op == "SelectingPoolGrad":
        return ops.selecting_pool_grad(given["dy"], given["taps"], *rest, False)
    if forged.op == "BlendingPoolGrad":
        return ops.blending_pool_grad(given["dy"], None, None, None, *rest, False)
    draw = given["draw"].tolist()
    return ops.fractional_regions(given["seed"], *draw, True, 0)


def c_entry(forged):
    given, edges = tensors(forged)
    inputs = [*given.values(), *edges]
    draws = forged.op == "FractionalRegions"
    output = torch.empty(forged.output, dtype=torch.int64 if draws else torch.float32)
    kinds = [(implementation._DTYPES[x.dtype], x.shape) for x in (*inputs, output)]
    op = entry.Op(forged.op, forged.attributes)
    frame = entry.Frame(op, kinds[:-1], kinds[-1:])
    frame.run([tensor.data_ptr() for tensor in (*inputs, output)])


@pytest.mark.parametrize("run", [operator, c_entry], ids=lambda run: run.__name__)
@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged.id)
def test_a_forged_call_is_an_error_and_the_next_call_works(forged, run):
    with pytest.raises((ValueError, RuntimeError, IndexError)) as caught:
        run(forged)
    # PyTorch itself refuses some shapes, before the core sees them.
    if isinstance(caught.value, ValueError):
        missing = [word for word in forged.words if word not in str(caught.value)]
        assert not missing, f"no {missing} in: {caught.value}"
    else:
        assert run is operator
    x = torch.arange(4.0).reshape(1, 4, 1)
    assert kp.ops.max_pool(x, 2).ravel().tolist() == [1, 3]
