"""Finds, checks and loads the compiled core and its adapters; knows nothing of what
they compute.

Of the frameworks, only the one that Keras runs on is imported.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import functools
import hashlib
import importlib
import importlib.metadata
import os
import platform
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

REBUILD_COMMAND = (
    "pip install --no-build-isolation --no-deps --force-reinstall . "
    "(in keras_pooling's source folder, after "
    "`pip install scikit-build-core cmake ninja`)"
)

_ABI = 1  # of the core's C entry, as custom_ops/hosts/c/keras_pooling.h has it

# A framework takes the names of our ops once per process, so only the first import of
# this package has them: neither another copy of it, nor the same one once more.
_FIRST = sys.modules.setdefault("_keras_pooling_first_import", sys.modules[__name__])

_portable_here: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "keras_pooling_portable", default=False
)


# The backends that the core serves.
HOSTS = ("jax", "tensorflow", "torch")
# How much faster a max pool trains compiled, roughly, than by Keras's own layer.
_GAINS = {"jax": "ten times", "tensorflow": "twice", "torch": "five times"}


class _Record(NamedTuple):
    """What the build says of the libraries beside `_build_info.py`."""

    folder: Path
    tensorflow: str  # the version they were built against
    machine: str
    libraries: dict[str, tuple[int, str]]  # by name, their size and digest


@dataclass
class _Outcome:
    """What the one attempt to load the library came to."""

    core: ctypes.CDLL | None = None
    ops: ModuleType | None = None  # TensorFlow's, where Keras runs on it
    problem: str = ""  # why it cannot be used: the portable path serves instead
    remedy: str = REBUILD_COMMAND
    bad_target: str = ""  # KERAS_POOLING_TARGET names no target: always an error
    xla_problem: str = ""  # why XLA cannot compile them: the portable path serves there
    warned: bool = False


_lock = threading.Lock()
_outcome: _Outcome | None = None


def load() -> ModuleType | None:
    """Returns TensorFlow's module of the compiled ops, or None where they cannot run.

    The library is loaded once per process, at the first call. Where it cannot be used,
    the first call warns, naming what was found and the command that mends it.

    Returns:
        The module of `tf.load_op_library`; None on other Keras backends, with
        `KERAS_POOLING_PORTABLE=1`, and where the library does not fit.

    Raises:
        ImportError: The library cannot be used and `KERAS_POOLING_REQUIRE_COMPILED=1`.
        ValueError: `KERAS_POOLING_TARGET` names no instruction set of this machine.
    """
    return _usable().ops


def core() -> ctypes.CDLL | None:
    """Returns the core, or None where it cannot be used; as `load()`, on any backend.

    Its functions are those of custom_ops/hosts/c/keras_pooling.h.
    """
    return _usable().core


def register() -> None:
    """Registers the compiled ops with TensorFlow, so that a SavedModel with them loads.

    `import keras_pooling` ends with this call. It says nothing and never fails: what
    went wrong is told by `load()`, at the first use.
    """
    _loaded()


def use_compiled(x: Any) -> bool:
    """Tells whether the compiled ops are to compute on `x`: the only such choice.

    Args:
        x: The tensor, eager or symbolic.

    Returns:
        True outside `force_portable()` where the library loads and `x` is on a CPU, or
        will be. Inside TensorFlow's XLA (`jit_compile=True`) the part of it that XLA
        needs must load too; where it does not, the first call warns.

    Raises:
        ImportError: Either does not load and `KERAS_POOLING_REQUIRE_COMPILED=1`.
    """
    is_on_cpu = _ON_CPU.get(_backend())
    if _portable_here.get() or is_on_cpu is None or not is_on_cpu(x):
        return False
    outcome = _usable()
    if outcome.core is None:
        return False
    if outcome.xla_problem and inside_xla():
        _fall_back(outcome, outcome.xla_problem)
        return False
    return True


def core_here() -> ctypes.CDLL | None:
    """As `core()`; None within `force_portable()`."""
    return None if _portable_here.get() else _usable().core


@contextlib.contextmanager
def force_portable() -> Iterator[None]:
    """Within it, this thread computes with `keras.ops` alone.

    A `tf.function` keeps the path it was traced with. `KERAS_POOLING_PORTABLE=1` in the
    environment does the same for a whole process.
    """
    token = _portable_here.set(True)
    try:
        yield
    finally:
        _portable_here.reset(token)


def build_info() -> dict[str, Any]:
    """Returns what was built, what runs, and which instruction set is in use.

    Returns:
        A dict with `version`, `tensorflow_built` and `tensorflow_running` (None where
        it is not imported), `compiled` (bool: the compiled ops are in use), `target`
        (the instruction set in use, None without compiled ops) and `targets` (all that
        this machine can run, best first).
    """
    core = core_here()
    try:
        built = _read_record().tensorflow or None
    except OSError:
        built = None
    running = sys.modules.get("tensorflow")
    return {
        "version": package_version(),
        "tensorflow_built": built,
        "tensorflow_running": getattr(running, "__version__", None),
        "compiled": core is not None,
        "target": _text(core.KerasPoolingTarget) if core else None,
        "targets": _text(core.KerasPoolingTargets).split(",") if core else [],
    }


def package_version() -> str:
    """Returns the installed package's version."""
    try:
        return importlib.metadata.version("keras_pooling")
    except importlib.metadata.PackageNotFoundError:  # a source tree, not installed
        return "0+unknown"


