"""The patches of views on disk: how much they take, and letting go of those that nothing needs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stnet.planning.pending import Job


def patch_bytes(n_spots: int, side: int) -> int:
    """Bytes of patches of `side` x `side` pixels in red, green and blue."""
    return n_spots * side * side * 3


def patch_files(view: str | Path) -> list[Path]:
    """The patch files in a view's folder, sorted."""
    return sorted(Path(view).glob("*.npy"))


def size(files: Iterable[Path]) -> int:
    """Bytes of files."""
    return sum(path.stat().st_size for path in files)


def in_words(n_bytes: float) -> str:
    """Bytes in words, 10^9 to the GB, as disks are sold and Snakemake counts memory."""
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.2f} MB"


def remove_views(folders: Sequence[str | Path], needing: Mapping[Path, Sequence[Job]]) -> list[str]:
    """Delete the patch files of the views in `folders` that no job of `needing` reads or writes.

    `folders` have a folder a view. The index of a view stays: it says what the patches are, so
    that finished networks have no reason to be trained again, and by it the patches are made again
    where they are read (`stnet.slides.patches.read_patches`).

    Returns a line a view and one in total.
    """
    lines, total = [], 0
    for view in sorted(view for folder in folders for view in Path(folder).glob("*")):
        files = patch_files(view)
        if not files:
            continue
        if view in needing:
            job, more = needing[view][0], len(needing[view]) - 1
            others = f" and {more} more jobs" if more else ""
            lines.append(f"kept     {view}: needed by {job.rule} of {job.outputs[0]}{others}")
            continue
        freed = size(files)
        for path in files:
            path.unlink()
        total += freed
        lines.append(f"removed  {view}: {len(files)} patch files, {in_words(freed)}")
    return [*lines, f"{in_words(total)} freed" if lines else "no view has patches"]
