"""A flipped bit in a file that a job wrote is noticed, or changes nothing that is read."""

import shutil
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from hgnc import TABLE
from models import load_model_file, write_toy_model
from safetensors.torch import load_file, save_file
from toy import predict, train

from stnet.cohorts.star import read_star
from stnet.core.checksums import (
    FOLDER,
    check_record,
    read_json,
    record,
    recorded_path,
    write_json,
)
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.core.hashing import file_sha256
from stnet.core.tables import read_arrays, read_table, write_table
from stnet.expression.gene_sets import read_gene_sets
from stnet.expression.genes import read_gene_table
from stnet.expression.predictions import write_predictions
from stnet.expression.spots import read_used_centres
from stnet.inference.model import Model
from stnet.inference.model_genes import write_gene_reliability
from stnet.networks.architectures import build_network
from stnet.networks.tensors import write_tensors
from stnet.networks.weights import load_weights
from stnet.slides.patches import read_patches
from stnet.sources.mirror import obtain
from stnet.training.apply import load_model


def flatten(value):
    """Anything that is read, as a list of comparable parts."""
    if isinstance(value, dict):
        return [part for key in value for part in [key, *flatten(value[key])]]
    if isinstance(value, list | tuple):
        return [part for each in value for part in flatten(each)]
    if isinstance(value, ad.AnnData):
        parts = (value.X, dict(value.obsm), dict(value.layers), dict(value.uns))
        return [*flatten(value.obs), *flatten(value.var), *flatten(list(parts))]
    if isinstance(value, pd.DataFrame):
        return [value.reset_index().to_csv()]
    if isinstance(value, torch.nn.Module):
        return flatten(dict(value.state_dict()))
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if hasattr(value, "toarray"):
        value = value.toarray()
    return [value.tobytes() if isinstance(value, np.ndarray) else repr(value)]


class Files:
    """One small file of each kind, and how a job reads it."""

    def __init__(self, toy, folder):
        source, (index, targets), trained = toy
        names = ("index.tsv", "targets.h5ad", *(f"{patient}1.npy" for patient in "ABCDE"))
        for name in (*names, "A1.h5ad"):
            shutil.copy(source / name, folder / name)
        for name in ("model", "card", "epoch"):
            shutil.copy(trained["A"][name], folder / Path(trained["A"][name]).name)
        self.folder = folder
        self.spots = ad.read_h5ad(targets).obs_names.tolist()
        exported = write_toy_model(toy, folder, ["A"]).rename(folder / "export.safetensors")
        (folder / "model.genes.tsv").rename(folder / "export.genes.tsv")
        shutil.copy(trained["A"]["model"], folder / "model.safetensors")
        table = pd.DataFrame({"gene": ["01", "NA", "x"], "r": [0.5, np.nan, -1e-9], "n": [1, 2, 3]})
        for name in ("table.tsv", "table.tsv.gz"):
            write_table(table, folder / name)
        np.savez_compressed(folder / "arrays.npz", a=np.arange(50.0), names=np.array(["é", "b"]))
        record(folder / "arrays.npz", folder / "arrays.npz")
        self.readers = {
            "A1.h5ad": lambda: [
                read_h5ad(folder / "A1.h5ad"),
                read_used_centres(folder / "A1.h5ad"),
            ],
            "targets.h5ad": lambda: read_h5ad(folder / "targets.h5ad", backed=True).to_memory(),
            "model.safetensors": self._network,
            "model.json": self._network,
            "epoch.json": lambda: read_json(folder / "epoch.json"),
            "export.safetensors": self._export,
            "export.genes.tsv": lambda: load_model_file(exported).genes,
            "A1.npy": self._patches,
            "index.tsv": self._patches,
            "table.tsv": lambda: read_table(folder / "table.tsv"),
            "table.tsv.gz": lambda: read_table(folder / "table.tsv.gz"),
            "arrays.npz": lambda: read_arrays(folder / "arrays.npz"),
        }

    def _section(self):
        path = self.folder / "A1.h5ad"
        return [read_h5ad(path), read_used_centres(path)]

    def _network(self):
        network, standardise, card = load_model(
            self.folder / "model.safetensors", self.folder / "model.json", "cpu"
        )
        return [network, standardise.mean, standardise.sd, card]

    def _export(self):
        model = Model(
            self.folder / "export.safetensors", device="cpu", threads=1, code="0", reliability=None
        )
        patches = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)
        return [model.card, list(model.apply(patches)[:1])]

    def _patches(self):
        sections = [f"{patient}1" for patient in "ABCDE"]
        return read_patches(self.folder / "index.tsv", self.spots, sections)


@pytest.fixture(scope="module")
def files(toy, tmp_path_factory):
    """Files that are damaged and put right again."""
    return Files(toy, tmp_path_factory.mktemp("damage"))


