"""Where the real data are, for the tests that need them."""

from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared" / "data"
HER2ST = REAL / "her2st"
GENE_SETS = REAL / "genesets"
VISIUM = REAL / "visium"

needs_her2st = pytest.mark.skipif(not HER2ST.is_dir(), reason=f"no real sections in {HER2ST}")
needs_gene_sets = pytest.mark.skipif(
    not GENE_SETS.is_dir(), reason=f"no real gene sets in {GENE_SETS}"
)
needs_visium = pytest.mark.skipif(not VISIUM.is_dir(), reason=f"no real sections in {VISIUM}")
