"""Bulk expression of simulated patients, as the Genomic Data Commons' STAR tables."""

from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.simulation.counts import expected_counts, simulate_genes
from stnet.simulation.fields import stream

# Reads per sample, and the s.d. of a gene's log expression between patients with the same tissue:
# the sequenced block is next to the slide, not the slide itself.
READS = 5_000_000
BIOLOGY = 0.3
# Genes of the cohort that are not in the tables.
LOST = {"CONTROL": 2, "MINOR": 30}
HEADER = [
    "gene_id",
    "gene_name",
    "gene_type",
    "unstranded",
    "stranded_first",
    "stranded_second",
    "tpm_unstranded",
    "fpkm_unstranded",
    "fpkm_uq_unstranded",
]
SUMMARIES = {
    "N_unmapped": 0.04,
    "N_multimapping": 0.07,
    "N_noFeature": 0.06,
    "N_ambiguous": 0.05,
}


def bulk_genes(seed: int) -> pd.DataFrame:
    """The genes of the STAR tables: those of `simulate_genes` without ambiguous and a few others.

    Returns:
        Columns and index of `simulate_genes`, and length (bases of the transcript).

    Source: ours.
    """
    genes = simulate_genes(seed)
    rng = stream(seed, "bulk genes")
    lost = [
        rng.choice(genes.index[genes["symbol"].str.startswith(name)], count, replace=False)
        for name, count in LOST.items()
    ]
    genes["length"] = np.rint(np.exp(rng.normal(np.log(2500), 0.6, len(genes)))).astype(int)
    return genes[genes["symbol"] != ""].drop(np.concatenate(lost))


def expected_bulk(seed: int, tissue: pd.DataFrame) -> np.ndarray:
    """Share of each gene (`bulk_genes`) in the transcripts of a block of tissue: (genes,).

    It is the mean over the positions in `tissue`, which has columns tumour, immune and stroma.

    Source: ours.
    """
    counts = expected_counts(bulk_genes(seed), tissue, np.zeros(len(tissue))).mean(axis=0)
    return counts / counts.sum()


def write_star(path: str | Path, tissue: pd.DataFrame, *, seed: int, sample: str) -> None:
    """Write the STAR table of a sample; the same arguments give the same bytes.

    Args:
        path: output, TSV.
        tissue: the block of tissue, as in `expected_bulk`.
        seed: seed of the cohort whose genes are measured.
        sample: id of the sample; each sample deviates differently from its expected expression.

    Source: ours; the format is that of the Genomic Data Commons' `STAR - Counts` workflow.
    """
    rng = stream(seed, "bulk", sample)
    genes = bulk_genes(seed)
    expected = expected_bulk(seed, tissue) * np.exp(rng.normal(0, BIOLOGY, len(genes)))
    counts = rng.poisson(READS * expected / expected.sum())
    table = _measures(rng, counts, genes["length"].to_numpy())
    names = {
        "gene_id": genes["gene"] + "." + (1 + genes.index % 17).astype(str),
        "gene_name": genes["symbol"],
        "gene_type": "protein_coding",
    }
    table = pd.DataFrame(names | table, columns=HEADER)
    # The annotation repeats genes that are on both sex chromosomes; all reads count for X.
    twin = table.iloc[[-1]].assign(gene_id=table["gene_id"].iloc[-1] + "_PAR_Y")
    twin.loc[:, HEADER[3:]] = 0
    lines = [
        f"{name}\t\t\t" + "\t".join(3 * [str(round(READS * share))]) + "\t\t\t"
        for name, share in SUMMARIES.items()
    ]
    rows = pd.concat([table, twin]).to_csv(
        sep="\t", index=False, header=False, float_format="%.4f", lineterminator="\n"
    )
    with atomic_path(path) as temporary, open(temporary, "w") as file:
        print("# gene-model: simulated", "\t".join(HEADER), *lines, sep="\n", file=file)
        file.write(rows)


def _measures(
    rng: np.random.Generator, counts: np.ndarray, length: np.ndarray
) -> dict[str, np.ndarray]:
    """The numeric columns of the table, from reads and lengths of genes."""
    first = rng.binomial(counts, 0.5)
    rate = counts / length
    return {
        "unstranded": counts,
        "stranded_first": first,
        "stranded_second": counts - first,
        "tpm_unstranded": 1e6 * rate / rate.sum(),
        "fpkm_unstranded": 1e9 * rate / counts.sum(),
        # The upper quartile times the number of genes replaces the total.
        "fpkm_uq_unstranded": 1e9 * rate / (np.percentile(counts, 75) * counts.size),
    }