def flip(files, number, seed):
    """Flip single bits, one at a time, over all files in turn.

    Returns how many were noticed, how many had no effect, and what went wrong.
    """
    random = np.random.default_rng(seed)
    whole = {name: flatten(read()) for name, read in files.readers.items()}
    names, noticed, without_effect, wrong = list(files.readers), 0, 0, []
    for turn in range(number):
        name = names[turn % len(names)]
        path, content = files.folder / name, (files.folder / name).read_bytes()
        # Every other flip is near the beginning, where names, shapes and offsets are.
        end = len(content) if turn // len(names) % 2 else min(len(content), 1000)
        position, bit = int(random.integers(end)), int(random.integers(8))
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            same = flatten(files.readers[name]()) == whole[name]
        except InputError as error:
            noticed += 1
            if "\n" in str(error) or name.split(".")[0] not in str(error):
                wrong.append(f"{name}, byte {position}, bit {bit}: says {error}")
        except Exception as error:
            wrong.append(f"{name}, byte {position}, bit {bit}: {error!r}")
        else:
            without_effect += same
            if not same:
                wrong.append(f"{name}, byte {position}, bit {bit}: silently wrong")
        path.write_bytes(content)
    return noticed, without_effect, wrong


def test_a_flipped_bit_is_noticed_or_changes_nothing(files):
    noticed, without_effect, wrong = flip(files, 48, seed=0)
    assert wrong == []
    assert noticed + without_effect == 48
    assert noticed > 36


@pytest.mark.full
def test_hundreds_of_flipped_bits_are_noticed_or_change_nothing(files):
    noticed, without_effect, wrong = flip(files, 600, seed=1)
    assert wrong == []
    assert noticed + without_effect == 600
    assert noticed > 500


def test_files_that_were_cut_or_end_in_zeros_are_damaged(files):
    wrong = []
    for name, read in files.readers.items():
        path, content = files.folder / name, (files.folder / name).read_bytes()
        whole = flatten(read())
        middle = len(content) // 2
        for what, other in {
            "empty": b"",
            "cut by half": content[:middle],
            "cut by a byte": content[:-1],
            "zeros at the end": content[:middle] + bytes(len(content) - middle),
            "cut at a row": content[: content.rstrip(b"\n").rfind(b"\n") + 1],
        }.items():
            path.write_bytes(other)
            try:
                # Some readers do not need the last line's end.
                if flatten(read()) != whole:
                    wrong.append(f"{name}, {what}: silently wrong")
            except InputError as error:
                if "\n" in str(error):
                    wrong.append(f"{name}, {what}: {error}")
            except Exception as error:
                wrong.append(f"{name}, {what}: {error!r}")
        path.write_bytes(content)
    assert wrong == []


STAR = "gene_id\tgene_name\tfpkm_unstranded\nENSG1\tA\t1\nENSG2\tB\t2\n"


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_gene_table, TABLE),
        (read_gene_sets, "ONE\t\tA\tB\nTWO\t\tB\tC\n"),
        (read_star, STAR),
    ],
    ids=["genes", "sets", "star"],
)
def test_a_download_that_lost_its_last_row_is_damaged(read, content, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/name").write_text(content)
    path = tmp_path / "here/file"
    obtain("name", "", path, expected=None, size=None, mirror=tmp_path / "mirror")
    read(path)
    path.write_text(content[: content.rindex("\n", 0, -1) + 1])
    with pytest.raises(InputError, match="file: damaged"):
        read(path)
    shutil.rmtree(path.parent / FOLDER)
    read(path)


def test_a_damaged_model_gets_no_table_of_genes(toy, tmp_path):
    path = write_toy_model(toy, tmp_path, ["A"])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="safetensors: damaged"):
        write_gene_reliability(
            path, tmp_path / "genes.tsv", tmp_path / "model.genes.tsv", predictions=[]
        )


def test_files_in_a_folder_are_compared_with_their_records(tmp_path):
    for name in ("a", "b", "gone"):
        with recorded_path(tmp_path / name) as temporary:
            temporary.write_text(name)
    (tmp_path / "gone").unlink()
    check_record(tmp_path)
    (tmp_path / "b").write_text("other")
    with pytest.raises(InputError, match="b: damaged"):
        check_record(tmp_path)


def test_a_table_without_a_record_is_read_as_it_is(tmp_path):
    path = tmp_path / "table.tsv"
    write_table(pd.DataFrame({"n": [1, 2]}), path)
    path.write_text("n\n1\n")
    with pytest.raises(InputError, match=r"table.tsv: damaged \(it differs from what was written"):
        read_table(path)
    shutil.rmtree(tmp_path / FOLDER)
    assert read_table(path)["n"].tolist() == [1]


def test_a_file_that_another_program_rewrote_is_refused(files, tmp_path):
    path = tmp_path / "targets.h5ad"
    ad.read_h5ad(files.folder / "targets.h5ad").write_h5ad(path)
    with pytest.raises(InputError, match=r"targets.h5ad: damaged \(no checksum at its end"):
        read_h5ad(path)


def test_other_programs_read_a_sealed_file(files):
    with h5py.File(files.folder / "targets.h5ad") as file:
        assert file.userblock_size == 0
        assert set(file) >= {"X", "obs", "var", "uns"}


