"""Training on several devices and in several processes, and after an interruption."""

import json
import os
import signal
import socket
import subprocess
import sys

import distributed
import numpy as np
import pytest
from processes import TESTS

SECONDS = 300  # of a machine with much else to do; a few seconds otherwise


def start(what, *arguments, **environment):
    """Starts a part of `distributed.py` and returns the process."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, distributed.__file__, what, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )


def together(*processes):
    """What several processes print, all of which must end well in time."""
    try:
        done = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (out, errors) in zip(processes, done, strict=True):
        assert process.returncode == 0, out + errors
    return [json.loads(out.splitlines()[-1]) for out, _ in done]


def run(what, *arguments, **environment):
    (said,) = together(start(what, *arguments, **environment))
    return said


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def assert_same_training(losses, expected):
    """Sums over a batch are added in another order, in each of all steps."""
    steps = distributed.EPOCHS * distributed.BATCHES
    terms = distributed.BATCH * np.prod(distributed.SHAPE)
    rounding = steps * terms * np.finfo("float32").eps
    np.testing.assert_allclose(losses, expected, rtol=rounding)


@pytest.fixture(scope="module")
def alone():
    losses = run("alone")
    assert losses[-1] < losses[0]
    return losses


def test_mirrored_devices_train_as_one_and_draw_each_for_itself(alone):
    said = run("mirrored")
    assert_same_training(said["losses"], alone)
    one, other = said["draws"]
    assert one != other


def test_two_workers_train_as_one_process_and_draw_each_for_itself(alone):
    ports = free_ports(2)
    one, other = together(*(start("worker", i, *ports) for i in range(2)))
    assert_same_training(one["losses"], alone)
    assert_same_training(other["losses"], alone)
    assert one["weights"] == other["weights"]
    assert one["draws"] != other["draws"]


def test_jax_trains_and_draws_on_two_devices_as_on_one():
    flags = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    )
    said = run("data_parallel", KERAS_BACKEND="jax", XLA_FLAGS=flags)
    for losses, expected in zip(said["losses"], said["alone"], strict=True):
        assert_same_training(losses, expected)


def test_two_processes_of_pytorch_train_as_one():
    (port,) = free_ports(1)
    started = [start("ddp", rank, port, KERAS_BACKEND="torch") for rank in range(2)]
    one, other = together(*started)
    assert one["weights"] == other["weights"]
    assert_same_training(one["losses"], run("alone", KERAS_BACKEND="torch"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_training_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path, backend):
    undisturbed = start("resumed", tmp_path / "whole", 0, KERAS_BACKEND=backend)
    batches = distributed.BATCHES + 2  # in the second of three epochs
    arguments = ("resumed", tmp_path / "killed", batches)
    killed = start(*arguments, KERAS_BACKEND=backend)
    killed.communicate(timeout=SECONDS)
    assert killed.returncode == -signal.SIGKILL
    (whole,) = together(undisturbed)
    resumed = run("resumed", tmp_path / "killed", 0, KERAS_BACKEND=backend)
    assert resumed["weights"] == whole["weights"]
    assert resumed["losses"] == whole["losses"][1:]
