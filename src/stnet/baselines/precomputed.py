"""Predictions that were made elsewhere: matched to the targets by spot and gene, and checked."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.cohorts.text_tables import open_text
from stnet.core.errors import InputError, first_of
from stnet.core.h5ad import read_foreign
from stnet.core.hashing import file_sha256
from stnet.core.suggest import suggest
from stnet.core.tsv import DECIMAL_COMMA, check_delimiter, number, rows_of
from stnet.core.versions import versions
from stnet.expression.gene_matching import align
from stnet.expression.genes import ENSEMBL_ID, read_gene_table
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.predictions import write_predictions

logger = logging.getLogger(__name__)

# Columns that say where a spot is.
LABELS = "section", "patient"
# Predictions further from the measurement, in its s.d., are probably in another unit (ours).
MOST_SD = 3


class Given(NamedTuple):
    """Predictions as handed in.

    `spots` has the names of all spots of the file as its index, and the column `patient` if the
    file has one. `values` are the wanted spots in the file's order, (wanted spots, target genes).
    `provenance` is that of a predictions file of ours, or empty.
    """

    spots: pd.DataFrame
    values: np.ndarray
    provenance: Mapping[str, object]


def predict_precomputed(
    targets: str | Path,
    given: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
    *,
    units: Mapping[str, object],
    trained_on: str | Path | Sequence[str],
    pretrained_on: Sequence[str],
    patients: Mapping[str, str],
) -> None:
    """Write predictions that were made elsewhere as `predictions.h5ad` of the held-out spots.

    Spots are matched by name, genes by id, then Ensembl id without version, then symbol; their
    order does not matter, and further genes are ignored. The file may have the spots of the
    held-out group, or all used spots of the cohort. Source: ours.

    Args:
        targets: a file of `write_targets`.
        given: an AnnData or a table (.tsv or .csv, also .gz), spots by genes. A spot is named as in
            the targets, or has its section in a column `section`. The patient in a column
            `patient`, if any, is compared with the cohort's.
        predictions: output.
        job: its sections are held out.
        units: `transform` and `universe` of the predictions; the universe may be None.
        trained_on: patients and sections of the cohort that the model saw, or a file with one per
            line.
        pretrained_on: data from outside the cohort that it saw.
        patients: patient of every section of the cohort.

    Raises:
        InputError: other units than the targets'; the model saw a held-out patient, or an unknown
            one; spots that are missing, repeated, unknown or of other groups; missing genes; or
            values that are no finite numbers.
    """
    cohort = job.read_targets(targets)
    measured = cohort[job.is_held_out(cohort)].copy()
    if not measured.n_obs:
        raise InputError(f"{targets}: held-out group {job.held_out} has no used spot")
    key = f"experiments.{job.experiment}"
    _check_units(f"configuration: {key}", units, measured.uns["targets"])
    seen = _check_seen(key, trained_on, pretrained_on, job, patients)
    read = _read_h5ad if str(given).endswith(".h5ad") else _read_text
    found = read(given, measured.obs_names, lambda names: _columns(given, names, measured.var))
    _check_provenance(given, found.provenance, job, measured.uns["targets"])
    _check_spots(given, found.spots.index, cohort.obs, measured.obs_names, job.held_out)
    in_file = found.spots[found.spots.index.isin(measured.obs_names)]
    if "patient" in in_file:
        _check_patients(given, in_file["patient"], measured.obs["patient"])
    # As they are written: a float64 may be beyond float32.
    with np.errstate(over="ignore"):
        predicted = found.values[in_file.index.get_indexer(measured.obs_names)].astype(np.float32)
    _check_finite(given, predicted, measured)
    _warn_of_unit(given, predicted, measured)
    provenance = {
        "experiment": job.experiment,
        "held_out": job.held_out,
        "handed_in": str(given),
        "handed_in_sha256": file_sha256(given),
        "trained_on": seen,
        "pretrained_on": list(pretrained_on),
        "code": job.code,
        "versions": versions("anndata", "numpy"),
    }
    write_predictions(predictions, measured, predicted, provenance)


def _check_units(where: str, units: Mapping[str, object], of_targets: Mapping[str, object]) -> None:
    """Raise InputError if `units` differ from those of the targets."""
    for key, value in units.items():
        if value not in (None, of_targets[key]):
            raise InputError(
                f"{where}.{key}: the predictions have {value}, the targets {of_targets[key]};"
                " convert the predictions, or name targets in their unit"
            )


def _check_seen(
    key: str,
    trained_on: str | Path | Sequence[str],
    pretrained_on: Sequence[str],
    job: HeldOutJob,
    patients: Mapping[str, str],
) -> list[str]:
    """The patients and sections that the model saw. Raises InputError if one is held out."""
    if isinstance(trained_on, str | Path):
        where = str(trained_on)
        with open_text(trained_on) as text:
            seen = [line.strip() for line in text if line.strip()]
    else:
        where, seen = f"configuration: {key}.trained_on", list(trained_on)
    if not seen and not pretrained_on:
        raise InputError(
            f"{where}: names nothing that the model of {job.held_out} was trained on; list patients"
            " or sections, or name other data in pretrained_on"
        )
    known = {*patients, *patients.values()}
    held_out = {*job.sections, *(patients[section] for section in job.sections)}
    elsewhere = dict.fromkeys(pretrained_on, f"configuration: {key}.pretrained_on")
    for name, at in {**elsewhere, **dict.fromkeys(seen, where)}.items():
        if name in held_out:
            raise InputError(
                f"{at}: the model of held-out group {job.held_out} was trained on {name}, which is"
                " held out; hand in predictions of a model that never saw it"
            )
        if name in known and name not in seen:
            raise InputError(f"{at}: {name} is of the cohort; name it in trained_on")
        if name in seen and name not in known:
            raise InputError(
                f"{at}: {name} is no patient or section of the cohort{suggest(name, known)}; name"
                " data from elsewhere in pretrained_on"
            )
    return seen


def _read_h5ad(
    path: str | Path, wanted: pd.Index, choose: Callable[[Sequence[str]], np.ndarray]
) -> Given:
    content = read_foreign(path)
    if content.X is None:
        raise InputError(f"{path}: has no X; write the predictions there")
    if content.X.dtype.kind not in "iuf":
        raise InputError(f"{path}: X has type {content.X.dtype}; write predictions as float32")
    spots = content.obs.filter(items=LABELS).astype(str)
    sections = spots.get("section", [""] * len(spots))
    spots.index = [*map(_spot, content.obs_names, sections)]
    values = content.X[np.flatnonzero(spots.index.isin(wanted))][:, choose(content.var_names)]
    values = values.toarray() if sparse.issparse(values) else np.asarray(values)
    provenance = content.uns.get("provenance", {})
    return Given(spots, values, provenance if isinstance(provenance, Mapping) else {})


def _read_text(
    path: str | Path, wanted: pd.Index, choose: Callable[[Sequence[str]], np.ndarray]
) -> Given:
    delimiter = "," if str(path).removesuffix(".gz").endswith(".csv") else "\t"
    names, patients, values = [], [], []
    with open_text(path) as text:
        rows = rows_of(text, path, delimiter)
        header = next(rows, (1, []))[1]
        check_delimiter(path, header, 2, delimiter)
        columns = choose(header[1:]) + 1
        # The first column is the spot's, so 0 stands for no column.
        places = [header.index(name) if name in header[1:] else 0 for name in LABELS]
        for line, cells in rows:
            if len(cells) != len(header):
                raise InputError(
                    f"{path} line {line}: {len(cells)} fields where the header has {len(header)},"
                    " of which the first is the spot's; correct the line"
                )
            section, patient = (cells[at] if at else "" for at in places)
            names.append(_spot(cells[0], section))
            patients.append(patient)
            if names[-1] in wanted:
                where = f"{path} line {line}, column"
                values.append([_number(cells[at], f"{where} {header[at]}") for at in columns])
    spots = pd.DataFrame({"patient": patients} if places[1] else {}, index=names)
    return Given(spots, np.array(values).reshape(-1, len(columns)), {})


def _spot(name: str, section: str) -> str:
    """The name of a spot in the cohort, `section:spot`; `section` is "" if the name has it."""
    return name if not section or name.startswith(f"{section}:") else f"{section}:{name}"


def _number(text: str, where: str) -> float:
    try:
        return number(text)
    except ValueError:
        if DECIMAL_COMMA.fullmatch(text):
            raise InputError(f"{where}: {text!r} is not a number; write a decimal point") from None
        return np.nan


def _columns(path: str | Path, names: Sequence[str], genes: pd.DataFrame) -> np.ndarray:
    """Column of each target gene among the `names` of a file's columns."""
    own = pd.Index(names)
    accessions = [name if ENSEMBL_ID.fullmatch(name) else "" for name in own]
    symbols = ["" if found else name for name, found in zip(own, accessions, strict=True)]
    offered = pd.DataFrame({"symbol": symbols, "ensembl": accessions}, index=own)
    same = genes.index.intersection(own)
    if not (unique := own[own.isin(same)]).is_unique:
        gene = unique[unique.duplicated()][0]
        raise InputError(f"{path}: gene {gene} has two columns; remove one")
    matches = align(genes.drop(same), offered.drop(same), read_gene_table(None)).set_index("gene")[
        "match"
    ]
    matches = matches.reindex(genes.index).fillna(genes.index.to_series())
    missing = [symbol or gene for gene, symbol in genes["symbol"][matches == ""].items()]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of the {len(genes)} target genes have no column, or several:"
            f" {first_of(missing)}; predict them, or define targets with the genes that it has"
        )
    further = len(own) - own.isin(LABELS).sum() - len(genes)
    logger.info(f"{path}: {further} further genes are ignored")
    places = dict(zip(own, range(len(own)), strict=True))
    return np.array([places[name] for name in matches])


