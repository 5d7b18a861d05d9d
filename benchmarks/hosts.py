"""Our layers against Keras's own, on every backend that is installed.

`python benchmarks/hosts.py` starts one process per backend. In each the two take turns
in random order, a call each, as Keras's trainer runs layers there: in a graph on
TensorFlow, under `jit` on JAX, eagerly on PyTorch. Whole models are fitted and predict.
With `--portable` our layers leave the compiled ops aside. `--help` lists the options.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import machine
import models
import numpy as np
from peers import prepared
from row import Row, both

BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
RESULTS = Path(__file__).with_name("results")
# Seconds between two calls: XLA frees a program's scratch memory after it has said that
# it is done, 500 MB in 40 ms, which the next call would have to bear.
PAUSE = 0.06
CNN = (32, 56, 56, 64)
FIRST = {"layout": "channels_first"}
LINES = (
    both("max2", "max", CNN, calls=1),
    both("max3-valid", "max", CNN, 3, 2, calls=1),
    both("max3", "max", CNN, 3, 2, "same", calls=1),
    both("max3-dense", "max", CNN, 3, 1, "same", calls=1),
    both("avg2", "avg", CNN, calls=1),
    both("avg3", "avg", CNN, 3, 2, "same", calls=1),
    both("avg3-dense", "avg", CNN, 3, 1, "same", calls=1),
    both("global-max", "global_max", CNN, calls=1),
    both("global-avg", "global_avg", CNN, calls=1),
    both("adaptive-max", "adaptive_max", CNN, 7, calls=1),
    both("adaptive-avg", "adaptive_avg", CNN, 7, calls=1),
    both("uneven-max", "adaptive_max", CNN, 10, calls=1),
    both("uneven-avg", "adaptive_avg", CNN, 10, calls=1),
    both("uneven-max-first", "adaptive_max", CNN, 10, **FIRST, calls=1),
    both("uneven-avg-first", "adaptive_avg", CNN, 10, **FIRST, calls=1),
    both("max2-1d", "max", (8, 16000, 64), calls=1),
    both("max2-3d", "max", (4, 16, 56, 56, 64), calls=1),
    both("avg2-3d", "avg", (4, 16, 56, 56, 64), calls=1),
    both("max2-first", "max", CNN, **FIRST, calls=1),
    both("avg3-first", "avg", CNN, 3, 1, "same", **FIRST, calls=1),
    both("max2-f16", "max", CNN, dtype="float16", calls=1),
    both("avg2-f16", "avg", CNN, dtype="float16", calls=1),
)
ROWS = tuple(row for line in LINES for row in line)
INTRODUCTION = (
    "Written by `benchmarks/hosts.py`, not edited by hand. Keras's own layer's time",
    "over ours, both in one process with two threads: the median of the turns' ratios.",
    "In brackets our median in ms. ≠ marks another result.",
)


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="*", help="names, comma-separated; * allowed")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--rounds", type=int, default=15, help="calls of each layer")
    parser.add_argument("--portable", action="store_true", help="the portable path")
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Runs the command line."""
    options = parse()
    if options.worker:
        work(options.worker, chosen(options.rows), options.rounds, options.portable)
        return
    options.output_dir.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine.describe(), "rounds": options.rounds, "backends": {}}
    for backend in options.backends.split(","):
        if importlib.util.find_spec(BACKENDS[backend]) is None:
            print(f"{backend} is not installed", file=sys.stderr)
            continue
        command = [sys.executable, __file__, *sys.argv[1:], "--worker", backend]
        path = "PORTABLE" if options.portable else "REQUIRE_COMPILED"
        variables = {"KERAS_BACKEND": backend, f"KERAS_POOLING_{path}": "1"}
        variables |= {"OMP_NUM_THREADS": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **variables}
        records = results["backends"][backend] = []
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        for line in process.stdout:
            record = json.loads(line)
            records.append(record)
            print(backend, record["key"], cell(record), flush=True)
        if process.wait():
            sys.exit(f"the process of {backend} ended with {process.returncode}")
    date = datetime.date.today().isoformat()
    quick = "" if options.rows == "*" else "-quick"
    path = "portable" if options.portable else "hosts"
    target = options.output_dir / f"{path}-{machine.slug()}-{date}{quick}.json"
    target.write_text(json.dumps(results, indent=1) + "\n")
    title = "The portable path" if options.portable else "The compiled ops"
    target.with_suffix(".md").write_text(markdown(title, results, date))


def chosen(patterns: str) -> list[str]:
    """Returns the names of rows and models that match."""
    keys = [row.key for row in ROWS] + list(models.KEYS)
    return [
        key for key in keys if any(fnmatchcase(key, n) for n in patterns.split(","))
    ]


