"""The patches of views on disk: how much they take, and removing those that nothing needs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stnet.planning.networks import Cohort, Experiment
from stnet.planning.pending import Job
from stnet.slides.patches import parse_view


def side(view: str) -> int:
    """Side of a view's patches in pixels."""
    window, downsampling = parse_view(view)
    return window // downsampling


def patch_bytes(n_spots: float, view: str) -> float:
    """Bytes of a view's patches of so many spots."""
    return n_spots * side(view) ** 2 * 3


def patch_files(folder: str | Path) -> list[Path]:
    """The patch files in a view's folder, sorted."""
    return sorted(Path(folder).glob("*.npy"))


def size(files: Iterable[Path]) -> int:
    """Bytes of files."""
    return sum(path.stat().st_size for path in files)


def in_words(n_bytes: float) -> str:
    """Bytes in words, 10^9 to the GB, as Snakemake counts memory; `?` for NaN."""
    if n_bytes != n_bytes:
        return "?"
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.2f} MB"


def needing_views(
    cohorts: Mapping[str, Cohort], experiments: Iterable[Experiment], pending: Sequence[Job]
) -> dict[Path, list[Job]]:
    """Pending jobs that read or write a view, by its folder."""
    reads = {
        path: Path(cohorts[each.cohort].views) / each.view
        for each in experiments
        for group in each.groups.values()
        for path in (group["model"], group["predictions"])
    }
    folders = {Path(cohort.views) for cohort in cohorts.values()}
    needing: dict[Path, list[Job]] = {}
    for job in pending:
        # Both jobs of a network write the file that names them first, and so do those of a view.
        parent = Path(job.outputs[0]).parent
        folder = reads.get(job.outputs[0]) or (parent if parent.parent in folders else None)
        if folder is not None:
            needing.setdefault(folder, []).append(job)
    return needing


def remove_views(folders: Sequence[str | Path], needing: Mapping[Path, Sequence[Job]]) -> list[str]:
    """Delete the patch files of the views in `folders` that no job of `needing` reads or writes.

    `folders` have a folder for each view. The index of a view stays: it says what the patches are,
    so that finished networks are not trained again, and by it the patches are made again where they
    are read (`stnet.slides.patches.read_patches`).

    Returns a line for each view and one for the total.
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
