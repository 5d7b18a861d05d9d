"""One peer's process: reads what to do as lines of JSON, answers with a line each.

Started by `session.py` as `worker.py NAME MODULE THREADS CPUS`. Only one worker of a
run computes at any time: each waits on its pipe until it is its turn.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

from row import Row


def main() -> None:
    """Serves until standard input ends."""
    name, module_name, threads, cpus = sys.argv[1:]
    # XLA and others count the CPUs that they may use, so this comes first.
    os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints must not be read as an answer
    module = importlib.import_module(f"peers.{module_name}")
    module.setup(int(threads))
    details = getattr(module, "details", lambda variant: {})(name)
    _answer(answers, {"versions": module.VERSIONS | details})
    prepared = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "prepare":
            prepared = None
            answer, prepared = _prepare(module, name, request["row"])
        elif request["do"] == "run":
            answer = {"values": _measure(prepared, request["calls"], request["warm"])}
        else:
            prepared, answer = None, {}
            gc.collect()
        _answer(answers, answer)


def _answer(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _prepare(module: Any, name: str, row: dict[str, Any]) -> tuple[dict, Any]:
    """Builds a row, runs it twice and times the second call, in milliseconds."""
    from peers.prepared import Unsupported, summary

    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    try:
        prepared = module.prepare(Row(**arguments), name)
        if prepared.measured is not None:
            return {"measured": prepared.measured}, None
        outcome = prepared.run()
        sums = summary(prepared.results(outcome)) if prepared.results else []
        del outcome
        return {"value": _measure(prepared, 1, False)[0], "sums": sums}, prepared
    except Unsupported as reason:
        return {"unsupported": str(reason)}, None
    except Exception as error:  # whatever a framework raises for what it lacks
        text = " ".join(str(error).split())
        return {"unsupported": f"{type(error).__name__}: {text[:200]}"}, None


def _measure(prepared: Any, calls: int, warm: bool) -> list[float]:
    """Returns the milliseconds of each call; `warm`: after one not timed."""
    if warm:
        prepared.run()
    values = []
    for _ in range(calls):
        start = time.perf_counter()
        prepared.run()  # and gives its results' memory back, which is part of it
        values.append(1e3 * (time.perf_counter() - start))
    return values


if __name__ == "__main__":
    main()
