"""Writes _build_info.py beside the libraries of a folder: what they are, made by what.

    python write_build_info.py FOLDER TENSORFLOW_VERSION COMPILER MACHINE

For CMake, when all libraries are installed, and stripped. The loader compares a library
with its digest before it loads it. BLAKE2b is as strong as SHA-256 and takes 4 ms for
the 6 MB here on any processor; SHA-256 takes 3 ms, and without instructions for it 8.
"""

import hashlib
import sys
from pathlib import Path

LIBRARIES = ("libkeras_pooling.so", "_keras_pooling_ops.so", "_keras_pooling_xla.so")


def digest_of(path: Path) -> str:
    """As `b2sum -l 256` prints it."""
    return hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()


def text_of(folder: Path, tensorflow: str, compiler: str, machine: str) -> str:
    """The record of a folder's libraries."""
    lines = [
        '"""What the compiled ops beside this file are. Written by the build."""',
        "",
        f'TENSORFLOW_VERSION = "{tensorflow}"',
        f'COMPILER = "{compiler}"',
        f'MACHINE = "{machine}"',
        "# Of each library its size in bytes and its digest, by BLAKE2b.",
        "LIBRARIES = {",
    ]
    for path in (folder / name for name in LIBRARIES):
        if path.exists():
            lines.append(
                f'    "{path.name}": ({path.stat().st_size}, "{digest_of(path)}"),'
            )
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "_build_info.py").write_text(text_of(folder, *sys.argv[2:]))
