"""Compare two results folders: is what one run computed what another computed?

    python tests/support/compare_results.py BEFORE AFTER [--only GLOB]

Tables and ledgers are compared cell by cell as text, predictions array by array and models tensor
by tensor, bit by bit. Files that only one folder has are named too. Prints a line a difference; the
exit status is 1 if there is any.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from safetensors import safe_open

# Of JSON files, what describes the code and files that made them, and not what was made.
JSON_SKIPPED = {"code", "versions", "targets_sha256", "view_sha256"}


def compare(before: Path, after: Path, only: str = "*") -> tuple[list[str], int]:
    """Differences, and how many files were compared."""
    differences: list[str] = []
    compared = 0
    one, other = _files(before), _files(after)
    for name in sorted(name for name in one | other if fnmatch(name, only)):
        if name not in one or name not in other:
            differences.append(f"{name}: only {'before' if name in one else 'after'}")
            continue
        compared += 1
        found = _reader(name)(one[name], other[name])
        differences += [f"{name}: {difference}" for difference in found]
    return differences, compared


def _files(folder: Path) -> dict[str, Path]:
    """Files that can be compared, by name."""
    names = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {n: path for n, path in names.items() if _reader(n) and not _hidden(Path(n))}


def _hidden(path: Path) -> bool:
    skipped = {"logs", "benchmarks"}
    return any(part.startswith(".") or part in skipped for part in path.parts)


def _reader(name: str):
    if name.endswith((".tsv", ".tsv.gz", ".csv")):
        return _tables
    if name.endswith(".json"):
        return _json
    if name.endswith(".safetensors"):
        return _tensors
    if name.endswith(".h5ad"):
        return _anndata
    if name.endswith((".npy", ".npz")):
        return _arrays
    return None


def _tables(before: Path, after: Path) -> Iterator[str]:
    # As text: a number that is written otherwise is another number.
    one, other = (
        pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False)
        if path.name.endswith(".csv")
        else pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for path in (before, after)
    )
    if set(one.columns) != set(other.columns):
        yield f"columns {sorted(set(one.columns) ^ set(other.columns))} on one side only"
    if len(one) != len(other):
        yield f"{len(one)} rows, then {len(other)}"
        return
    for column in one.columns.intersection(other.columns):
        differ = (one[column].to_numpy() != other[column].to_numpy()).nonzero()[0]
        if len(differ):
            row = differ[0]
            values = one[column].iloc[row], other[column].iloc[row]
            yield f"{column}: {len(differ)} values differ, as {values[0]!r}, then {values[1]!r}"


def _json(before: Path, after: Path) -> Iterator[str]:
    one, other = (json.loads(path.read_text()) for path in (before, after))
    if not isinstance(one, dict) or not isinstance(other, dict):
        if one != other:
            yield "differs"
        return
    for key in sorted((one.keys() | other.keys()) - JSON_SKIPPED):
        if one.get(key) != other.get(key):
            yield f"{key}: {str(one.get(key))[:60]}, then {str(other.get(key))[:60]}"


def _tensors(before: Path, after: Path) -> Iterator[str]:
    with safe_open(before, framework="np") as one, safe_open(after, framework="np") as other:
        names = set(one.keys()), set(other.keys())
        for tensor in sorted(names[0] ^ names[1]):
            yield f"{tensor}: on one side only"
        for tensor in sorted(names[0] & names[1]):
            yield from _array(tensor, one.get_tensor(tensor), other.get_tensor(tensor))


def _array(name: str, one: np.ndarray, other: np.ndarray) -> Iterator[str]:
    if one.shape != other.shape or one.dtype != other.dtype:
        yield f"{name}: {one.dtype} {one.shape}, then {other.dtype} {other.shape}"
    elif one.tobytes() != other.tobytes():
        with np.errstate(invalid="ignore"):
            numbers = one.dtype.kind == "f"
            most = f", by at most {np.nanmax(np.abs(one - other)):g}" if numbers else ""
        yield f"{name}: {int((one != other).sum())} of {one.size} values differ{most}"


def _anndata(before: Path, after: Path) -> Iterator[str]:
    one, other = ad.read_h5ad(before), ad.read_h5ad(after)
    if one.obs_names.tolist() != other.obs_names.tolist():
        yield "other spots, or another order"
        return
    if one.var_names.tolist() != other.var_names.tolist():
        yield "other genes, or another order"
        return
    yield from _array("X", *(_dense(side.X) for side in (one, other)))
    for part in ("layers", "obsm", "varm"):
        # From anndata 0.13 on, the layer None is X.
        sides = [
            {key: array for key, array in getattr(side, part).items() if key is not None}
            for side in (one, other)
        ]
        for key in sorted(set(sides[0]) ^ set(sides[1])):
            yield f"{part}[{key}]: on one side only"
        for key in sorted(set(sides[0]) & set(sides[1])):
            arrays = (_dense(side[key]) for side in sides)
            yield from _array(f"{part}[{key}]", *arrays)
    yield from _frame("obs", one.obs, other.obs)
    yield from _frame("var", one.var, other.var)


def _dense(values) -> np.ndarray:
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)


def _frame(part: str, one: pd.DataFrame, other: pd.DataFrame) -> Iterator[str]:
    for column in sorted(set(one) ^ set(other)):
        yield f"{part}[{column}]: on one side only"
    for column in one.columns.intersection(other.columns):
        sides = (side[column].astype(object).to_numpy() for side in (one, other))
        texts = [[repr(value) if pd.notna(value) else "" for value in side] for side in sides]
        if texts[0] != texts[1]:
            yield f"{part}[{column}]: differs"


def _arrays(before: Path, after: Path) -> Iterator[str]:
    one, other = (np.load(path) for path in (before, after))
    if before.suffix == ".npy":
        yield from _array("array", one, other)
        return
    for key in sorted(set(one.files) ^ set(other.files)):
        yield f"{key}: on one side only"
    for key in sorted(set(one.files) & set(other.files)):
        yield from _array(key, one[key], other[key])


def main() -> int:
    """Compare the folders of the command line; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--only", default="*", help="pattern of the files' paths")
    arguments = parser.parse_args()
    differences, compared = compare(arguments.before, arguments.after, arguments.only)
    for each in differences:
        print(f"DIFFERS: {each}")
    print(f"{compared} files compared, {len(differences)} differences")
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main())
