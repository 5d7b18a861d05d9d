"""The runner's side of a worker process; knows nothing of what is measured."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers import Peer

_WORKER = Path(__file__).with_name("worker.py")
_START_SECONDS = 120


class Ended(Exception):
    """The worker died or took too long; it is not running any more."""


class Worker:
    """A process of one peer with a fixed number of threads.

    Args:
        peer: what it runs.
        threads: how many threads it may use.
        cpus: the CPUs it may use.
    """

    def __init__(self, peer: Peer, threads: int, cpus: list[int]):
        self.peer = peer
        self.versions: dict[str, str] = {}
        self.alive = True
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        count = str(threads)
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_PLATFORMS": "cpu",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "TF_NUM_INTRAOP_THREADS": count,
            "TF_NUM_INTEROP_THREADS": count,
            **peer.environment,
        }
        places = ",".join(str(cpu) for cpu in cpus[:threads])
        self._process = subprocess.Popen(
            [peer.python, os.fspath(_WORKER), peer.name, peer.module, count, places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )

    def wait_until_ready(self) -> None:
        """Waits for the framework to be imported.

        Raises:
            Ended: It could not be; the text holds what the process said last.
        """
        self.versions = self.answer(_START_SECONDS)["versions"]

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Sends a request and waits for the answer.

        Raises:
            Ended: The process died before, or does not answer in time.
        """
        self.send(request)
        return self.answer(seconds)

    def send(self, request: dict[str, Any]) -> None:
        """Sends a request; `answer` is to be called before the next."""
        # A process that has died is noticed when its answer is read.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write((json.dumps(request) + "\n").encode())
            self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any]:
        """Waits for the answer to what was sent."""
        # One line is one answer and none is asked for before the last came, so that
        # nothing is left in the buffer when the pipe is waited for.
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not ready:
            self._process.kill()
            raise Ended(f"no answer within {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Ended(self._last_words())
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self.alive = False
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1] if lines else f"exit code {self._process.poll()}"


class Workers:
    """The workers of a run, started when they are first needed.

    Args:
        cpus: the CPUs that they share.
    """

    def __init__(self, cpus: list[int]):
        self.versions: dict[str, dict[str, str]] = {}
        self.failed: dict[str, str] = {}  # peers that cannot start, and why
        self._cpus = cpus
        self._workers: dict[tuple[str, int], Worker] = {}

    def get(self, peers: list[Peer], threads: int) -> list[Worker]:
        """Returns the workers of these peers, and leaves out those that cannot run."""
        fresh = []
        for peer in peers:
            key = (peer.name, threads)
            if key in self._workers or peer.name in self.failed:
                continue
            if not Path(peer.python).exists():
                self.failed[peer.name] = "not installed: `make bench` installs it"
                continue
            self._workers[key] = Worker(peer, threads, self._cpus)
            fresh.append(self._workers[key])
        for worker in fresh:
            try:
                worker.wait_until_ready()
                self.versions[worker.peer.name] = worker.versions
            except Ended as reason:
                self.drop(worker)
                self.failed[worker.peer.name] = str(reason)
                print(f"{worker.peer.name} does not start: {reason}", file=sys.stderr)
        keys = ((peer.name, threads) for peer in peers)
        return [self._workers[key] for key in keys if key in self._workers]

    def drop(self, worker: Worker) -> None:
        """Ends a worker; the next row that needs it gets a new one."""
        self._workers = {k: w for k, w in self._workers.items() if w is not worker}
        worker.close()

    def keep_only(self, threads: int) -> None:
        """Ends the workers that have another number of threads."""
        for (_, count), worker in list(self._workers.items()):
            if count != threads:
                self.drop(worker)

    def close(self) -> None:
        """Ends all."""
        for worker in list(self._workers.values()):
            self.drop(worker)