def is_first_import() -> bool:
    """Whether no other import of this package came before it in the process."""
    return _FIRST is sys.modules.get(__name__)


def _loaded() -> _Outcome:
    global _outcome
    if not _wanted():
        return _Outcome()
    if _outcome is None:
        # A second copy of the library would register duplicate kernels, after which
        # every call fails: whatever this attempt gives is final for the process.
        with _lock:
            if _outcome is None:
                _outcome = _attempt()
    return _outcome


def _usable() -> _Outcome:
    """What was loaded, or an outcome without anything after a warning or an error."""
    outcome = _loaded()
    if outcome.problem:
        _fall_back(outcome, outcome.problem)
        return _Outcome()
    if outcome.bad_target:
        raise ValueError(outcome.bad_target)
    return outcome


def _attempt() -> _Outcome:
    if not is_first_import():
        return _Outcome(
            problem="keras_pooling: its compiled ops belong to the copy that was "
            f"imported first, from {_folder_of(_FIRST)}.",
            remedy="start Python anew, with one copy on sys.path",
        )
    versions = ""
    try:
        record = _read_record()
        if _backend() == "tensorflow":
            versions = _tensorflow_versions(record.tensorflow)
        if record.machine != platform.machine():
            raise OSError(
                f"they are for {record.machine}, while this machine is "
                f"{platform.machine()}"
            )
        core = ctypes.CDLL(str(_checked(record, "libkeras_pooling.so")))
        if core.KerasPoolingAbi() != _ABI:
            raise OSError("libkeras_pooling.so is of another version of keras_pooling")
        outcome = _Outcome(core, bad_target=_text(core.KerasPoolingTargetError))
        if _backend() == "tensorflow":
            _load_adapters(outcome, record, versions)
    except _NotBuilt as error:
        return _Outcome(problem=f"keras_pooling: {error}.", remedy=error.remedy)
    except Exception as error:  # of the loader, or of TensorFlow's
        return _Outcome(
            problem=f"keras_pooling: its compiled ops{versions} do not load: "
            f"{_first_line(error)}."
        )
    return outcome


def _tensorflow_versions(built: str) -> str:
    """The two versions, to be named in messages. Raises OSError if they do not fit."""
    import tensorflow as tf

    # Checked before loading: TensorFlow's C++ interface changes with the minor version.
    if _minor(built) != _minor(tf.__version__):
        raise OSError(
            f"they are built against TensorFlow {built or 'none'}, while TensorFlow "
            f"{tf.__version__} runs"
        )
    return (
        f" (built against TensorFlow {built}, while TensorFlow {tf.__version__} runs)"
    )


def _load_adapters(outcome: _Outcome, record: _Record, versions: str) -> None:
    """Registers the ops with TensorFlow, and where that can be, with its XLA."""
    import tensorflow as tf

    ops = _checked(record, "_keras_pooling_ops.so")
    outcome.ops = tf.load_op_library(str(ops))
    # Not every build of one TensorFlow version has all that this second library needs.
    try:
        tf.load_library(str(_checked(record, "_keras_pooling_xla.so")))
    except (tf.errors.OpError, OSError) as error:
        outcome.xla_problem = (
            "keras_pooling: inside XLA (jit_compile=True) its compiled ops"
            f"{versions} cannot be used: {_first_line(error)}."
        )


