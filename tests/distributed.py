"""Trains small models on several devices or in several processes.

As a script: `python distributed.py WHAT ARGUMENTS…` prints a line of JSON.
"""

import json
import os
import signal
import sys

import keras
import numpy as np

import keras_pooling as kp

SHAPE, BATCH, BATCHES, EPOCHS = (9, 10, 2), 4, 3, 2
SGD = {"learning_rate": 0.002, "momentum": 0.5}


def data():
    """Images and targets, the same in every process."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH * BATCHES, *SHAPE)).astype("float32")
    return x, x.mean((1, 2, 3))[:, None]


def model(draws=False):
    """Pools of every kind of gradient; the weights are the same in every process."""
    keras.utils.set_random_seed(1)
    pools = [kp.MaxPooling2D(2), kp.LpPool2D(2, 1), kp.AdaptiveAvgPool2D(2)]
    if draws:
        pools = [kp.StochasticPool2D(2, seed=3), kp.FractionalMaxPool2D(1.3, seed=4)]
    convolution = keras.layers.Conv2D(3, 3, padding="same", activation="softplus")
    dense = [keras.layers.Flatten(), keras.layers.Dense(1)]
    made = keras.Sequential([keras.Input(SHAPE), convolution, *pools, *dense])
    made.compile(keras.optimizers.SGD(**SGD), "mse")
    return made


def fitted(made, **options):
    x, y = data()
    options = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False, **options}
    return made.fit(x, y, verbose=0, **options).history["loss"]


def digest(made):
    return [float(np.sum(weight * 1.0)) for weight in made.get_weights()]


def alone():
    """One process, one device."""
    return fitted(model())


def replicas_draws(strategy):
    """What the replicas of this process draw for the same image."""
    import tensorflow as tf

    with strategy.scope():
        layer = kp.StochasticPool2D(2, seed=3)
    x = tf.random.stateless_uniform((1, 16, 16, 1), (1, 2))
    drawn = strategy.run(tf.function(lambda: layer(x, training=True)))
    drawn = strategy.experimental_local_results(drawn)
    return [y.numpy().ravel().tolist() for y in drawn]


def mirrored():
    """One process, two logical devices of TensorFlow's."""
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        made = model()
    return {"losses": fitted(made), "draws": replicas_draws(strategy)}


def worker(index, *ports):
    """One of several processes of a `MultiWorkerMirroredStrategy`."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    task = {"type": "worker", "index": int(index)}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        made = model()
    draws = replicas_draws(strategy)
    dataset = tf.data.Dataset.from_tensor_slices(data()).batch(BATCH)
    options = tf.data.Options()
    policy = tf.data.experimental.AutoShardPolicy.DATA
    options.experimental_distribute.auto_shard_policy = policy
    dataset = dataset.with_options(options)

    def of_replica(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((made(x, training=True) - y) ** 2) / BATCH
        variables = made.trainable_variables
        made.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    @tf.function
    def step(x, y):
        loss = strategy.run(of_replica, args=(x, y))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)

    losses = []
    for _ in range(EPOCHS):  # Keras's `fit` knows no strategy of several processes
        batches = strategy.experimental_distribute_dataset(dataset)
        losses.append(float(np.mean([step(x, y) for x, y in batches])))
    return {"losses": losses, "draws": draws, "weights": digest(made)}


def data_parallel():
    """JAX: one process, two devices, each with half of every batch."""
    import jax

    alone = fitted(model())
    alone_drawing = fitted(model(draws=True))
    devices = jax.devices("cpu")
    assert len(devices) == 2
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices)
    )
    losses = fitted(model())
    return {
        "alone": [alone, alone_drawing],
        "losses": [losses, fitted(model(draws=True))],
    }


def ddp(rank, port):
    """PyTorch: one of two processes, each with half of every batch."""
    import torch
    import torch.distributed

    rank, port = int(rank), int(port)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    made = model()
    parallel = torch.nn.parallel.DistributedDataParallel(made)
    optimizer = torch.optim.SGD(
        parallel.parameters(), lr=SGD["learning_rate"], momentum=SGD["momentum"]
    )
    losses, (x, y) = [], map(torch.from_numpy, data())
    for _ in range(EPOCHS):
        parts = []
        for first in range(0, len(x), BATCH):
            half = slice(first + rank * BATCH // 2, first + (rank + 1) * BATCH // 2)
            optimizer.zero_grad()
            loss = ((parallel(x[half]) - y[half]) ** 2).mean()
            loss.backward()
            optimizer.step()
            mean = loss.detach().clone()
            torch.distributed.all_reduce(mean)
            parts.append(mean.item() / 2)
        losses.append(float(np.mean(parts)))
    # Both end together: else one's threads may wait for the other, which is gone.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    return {"losses": losses, "weights": digest(made)}


def resumed(folder, batch):
    """Trains with backups; kills itself after so many batches, if not 0."""

    class Kill(keras.callbacks.Callback):
        left = int(batch)

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    made = model(draws=True)
    backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    losses = fitted(made, epochs=3, callbacks=[backup, Kill()])
    return {"losses": losses, "weights": digest(made)}


PARTS = (alone, mirrored, worker, data_parallel, ddp, resumed)

if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    (part,) = [part for part in PARTS if part.__name__ == what]
    print(json.dumps(part(*arguments)))