def _check_provenance(
    path: str | Path,
    provenance: Mapping[str, object],
    job: HeldOutJob,
    of_targets: Mapping[str, object],
) -> None:
    """Raise InputError if a file says that it is of another group, or in other units."""
    expected = {"held_out": job.held_out, "members": [job.held_out]}
    expected |= {key: of_targets[key] for key in ("transform", "universe")}
    for key in filter(provenance.__contains__, expected):
        found = np.asarray(provenance[key]).tolist()
        if found != expected[key]:
            raise InputError(
                f"{path}: its uns['provenance'] has {key} {found}, not {expected[key]}; hand in the"
                f" predictions of held-out group {job.held_out} in the unit of the targets"
            )


def _check_spots(
    path: str | Path, names: pd.Index, cohort: pd.DataFrame, wanted: pd.Index, held_out: str
) -> None:
    """Raise InputError unless `names` are the wanted spots, or all of the cohort, once each."""
    repeated = names[names.duplicated()].unique()
    unknown = names.difference(cohort.index)
    missing = wanted.difference(names)
    others = names.intersection(cohort.index).difference(wanted)
    if len(repeated):
        what, remedy = f"{len(repeated)} spots are there twice: {first_of(repeated)}", "remove one"
    elif len(unknown):
        what = f"{len(unknown)} of its spots are no used spots of the cohort: {first_of(unknown)}"
        remedy = f"name spots as the targets do, such as {wanted[0]}, and leave others out"
    elif len(others) and len(cohort.index.difference(names)):
        sections = cohort["section"].astype(str)[others].unique()
        what = f"{len(others)} of its spots are of other sections than {held_out}'s:"
        what += f" {first_of(sections)}"
        remedy = "hand in the held-out group's spots, or all used spots of the cohort"
    elif len(missing):
        what = f"lacks {len(missing)} of the {len(wanted)} spots of {held_out}: {first_of(missing)}"
        remedy = "predict every used spot"
    else:
        return
    raise InputError(f"{path}: {what}; {remedy}")