def test_numbers_that_are_none_are_refused(toy, tmp_path):
    source, cohort, _ = toy
    shutil.copytree(source / "A", tmp_path / "A")
    model, card = tmp_path / "A/model.safetensors", tmp_path / "A/model.json"
    state = load_file(model)
    name = next(name for name, values in state.items() if values.is_floating_point())
    state[name].flatten()[0] = float("nan")
    network = build_network("densenet121", {}, 1)
    others = {each: value.clone() for each, value in network.state_dict().items()}
    others["features.conv0.weight"][0] = float("inf")
    save_file(others, tmp_path / "initial.safetensors")
    with pytest.raises(InputError, match=r"initial.safetensors: has weights that are infinite"):
        load_weights(network, tmp_path / "initial.safetensors")
    write_tensors(model, state)
    with pytest.raises(InputError, match=r"not the model that .*model.json describes"):
        load_model(model, card, "cpu")
    write_json(card, {**read_json(card), "weights_sha256": file_sha256(model)})
    with pytest.raises(InputError, match=r"model.safetensors: has weights that are infinite"):
        load_model(model, card, "cpu")
    targets = ad.read_h5ad(cohort[1])
    targets.X[0, 0] = np.inf
    write_h5ad(targets, tmp_path / "targets.h5ad")
    with pytest.raises(InputError, match=r"targets.h5ad: has targets that are no finite"):
        train((cohort[0], tmp_path / "targets.h5ad"), tmp_path / "B", inner_folds=0)
    predicted = np.ones(targets.shape)
    predicted[2, 1] = np.nan
    with pytest.raises(InputError, match=r"predictions.h5ad: not written"):
        write_predictions(tmp_path / "predictions.h5ad", targets, predicted, {})


def test_a_model_predicts_only_what_it_was_trained_on(toy, tmp_path):
    source, (index, targets), _ = toy
    shutil.copytree(source / "A", tmp_path / "A")
    other = tmp_path / "targets.h5ad"
    changed = ad.read_h5ad(targets)
    changed.X[0, 0] += 1
    write_h5ad(changed, other)
    with pytest.raises(InputError, match=r"trained on another version of .*targets.h5ad"):
        predict((index, other), tmp_path / "A")
    # A network is not to be trained again because a disk damaged its view.
    cut = tmp_path / "index.tsv"
    cut.write_text(Path(index).read_text()[:-9])
    shutil.copytree(Path(index).parent / FOLDER, tmp_path / FOLDER)
    with pytest.raises(InputError, match=r"index.tsv: damaged"):
        predict((cut, targets), tmp_path / "A")


def test_files_of_another_job_are_refused_though_their_checksums_are_right(toy, tmp_path):
    _, cohort, trained = toy
    shutil.copytree(Path(trained["all"]["model"]).parent, tmp_path / "A")
    with pytest.raises(InputError, match=r"the model of held-out group all, not of A; delete it"):
        predict(cohort, tmp_path / "A")
    with pytest.raises(InputError, match=r"the model of held-out group all, not of A; delete it"):
        write_toy_model((toy[0], cohort, {"A": trained["all"]}), tmp_path, ["A"])
    shutil.rmtree(tmp_path / "A")
    shutil.copytree(Path(trained["A"]["model"]).parent, tmp_path / "A")
    card = tmp_path / "A/model.json"
    write_json(card, {**read_json(card), "experiment": "other"})
    with pytest.raises(InputError, match=r"the model of experiment other, not of toy; delete it"):
        predict(cohort, tmp_path / "A")
    fitted = ad.read_h5ad(cohort[1])
    fitted.uns["targets"]["held_out_sections"] = ["B1"]
    write_h5ad(fitted, tmp_path / "A.h5ad")
    with pytest.raises(InputError, match=r"targets of another held-out group, fitted without B1"):
        train((cohort[0], tmp_path / "A.h5ad"), tmp_path / "B", inner_folds=0)


def test_marks_of_another_model_are_refused(toy, tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "all").mkdir()
    path = write_toy_model(toy, tmp_path / "A", ["A"])
    other = write_toy_model(toy, tmp_path / "all", ["all"])
    shutil.copy(other.with_suffix(".genes.tsv"), path.with_suffix(".genes.tsv"))
    shutil.rmtree(tmp_path / "A" / FOLDER)
    with pytest.raises(InputError, match=r"genes.tsv: damaged, or of another model"):
        load_model_file(path)


@pytest.mark.parametrize("name", ["table.tsv", "table.tsv.gz"])
def test_a_table_has_the_same_bytes_at_any_time(tmp_path, monkeypatch, name):
    table, written = pd.DataFrame({"gene": ["A", "B"], "r": [0.5, 0.25]}), set()
    for second in (1, 1000):
        monkeypatch.setattr("time.time", lambda second=second: second)
        write_table(table, tmp_path / name)
        written.add((tmp_path / name).read_bytes())
    assert len(written) == 1
    assert read_table(tmp_path / name).equals(table)
