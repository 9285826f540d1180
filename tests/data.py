"""Where the real data are, for the tests that need them."""

from pathlib import Path

import pytest

REAL = Path(__file__).parents[2] / "shared" / "data"
HER2ST = REAL / "her2st"

needs_her2st = pytest.mark.skipif(not HER2ST.is_dir(), reason=f"no real sections in {HER2ST}")
