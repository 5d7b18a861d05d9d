"""Keras's own pooling tests, from the installed wheel, on our layers."""

import importlib
import unittest

import keras
import pytest
from keras.src import layers as keras_layers
from keras.src.testing import TestCase

import keras_pooling as kp
from keras_pooling.layers.base import BasePooling

NAMES = {
    "max_pooling_test": ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"],
    "average_pooling_test": [
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
    ],
    **{
        f"adaptive_pooling{rank}d_test": [
            f"AdaptiveMaxPooling{rank}D",
            f"AdaptiveAveragePooling{rank}D",
        ]
        for rank in (1, 2, 3)
    },
    "global_max_pooling_test": [
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalMaxPooling3D",
    ],
    "global_average_pooling_test": [
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
    ],
}


@pytest.mark.parametrize("file", NAMES)
def test_keras_own_tests_pass_on_our_layers(file, monkeypatch):
    called = set()
    pool = BasePooling.pool

    def recording_pool(layer, inputs, **more):
        if not isinstance(inputs, keras.KerasTensor):
            called.update(type(layer).__mro__)
        return pool(layer, inputs, **more)

    run_layer_test = TestCase.run_layer_test

    def with_our_masks(test, cls, *args, supports_masking=None, **kwargs):
        # The one thing that differs: ours pool by the masks that Keras's leave aside.
        if supports_masking is not None and issubclass(cls, BasePooling):
            supports_masking = cls.rank == 1
        return run_layer_test(
            *(test, cls, *args), supports_masking=supports_masking, **kwargs
        )

    monkeypatch.setattr(TestCase, "run_layer_test", with_our_masks)
    monkeypatch.setattr(BasePooling, "pool", recording_pool)
    for name in NAMES[file]:
        monkeypatch.setattr(keras_layers, name, getattr(kp, name))
    tests = unittest.defaultTestLoader.loadTestsFromModule(
        importlib.import_module(f"keras.src.layers.pooling.{file}")
    )
    result = unittest.TestResult()
    tests.run(result)

    problems = [text for _, text in result.failures + result.errors]
    assert not problems, f"{len(problems)} failed. The first: {problems[0]}"
    assert result.testsRun - len(result.skipped) >= 6  # each class, shapes and values
    assert called >= {getattr(kp, name) for name in NAMES[file]}
