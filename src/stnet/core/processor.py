"""What the processor of this machine can compute with, and its name."""

import os
import platform
import re
from pathlib import Path

# Names of the instructions in Linux' list: of Intel and AMD, and of ARM.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
CPUINFO = Path("/proc/cpuinfo")
# What `machine` writes: the host, and its kind.
MACHINE = re.compile(r"machine: (?P<host>\S+): (?P<kind>.+)")


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the processor multiplies bfloat16; without, it is several times as slow as float32.

    torch would say the same, but takes seconds to import.
    """
    return cpuinfo.is_file() and bool(BFLOAT16 & set(cpuinfo.read_text().split()))


def machine(cpuinfo: Path = CPUINFO) -> str:
    """A line about this machine: its name, processor and number of logical cores."""
    model = platform.machine()
    if cpuinfo.is_file():
        # ARM's list has no names.
        with open(cpuinfo, encoding="utf-8", errors="replace") as lines:
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model n"))
            model = next(names, model)
    return f"machine: {platform.node() or 'unnamed'}: {model}, {os.cpu_count()} cores"
