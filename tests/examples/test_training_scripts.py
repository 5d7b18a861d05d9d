"""The scripts that train one network, on little data: each still learns."""

import re
from pathlib import Path

import pytest
from processes import run_python

EXAMPLES = Path(__file__).parents[2] / "examples"
# The accuracy that must be reached, and that of guessing.
SCRIPTS = {
    "audio_tones": (0.7, 1 / 5),
    "vgg_on_photographs": (0.75, 1 / 3),
}
# Ends the process, as a machine that goes down does, after the second epoch.
CUTS_OFF = """
import os, runpy, sys
from pathlib import Path
import keras
keep = keras.callbacks.BackupAndRestore.on_epoch_end
def keep_and_end(self, epoch, logs=None):
    keep(self, epoch, logs)
    if epoch == 1:
        os._exit(9)
keras.callbacks.BackupAndRestore.on_epoch_end = keep_and_end
sys.argv[:] = sys.argv[1:]
sys.path.insert(0, str(Path(sys.argv[0]).parent))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def accuracy(done, name, folder):
    last = done.stdout.splitlines()[-1]
    (percent,) = re.fullmatch(r"Held-out accuracy: (.*)% of \d+", last).groups()
    assert (folder / f"{name}.keras").is_file()
    assert not (folder / f"{name}_backup").exists()
    return float(percent) / 100


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_learns(name, tmp_path):
    script = str(EXAMPLES / f"{name}.py")
    done = run_python(script, "--quick", "--output-dir", str(tmp_path))
    least, guessing = SCRIPTS[name]
    assert accuracy(done, name, tmp_path) > least > 2 * guessing


def test_a_run_that_was_cut_off_goes_on_and_learns(tmp_path):
    name = "video_shapes"
    arguments = (str(EXAMPLES / f"{name}.py"), "--quick", "--output-dir", str(tmp_path))
    first = run_python("-c", CUTS_OFF, *arguments, fails=True)
    assert "Epoch 2/6" in first.stdout and "Epoch 3/6" not in first.stdout
    second = run_python(*arguments)
    assert "Epoch 2/6" not in second.stdout and "Epoch 3/6" in second.stdout
    assert accuracy(second, name, tmp_path) > 0.8
