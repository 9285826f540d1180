"""A disk or connection that is lost is not reported as a damaged file."""

from functools import partial
from pathlib import Path

import pytest
from torch import nn

from stnet.cohorts import hest
from stnet.cohorts.tenx_matrix import read_matrix
from stnet.core.errors import InputError, SystemFailure
from stnet.core.h5ad import read_foreign, read_h5ad
from stnet.core.tables import read_arrays, read_table
from stnet.expression.gene_sets import read_gene_sets
from stnet.features.embeddings import read_embeddings
from stnet.networks.weights import load_weights
from stnet.slides.image import open_image
from stnet.slides.patches import read_index
from stnet.sources.tenx import read_archive

# Its beginning cannot be read: an input/output error of the system.
UNREADABLE = Path("/proc/self/mem")


def open_slide(path):
    with open_image(path):
        pass


READERS = {
    "matrix.h5": read_matrix,
    "sample.json": hest._metadata,
    "table.h5ad": read_foreign,
    "own.h5ad": read_h5ad,
    "table.tsv": read_table,
    "arrays.npz": read_arrays,
    "index.tsv": read_index,
    "sets.gmt": read_gene_sets,
    "features.h5": read_embeddings,
    "weights.pth": partial(load_weights, nn.Linear(1, 1)),
    "slide.tif": open_slide,
    "spatial.tar.gz": read_archive,
}


@pytest.mark.skipif(not UNREADABLE.exists(), reason="no /proc here")
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_cannot_be_read_now(tmp_path, name):
    path = tmp_path / name
    path.symlink_to(UNREADABLE)
    with pytest.raises(SystemFailure, match=rf"{name}: cannot be read now \(Input/output error\)"):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_a_folder_is_an_error_of_the_user(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(InputError) as refusal:
        READERS[name](tmp_path / name)
    assert not isinstance(refusal.value, SystemFailure)
