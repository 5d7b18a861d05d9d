"""Who is compared: one line per peer. Plain data: imports no framework.

To add a peer, add a line to `PEERS` and, for a new framework, a module beside this file
with `prepare(row, variant) -> Prepared`, which raises `Unsupported` where it must.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parents[1]
# The environment of each framework: ours, with TensorFlow and the runtimes that tests
# need, and that of the other peers.
_OURS = sys.executable
_THEIRS = os.fspath(_HERE.parent / ".venv-bench" / "bin" / "python")

OURS = "ours"
BEFORE = "before"  # another build of ours, if `KERAS_POOLING_BEFORE` names its Python
COPY = "copy"  # not a rival: what the memory of this machine allows


CORE = "core"  # ours too, called without a framework
HOSTS = (f"{OURS}-jax", f"{OURS}-torch", CORE)  # ours too, in other ways


@dataclass(frozen=True)
class Peer:
    """One column of the table.

    Attributes:
        name: what `make bench PEERS=…` selects.
        title: the head of its column.
        module: the module of this package that runs it.
        python: the interpreter that has its framework.
        environment: variables set in its process.
    """

    name: str
    title: str
    module: str
    python: str = _THEIRS
    environment: dict[str, str] = field(default_factory=dict)


_REQUIRED = {"KERAS_POOLING_REQUIRE_COMPILED": "1"}
_COMPILED = _REQUIRED | {"TF_ENABLE_ONEDNN_OPTS": "1"}
_ONEDNN, _PLAIN = {"TF_ENABLE_ONEDNN_OPTS": "1"}, {"TF_ENABLE_ONEDNN_OPTS": "0"}

PEERS = (
    Peer(OURS, "keras_pooling", "tensorflow_peer", _OURS, _COMPILED),
    *(
        Peer(BEFORE, "before", "tensorflow_peer", python, _COMPILED)
        for python in [os.environ.get("KERAS_POOLING_BEFORE")]
        if python
    ),
    *(
        Peer(f"{OURS}-{name}", f"ours, {title}", f"{name}_peer", _OURS, environment)
        for name, title in {"jax": "JAX", "torch": "torch"}.items()
        for environment in [_REQUIRED | {"KERAS_BACKEND": name}]
    ),
    Peer(CORE, "ours, C entry", "core_peer", _OURS, _REQUIRED),
    Peer("tf", "TF", "tensorflow_peer", _OURS, _ONEDNN),
    Peer("tf-eager", "TF eager", "tensorflow_peer", _OURS, _ONEDNN),
    Peer("tf-plain", "TF, no oneDNN", "tensorflow_peer", _OURS, _PLAIN),
    Peer("tf-xla", "TF XLA", "tensorflow_peer", _OURS, _ONEDNN),
    Peer("torch-nhwc", "torch NHWC", "torch_peer"),
    Peer("torch-nchw", "torch NCHW", "torch_peer"),
    Peer("ort", "ORT", "onnxruntime_peer"),
    Peer("openvino", "OpenVINO", "openvino_peer", _OURS),
    Peer("litert", "LiteRT", "litert_peer", _OURS),
    Peer("jax", "JAX", "jax_peer"),
    Peer(COPY, "copy", "copy_peer", _OURS),
)


def chosen(names: str) -> list[Peer]:
    """Returns the peers of comma-separated names; ours and the copy always.

    Raises:
        ValueError: A name is not that of a peer.
    """
    asked = {name.strip() for name in names.split(",") if name.strip()}
    unknown = asked - {peer.name for peer in PEERS}
    if unknown:
        known = ", ".join(peer.name for peer in PEERS)
        raise ValueError(f"no peer is called {sorted(unknown)[0]!r}. Peers: {known}")
    asked = asked | {OURS, COPY} if asked else {peer.name for peer in PEERS}
    return [peer for peer in PEERS if peer.name in asked]