def markdown(title: str, results: dict[str, Any], date: str) -> str:
    """Returns the table: a line per row, a column per backend."""
    tables = {
        backend: {record["key"]: record for record in records}
        for backend, records in results["backends"].items()
    }
    about = results["machine"]
    lines = [f"# {title}: {about['cpu']}, {date}", "", *INTRODUCTION, ""]
    lines += [", ".join(f"{key}: {value}" for key, value in about.items()), ""]
    lines += ["| row | input | window | " + " | ".join(tables) + " |"]
    lines += ["|---|---|---|" + "--:|" * len(tables)]
    for row in ROWS:
        cells = [cell(t[row.key]) if row.key in t else "–" for t in tables.values()]
        shape = "×".join(map(str, row.shape))
        cells = [row.key, f"{row.kind.replace('_', ' ')} {shape}", row.window, *cells]
        lines.append("| " + " | ".join(cells) + " |")
    for key in models.KEYS:
        cells = [cell(t[key]) if key in t else "–" for t in tables.values()]
        lines.append(f"| {key} | {models.ABOUT[key]} | | " + " | ".join(cells) + " |")
    for mode in ("forward", "training"):
        cells = [mean(t, mode) for t in tables.values()]
        lines.append(f"| **geometric mean, {mode}** | | | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def cell(record: dict[str, Any]) -> str:
    """Returns the ratio and our time."""
    if "lacks" in record:
        return record["lacks"]
    differs = " ≠" if record["differs"] else ""
    return f"{record['ratio']:.2f}{differs} ({record['ours']:.3g})"


def mean(records: dict[str, dict[str, Any]], mode: str) -> str:
    """Returns the geometric mean of a backend's pools, whole models apart."""
    keys = [row.key for row in ROWS if row.mode == mode]
    ratios = [records[key]["ratio"] for key in keys if "ratio" in records.get(key, {})]
    return f"**{statistics.geometric_mean(ratios):.2f}**" if ratios else "–"


def work(backend: str, keys: list[str], rounds: int, portable: bool) -> None:
    """Measures rows and models on one backend and prints each as a line of JSON."""
    os.sched_setaffinity(0, machine.separate_cpus()[:2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if backend == "torch":
        import torch

        torch.set_num_threads(2)
    import keras_pooling as kp

    assert kp.build_info()["compiled"] != portable
    rows = {row.key: row for row in ROWS}
    for key in keys:
        try:
            if key in rows:
                record = measure(backend, rows[key], rounds)
            else:
                calls, tolerance = models.calls(key), 1e-4
                record = compared(calls, rounds, tolerance)
        except Exception as error:  # whatever Keras's layer raises for what it lacks
            record = {"lacks": type(error).__name__}
        answers.write(json.dumps({"key": key, **record}) + "\n")
        answers.flush()


def measure(backend: str, row: Row, rounds: int) -> dict[str, Any]:
    """Returns both layers' medians, that of the turns' ratios, and what differs."""
    import keras

    import keras_pooling as kp

    make = globals()[f"_on_{backend}"]
    (x,), (dy,) = (
        prepared.given(row, arrays)
        for arrays in (prepared.inputs(row), prepared.gradients(row))
    )
    calls = {"ours": make(layer(kp, row), row.mode, x, dy)}
    calls["keras"] = make(layer(keras.layers, row), row.mode, x, dy)
    return compared(calls, rounds, 1e-5 if row.dtype == "float32" else 1e-2)


def compared(
    calls: dict[str, Callable], rounds: int, tolerance: float
) -> dict[str, Any]:
    """Returns what `measure` does, of a call of ours and one of Keras's."""
    results = {name: [np.asarray(a) for a in call()] for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = random.Random(0)
    for turn in range(rounds + 1):
        for name in order.sample(list(calls), 2):
            time.sleep(PAUSE)
            start = time.perf_counter()
            calls[name]()
            if turn:  # the first is not counted
                times[name].append(1e3 * (time.perf_counter() - start))
    same = all(
        np.allclose(a, b, tolerance, tolerance)
        for a, b in zip(*results.values(), strict=True)
    )
    ratios = [b / a for a, b in zip(*times.values(), strict=True)]
    numbers = {name: statistics.median(values) for name, values in times.items()}
    numbers["ratio"] = statistics.median(ratios)
    rounded = {name: float(f"{value:.5g}") for name, value in numbers.items()}
    return rounded | {"differs": not same}


def layer(layers: Any, row: Row) -> Callable:
    """Returns the layer of a row, Keras's or ours."""
    rank, kind = len(row.spatial), row.kind.split("_")[-1]
    name = {"max": "Max", "avg": "Average"}[kind] + f"Pooling{rank}D"
    options = {"data_format": row.layout, "dtype": row.dtype}
    if row.kind.startswith("global"):
        return getattr(layers, f"Global{name}")(keepdims=True, **options)
    if row.kind.startswith("adaptive"):
        return getattr(layers, f"Adaptive{name}")(row.pool_size, **options)
    return getattr(layers, name)(row.pool_size, row.step, row.padding, **options)


def _on_tensorflow(pool: Callable, mode: str, x: Any, dy: Any) -> Callable:
    import tensorflow as tf

    x, dy = tf.constant(x), tf.constant(dy)

    @tf.function
    def forward(x: Any, dy: Any) -> tuple:
        return (pool(x),)

    @tf.function
    def training(x: Any, dy: Any) -> tuple:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool(x)
        return y, tape.gradient(y, x, output_gradients=dy)

    step = training if mode == "training" else forward
    return lambda: [y.numpy() for y in step(x, dy)]


def _on_jax(pool: Callable, mode: str, x: Any, dy: Any) -> Callable:
    import jax

    x, dy = jax.numpy.asarray(x), jax.numpy.asarray(dy)

    def training(x: Any, dy: Any) -> tuple:
        y, back = jax.vjp(pool, x)
        return y, *back(dy)

    step = jax.jit(training if mode == "training" else lambda x, dy: (pool(x),))
    return lambda: jax.block_until_ready(step(x, dy))


def _on_torch(pool: Callable, mode: str, x: Any, dy: Any) -> Callable:
    import torch

    x, dy = torch.from_numpy(x), torch.from_numpy(dy)

    def forward() -> list:
        with torch.no_grad():
            return [pool(x)]

    def training() -> list:
        leaf = x.detach().requires_grad_()
        y = pool(leaf)
        return [y.detach(), *torch.autograd.grad(y, leaf, dy)]

    return training if mode == "training" else forward


if __name__ == "__main__":
    main()
