"""What a user gives as a seed becomes the two words of one draw; draws nothing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import ArgumentError
from keras_pooling.ops.graphs import known

# The type of keras.random's seeds on each backend.
_DTYPES = {"tensorflow": "int64", "torch": "int32"}


def next_words(seed: Any) -> Any:
    """Tensor of two integers that no other call gets, nor another replica.

    Args:
        seed: `keras.random.SeedGenerator`, which advances, or two integers.
    """
    if isinstance(seed, keras.random.SeedGenerator):
        return _of_replica(seed.next())
    return _of_replica(_two_words(seed))


def first_word(generator: keras.random.SeedGenerator) -> Any:
    """The word of a seed that no draw moves, from 0 to 2³² − 1: int, or scalar tensor.

    It is a tensor where a function is being made, which will run for other states too.
    """
    word = generator.state[0]
    number = known(word)
    if number is not None:
        return int(number) % 2**32
    if keras.backend.standardize_dtype(word.dtype) == "uint32":
        return word
    # PyTorch has the same bits as a number below 0.
    return ops.cast(word, "int64") % 2**32


def check(seed: Any) -> None:
    """Refuses what is no seed of a function: a generator, two integers or None."""
    if seed is not None and not isinstance(seed, keras.random.SeedGenerator):
        _two_words(seed)


def generator_or_int(seed: Any) -> Any:
    """What a layer keeps as its seed: a generator, an int, or None for any.

    Args:
        seed: that, or the config of a generator.

    Raises:
        ArgumentError: if the seed is something else.
    """
    if isinstance(seed, dict):
        seed = keras.saving.deserialize_keras_object(seed)
    if seed is None or isinstance(seed, keras.random.SeedGenerator):
        return seed
    is_int = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_int or not 0 <= seed < 2**32:
        raise ArgumentError(
            f"the `seed` argument must be an int from 0 to {2**32 - 1}, a "
            f"`keras.random.SeedGenerator` or None. Received seed={seed!r}."
        )
    return int(seed)


def _two_words(seed: Any) -> Any:
    dtype = _DTYPES.get(keras.config.backend(), "uint32")
    if ops.is_tensor(seed):
        kind = keras.backend.standardize_dtype(seed.dtype)
        if tuple(seed.shape) == (2,) and "int" in kind:
            return ops.cast(seed, dtype)
    else:
        numbers = seed.tolist() if isinstance(seed, np.ndarray) else seed
        if _are_two_integers(numbers):
            # The low 32 bits of each, as the dtype holds them.
            words = [int(number) % 2**32 for number in numbers]
            if dtype == "int32":
                words = [word - 2**32 if word >= 2**31 else word for word in words]
            return ops.convert_to_tensor(words, dtype)
    raise ArgumentError(
        "the `seed` argument must be a `keras.random.SeedGenerator`, or two "
        f"integers. Received seed={seed!r}. Use for example seed=(1234, 0), with "
        "another second number in every call."
    )


def _are_two_integers(numbers: Any) -> bool:
    if not isinstance(numbers, tuple | list) or len(numbers) != 2:
        return False
    return all(
        isinstance(number, int | np.integer) and not isinstance(number, bool)
        for number in numbers
    )


def _of_replica(words: Any) -> Any:
    """Changes the words on all but the first replica of a `tf.distribute` strategy."""
    if keras.config.backend() != "tensorflow":
        return words
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return words
    # A constant that no two seeds a user is likely to take differ by.
    replica = tf.cast(context.replica_id_in_sync_group, words.dtype)
    mixed = tf.bitwise.bitwise_and(replica * 0x9E3779B1, 0x7FFFFFFF)
    return tf.bitwise.bitwise_xor(words, tf.stack([mixed, tf.zeros_like(mixed)]))
