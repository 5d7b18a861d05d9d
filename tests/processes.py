"""Python processes of their own, each with a time limit. Knows no pooling."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def run_python(
    *arguments: str, fails: bool = False, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs Python and returns what it wrote; it must end well, or, if told so, fail.

    Modules of `tests/` can be imported there. The folder is that of the tests, not one
    where a source tree would hide the installed package.
    """
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done