def _checked(record: _Record, name: str) -> Path:
    """The path of a library, if it is as it was built.

    Of a file that was cut off, or overwritten, loading would end the process. This
    finds faults, not forgeries: who can write the library can write the record.

    Raises:
        OSError: if it is not.
    """
    path = record.folder / name
    if name not in record.libraries:
        raise OSError(f"{name} was not built")
    size, digest = record.libraries[name]
    try:
        found_size = path.stat().st_size
    except FileNotFoundError:
        raise OSError(f"{name} is missing from {record.folder}") from None
    if found_size != size:
        raise OSError(
            f"{name} was cut off or replaced: it has {found_size} bytes, and had "
            f"{size} when it was built"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32))
    if found.hexdigest() != digest:
        raise OSError(
            f"{name} was damaged or replaced: its digest is "
            f"{found.hexdigest()[:12]}…, and was {digest[:12]}… when it was built"
        )
    return path


def _fall_back(outcome: _Outcome, problem: str) -> None:
    """Warns, once, that the portable path serves; raises where that is forbidden."""
    if _is_set("KERAS_POOLING_REQUIRE_COMPILED"):
        raise _RequiredError(
            f"{problem} KERAS_POOLING_REQUIRE_COMPILED=1 forbids the portable path. "
            f"To mend it: {outcome.remedy}."
        )
    with _lock:
        first, outcome.warned = not outcome.warned, True
    if first:
        warnings.warn(
            f"{problem} The portable path is used instead, at the speed of Keras's own "
            f"layers: a compiled max pool trains about {_GAINS[_backend()]} as fast. "
            f"To mend it: {outcome.remedy}.",
            stacklevel=3,
        )


class _RequiredError(ImportError):
    """What was to be loaded, and nothing else, is not there."""

    # AutoGraph makes an error anew, with where it came from, by this alone.
    __init__ = Exception.__init__


class _NotBuilt(OSError):
    """There are no libraries beside this file."""

    def __init__(self) -> None:
        here = _folder_of(sys.modules[__name__])
        super().__init__(f"its compiled ops are not built in {here}")
        self.remedy = REBUILD_COMMAND
        for folder in map(Path, sys.path):
            other = folder / "keras_pooling"
            if other != here and (other / "_build_info.py").exists():
                self.remedy = (
                    f"have {folder}, whose copy is built, stand before {here.parent} "
                    f"on sys.path, or {REBUILD_COMMAND}"
                )
                break


def _read_record() -> _Record:
    """Raises OSError where there is none, or one that is damaged."""
    try:
        module = importlib.import_module("keras_pooling._build_info")
        libraries = {
            name: (int(size), str(digest))
            for name, (size, digest) in module.LIBRARIES.items()
        }
        versions = (str(module.TENSORFLOW_VERSION), str(module.MACHINE))
        return _Record(_folder_of(module), *versions, libraries)
    except ModuleNotFoundError:
        raise _NotBuilt() from None
    except Exception as error:  # a file that is damaged may raise whatever it likes
        raise OSError(
            f"_build_info.py is damaged ({type(error).__name__}: {_first_line(error)})"
        ) from error


def _folder_of(module: ModuleType) -> Path:
    return Path(module.__file__ or "").parent


def _wanted() -> bool:
    return _backend() in HOSTS and not _is_set("KERAS_POOLING_PORTABLE")


@functools.cache
def _backend() -> str:
    import keras

    return keras.config.backend()


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _text(function: Any) -> str:
    function.restype = ctypes.c_char_p
    return (function() or b"").decode()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def inside_xla() -> bool:
    """Tells whether a function is being traced for TensorFlow's XLA."""
    if _backend() != "tensorflow":
        return False
    from keras_pooling import _tensorflow_internals

    return _tensorflow_internals.inside_xla()


def _tensorflow_on_cpu(x: Any) -> bool:
    device = str(getattr(x, "device", "") or "").upper()
    if "GPU" in device or "TPU" in device:
        return False
    if "CPU" in device:
        return True
    # Not placed yet (inside a graph): TensorFlow places it on a GPU if it may use one.
    import tensorflow as tf

    return not any(tf.config.get_visible_devices(kind) for kind in ("GPU", "TPU"))


def _jax_on_cpu(x: Any) -> bool:
    import jax

    if isinstance(x, jax.core.Tracer):  # it will be where JAX puts things
        device = jax.config.jax_default_device
        default = getattr(device, "platform", device) or jax.default_backend()
        return default == "cpu"
    return all(device.platform == "cpu" for device in x.devices())


_ON_CPU = {
    "jax": _jax_on_cpu,
    "tensorflow": _tensorflow_on_cpu,
    "torch": lambda x: x.device.type == "cpu",
}
