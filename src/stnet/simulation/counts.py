"""Simulated genes and their counts: planted genes follow the tissue, others only the depth."""

import numpy as np
import pandas as pd

from stnet.simulation.fields import stream, unexplained

FIELDS = ("tumour", "immune", "stroma")
# With those of a cohort of controls.
ALL_FIELDS = (*FIELDS, "size", "eosin")
# Pairs of high-mean genes that follow a field, one up and one down; then genes that follow none.
PLANTED_PAIRS = {"tumour": 4, "immune": 3, "stroma": 3}
# Likewise in a cohort of controls, where the others follow a depth that the image shows.
CONTROL_PAIRS = {"tumour": 2, "size": 5, "eosin": 3}
CONTROLS = 40
MINOR = 1140
AMBIGUOUS_CONTROLS, AMBIGUOUS_MINOR = 2, 4
# Range of mean counts per spot of planted genes and controls, and of all others.
HIGH_MEANS, LOW_MEANS = (4.0, 30.0), (0.002, 1.0)
# Change in log mean between a field of 0 and of 1, before balancing.
STRENGTHS = (0.8, 3.0)
# Size of the negative binomial: variance = mean + mean^2 / SIZE.
SIZE = 8.0
DEPTH_SD = 0.45
# Relative depth outside the tissue, where only stray transcripts are captured.
STRAY = 0.03
# Value of a field at which a planted gene has its mean.
TYPICAL = 0.4


def simulate_genes(seed: int, *, controls: bool = False) -> pd.DataFrame:
    """The genes of the simulated cohort, one per row, sorted by id.

    Args:
        seed: seed of the cohort.
        controls: plant the genes of a cohort of controls, whose images show the depth.

    Returns:
        Columns gene (an unassigned Ensembl id, or `__ambiguous[A+B]`), symbol ("" if ambiguous),
        planted (0 or 1), kind (the field that the gene follows; without one `depth` in a cohort of
        controls, `none` otherwise), mean (counts per spot at typical depth and content), strength
        (absolute change of the log mean between a field of 0 and of 1) and the fields tumour,
        immune, stroma, or of controls tumour, size, eosin (signed change; 0 if the gene does not
        follow the field). Planted genes come in pairs of opposite sign. Planted genes and controls
        have means from the same distribution.

    Source: ours.
    """
    rng = stream(seed, "genes")
    planted_pairs = CONTROL_PAIRS if controls else PLANTED_PAIRS
    fields = list(planted_pairs)
    planted = [
        {"symbol": f"{field.upper()}{2 * pair + way + 1}", "planted": 1, field: sign * strength}
        | {"kind": field}
        for field, pairs in planted_pairs.items()
        for pair, strength in enumerate(np.linspace(*STRENGTHS, pairs).round(2))
        for way, sign in enumerate((1, -1))
    ]
    others = [
        {"symbol": f"{name}{number + 1}", "planted": 0, "kind": "depth" if controls else "none"}
        for name, count in (("CONTROL", CONTROLS), ("MINOR", MINOR))
        for number in range(count)
    ]
    genes = pd.DataFrame([*planted, *others], columns=["symbol", "planted", "kind", *fields])
    genes = genes.fillna(dict.fromkeys(fields, 0.0))
    genes["strength"] = genes[fields].abs().max(axis=1)

    # Planted genes get every third of the high means.
    high = np.geomspace(*HIGH_MEANS, len(planted) + CONTROLS)
    third = np.arange(high.size) % 3 == 1
    low = np.geomspace(*LOW_MEANS, MINOR)
    genes["mean"] = [*rng.permutation(high[third]), *rng.permutation(high[~third]), *low]

    genes["gene"] = [f"ENSG{99_000_000_000 + n}" for n in rng.permutation(len(genes))]
    for first, count in ((len(planted), AMBIGUOUS_CONTROLS), (len(genes) - MINOR, AMBIGUOUS_MINOR)):
        for row in range(first, first + count):
            pair = f"{genes.loc[row, 'gene']}+ENSG{99_100_000_000 + row}"
            genes.loc[row, ["gene", "symbol"]] = f"__ambiguous[{pair}]", ""
    columns = ["gene", "symbol", "planted", "kind", "mean", "strength", *fields]
    return genes[columns].sort_values("gene", ignore_index=True)


def log_depth(seed: int, patient: str, spots: pd.DataFrame) -> np.ndarray:
    """Log of each spot's depth relative to the typical depth: (spots,).

    It varies smoothly over the tissue and between patients. Under the tissue it is orthogonal to
    the fields. Otherwise chance correlations between smooth fields would let an image predict every
    gene within a section.

    Args:
        seed: seed of the cohort.
        patient: id of the patient; its sections share their depth.
        spots: table of `simulate_tissue`.
    """
    covered = spots["under_tissue"].to_numpy()
    names = [*(field for field in ALL_FIELDS if field in spots), "depth"]
    columns = spots.loc[covered, names].to_numpy(dtype=float).T
    own = unexplained([np.ones(covered.sum()), *columns])
    depth = np.full(len(spots), np.log(STRAY))
    depth[covered] = DEPTH_SD * own / own.std()
    return depth + stream(seed, "depth", patient).normal(0, 0.25)


def expected_counts(genes: pd.DataFrame, spots: pd.DataFrame, depth: np.ndarray) -> np.ndarray:
    """Expected counts (spots, genes); at equal depth their sum over genes is constant.

    The fields of a spot only redistribute a constant total among the planted genes, so other genes
    do not depend on the fields.

    Args:
        genes: table of `simulate_genes`.
        spots: table with a column for each field that a gene follows (0 to 1).
        depth: log depth of each spot.
    """
    mean = genes["mean"].to_numpy()
    planted = genes["planted"].to_numpy() == 1
    change = np.zeros((len(spots), len(genes)))
    for field in genes.columns.intersection(ALL_FIELDS):
        content = spots[field].to_numpy(dtype=float) - TYPICAL
        change += content[:, None] * genes[field].to_numpy()[None, :]
    expected = mean * np.exp(change)
    # In a cohort of controls each kind has a total of its own; a common one would show every gene
    # the fields of the others.
    pools = [planted]
    if "size" in genes:
        pools = [(genes["kind"] == field).to_numpy() for field in CONTROL_PAIRS]
    for members in pools:
        expected[:, members] *= mean[members].sum() / expected[:, members].sum(
            axis=1, keepdims=True
        )
    return expected * np.exp(depth)[:, None]


def draw_counts(rng: np.random.Generator, expected: np.ndarray) -> np.ndarray:
    """Negative binomial counts, int64, with the given means and variance mean + mean² / `SIZE`."""
    return rng.negative_binomial(SIZE, SIZE / (SIZE + expected))
