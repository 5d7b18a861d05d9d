"""Exported portable graphs, run with sizes that were not known when they were made."""

import exported_calls
import pytest
import tensorflow as tf
from processes import run_python

import keras_pooling as kp


@pytest.mark.parametrize(
    "call", exported_calls.CALLS.values(), ids=exported_calls.CALLS
)
def test_litert_runs_sizes_it_did_not_know(call):
    x = exported_calls.example(2, 13, 11, 3)
    with kp.force_portable():
        spec = tf.TensorSpec((None, None, None, 3))
        function = tf.function(call, input_signature=[spec])
        graphs = [function.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(graphs, function)
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    (given,), (result,) = (
        interpreter.get_input_details(),
        interpreter.get_output_details(),
    )
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(result["index"])
    exported_calls.assert_same(y, function(x).numpy(), x)


def test_pytorch_exports_sizes_it_does_not_know():
    script = exported_calls.__file__
    done = run_python(script, timeout=600, KERAS_BACKEND="torch")
    assert done.stdout.splitlines() == ["agrees"]
