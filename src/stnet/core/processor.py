"""What the processor of this machine can compute with."""

from pathlib import Path

# Names of the instructions in Linux' list: of Intel and AMD, and of ARM.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16; without, it is several times as slow as float32.

    torch would say the same, but takes seconds to import.
    """
    return bool(BFLOAT16 & set(cpuinfo.read_text().split()))