def _check_patients(path: str | Path, stated: pd.Series, known: pd.Series) -> None:
    """Raise InputError if a spot is of another patient than the cohort says."""
    known = known.astype(str)[stated.index]
    for spot in stated.index[stated.astype(str) != known][:1]:
        raise InputError(
            f"{path}: spot {spot} is of patient {stated[spot]} there, and of {known[spot]} in the"
            " section sheet; correct one"
        )


def _check_finite(path: str | Path, predicted: np.ndarray, measured: ad.AnnData) -> None:
    for spot, gene in np.argwhere(~np.isfinite(predicted))[:1]:
        raise InputError(
            f"{path}: spot {measured.obs_names[spot]}, gene {measured.var_names[gene]}: no finite"
            " number; predict every spot and gene"
        )


def _warn_of_unit(path: str | Path, predicted: np.ndarray, measured: ad.AnnData) -> None:
    """Warn if the predictions of most genes are far from what was measured."""
    sd, offset = measured.X.std(axis=0), predicted.mean(axis=0) - measured.X.mean(axis=0)
    varied = sd > 0
    if varied.any() and np.median(np.abs(offset[varied]) / sd[varied]) > MOST_SD:
        logger.warning(
            f"{path}: predictions have a mean of {predicted.mean():.3g}, the measurement one of"
            f" {measured.X.mean():.3g}; are they in the unit that the configuration states?"
        )
