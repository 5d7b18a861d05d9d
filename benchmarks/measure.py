"""Takes rows and peers through one run, turn by turn; knows no framework, no report."""

from __future__ import annotations

import dataclasses
import datetime
import math
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import machine
from peers import COPY, OURS, Peer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from row import Row
from session import Ended, Worker, Workers

TURN_MS = 60.0  # a turn has as many calls as fit into this, and at least one
SLOW_MS = 500.0  # a call this long fills the caches by itself
ENOUGH_MS = 5000.0  # a slow peer gets fewer turns: this much of one row is enough
PAUSE_SECONDS = 0.005  # threads that wait by spinning give up within it
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2}

Say = Callable[[str], None]


def run(
    rows: list[Row], peers: list[Peer], rounds: int, patience: float
) -> dict[str, Any]:
    """Returns the results of a run, as they are written.

    Args:
        rows: what to measure.
        peers: who takes part.
        rounds: turns of each peer in each row.
        patience: seconds a peer may take to prepare a row.
    """
    workers = Workers(machine.separate_cpus())
    about = machine.describe()
    text = TextColumn("{task.description:42}")
    records = []
    try:
        with Progress(text, BarColumn(), MofNCompleteColumn(), Remaining()) as progress:
            task = progress.add_task("starting the peers", total=len(rows))
            for row in rows:
                say = _speaker(progress, task, row)
                records.append(_measure(row, peers, workers, rounds, patience, say))
                progress.advance(task)
    finally:
        workers.close()
    return {
        "machine": about,
        "date": datetime.datetime.now().isoformat(timespec="seconds"),
        "rounds": rounds,
        "versions": workers.versions,
        "failed": workers.failed,
        "peers": [peer.name for peer in peers if peer.name not in workers.failed],
        "rows": records,
    }


def _speaker(progress: Progress, task: Any, row: Row) -> Say:
    def say(text: str) -> None:
        progress.update(task, description=f"{row.key}: {text}")

    return say


def _measure(
    row: Row,
    peers: list[Peer],
    workers: Workers,
    rounds: int,
    patience: float,
    say: Say,
) -> dict[str, Any]:
    """Returns one row's times of every peer that can run it."""
    record = _described(row)
    record["unsupported"] = lacks = {}
    peers = [p for p in peers if not row.peers or p.name in (OURS, COPY, *row.peers)]
    if row.kind == "memory":
        for peer in peers:
            workers.close()  # a peak is that of a process, so it must be a fresh one
            _, peaks = _prepare(row, [peer], workers, patience, lacks, say)
            record["times"] |= {name: _times([peak]) for name, peak in peaks.items()}
        workers.close()
        return record
    workers.keep_only(row.threads)  # one process less waits and takes memory
    ready, _ = _prepare(row, peers, workers, patience, lacks, say)
    if any(worker.peer.name == OURS for worker in ready):
        record["differs"] = _disagreeing(row, ready)
        record["times"] = _take_turns(row, ready, workers, rounds, lacks, say)
    for worker in ready:
        if worker.alive:
            worker.ask({"do": "release"}, patience)
    return record


def _prepare(
    row: Row,
    peers: list[Peer],
    workers: Workers,
    patience: float,
    lacks: dict[str, str],
    say: Say,
) -> tuple[dict[Worker, dict[str, Any]], dict[str, float]]:
    """Returns the workers that have the row ready, and what was measured on the way."""
    ready, measured = {}, {}
    workers_of_row = workers.get(peers, row.threads)
    request = {"do": "prepare", "row": dataclasses.asdict(row)}
    # We come first, since without us there is nothing to compare; the others compile
    # side by side, as nothing is measured yet.
    for group in (workers_of_row[:1], workers_of_row[1:]):
        say("preparing")
        for worker in group:
            worker.send(request)
        for worker in group:
            name = worker.peer.name
            try:
                answer = worker.answer(patience)
            except Ended as reason:
                workers.drop(worker)
                answer = {"unsupported": str(reason)}
            if "unsupported" in answer:
                lacks[name] = answer["unsupported"]
            elif "measured" in answer:
                measured[name] = answer["measured"]
            else:
                ready[worker] = answer
        if OURS in lacks or OURS in workers.failed:
            break
    return ready, measured


def _take_turns(
    row: Row,
    ready: dict[Worker, dict[str, Any]],
    workers: Workers,
    rounds: int,
    lacks: dict[str, str],
    say: Say,
) -> dict[str, dict[str, float]]:
    order = random.Random(0)
    values: dict[Worker, list[float]] = {worker: [] for worker in ready}
    for turn in range(rounds):
        for worker in order.sample(list(values), len(values)):
            first = ready[worker]["value"]
            if turn * first > ENOUGH_MS:
                continue
            say(f"{worker.peer.name} {turn + 1}/{rounds}")
            calls = max(1, min(200, round(TURN_MS / max(first, 1e-3))))
            request = {"do": "run", "calls": calls, "warm": first < SLOW_MS}
            time.sleep(PAUSE_SECONDS)
            try:
                answer = worker.ask(request, 60 + calls * first / 100)
                values[worker] += answer["values"]
            except Ended as reason:
                workers.drop(worker)
                lacks[worker.peer.name] = str(reason)
                del values[worker]
    return {w.peer.name: _times(times, row.calls) for w, times in values.items()}


def _times(values: list[float], calls: int = 1) -> dict[str, float]:
    """The median for one pool, and the range that half of the values lie in."""
    values = sorted(value / calls for value in values)
    low, high = values[len(values) // 4], values[(3 * len(values)) // 4]
    numbers = {"median": statistics.median(values), "low": low, "high": high}
    rounded = {name: float(f"{value:.5g}") for name, value in numbers.items()}
    return rounded | {"count": len(values)}


def _disagreeing(row: Row, ready: dict[Worker, dict[str, Any]]) -> list[str]:
    """The peers whose results are not ours: they compute something else."""
    sums = {worker.peer.name: answer["sums"] for worker, answer in ready.items()}
    ours = sums.pop(OURS, [])
    near = {"abs_tol": 1e-4, "rel_tol": TOLERANCE.get(row.dtype, 1e-4)}

    def equal(theirs: list[float]) -> bool:
        pairs = zip(ours, theirs, strict=True)
        return all(math.isclose(a, b, **near) for a, b in pairs)

    return [name for name, theirs in sums.items() if theirs and not equal(theirs)]


def _described(row: Row) -> dict[str, Any]:
    """What the report must know of a row, since the list of rows goes on changing."""
    return {
        "key": row.key,
        "mode": row.mode,
        "kind": row.kind,
        "shape": list(row.shape),
        "window": row.window,
        "dtype": row.dtype,
        "layout": row.layout,
        "threads": row.threads,
        "calls": row.calls,
        "unit": row.unit,
        "bytes": row.bytes_moved,
        "against": f"{row.against}/{row.mode}" if row.against else "",
        "bars": row.bars,
        "classes": row.classes,
        "times": {},
        "unsupported": {},
        "differs": [],
    }
