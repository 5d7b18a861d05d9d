"""Prints "<folder>;<version>" of the TensorFlow this Python would import, or nothing.

For CMake: it imports no TensorFlow, since that takes seconds and needs a machine that
can run it, where finding it needs neither.
"""

import importlib.metadata
import importlib.util

spec = importlib.util.find_spec("tensorflow")
if spec is not None and spec.submodule_search_locations:
    # The distribution is called tensorflow, tensorflow-cpu, …; the folder is not.
    owner = importlib.metadata.packages_distributions()["tensorflow"][0]
    version = importlib.metadata.version(owner)
    print(f"{spec.submodule_search_locations[0]};{version}")
