"""What machine this is, and which of its CPUs to measure on; knows no framework."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def describe() -> dict[str, str]:
    """Returns what the results of a run depend on, for a reader."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_name(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def cpu_name() -> str:
    """Returns the CPU's name and the widest vectors it has."""
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    known = flags.group(1).split() if flags else []
    widest = next((f for f in ("avx512f", "avx2") if f in known), "")
    title = name.group(1) if name else platform.machine()
    return f"{title} ({widest.removesuffix('f')})" if widest else title


def slug() -> str:
    """Returns the machine as a part of a file name."""
    words = re.sub(r"\((r|tm)\)|@.*|cpu|processor", " ", cpu_name().lower())
    name = "-".join(re.findall(r"[a-z0-9]+", words))
    return f"{name}-{len(os.sched_getaffinity(0))}cpu"


def separate_cpus() -> list[int]:
    """Returns the CPUs of this process, those of different cores first."""
    first, others, seen = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list")
        core = siblings.read_text() if siblings.exists() else str(cpu)
        (others if core in seen else first).append(cpu)
        seen.add(core)
    return first + others


def _commit() -> str:
    """The commit measured, with a + where files differ from it."""
    command = ["git", "-C", os.fspath(Path(__file__).parent), "describe"]
    command += ["--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""
