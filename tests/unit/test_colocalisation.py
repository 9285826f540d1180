"""Co-localisation of tumour and immune genes against chance, by plain loops and planted data."""

import itertools

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from slide_tiles import gene_table, row, write_tiles

from stnet.analysis.bulk.colocalisation import Section, correlations, make_pairs
from stnet.analysis.bulk.colocalised import write_measured, write_predicted
from stnet.analysis.bulk.random_sets import draw_sets, random_differences, summarise_null
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table

TUMOUR, IMMUNE = ["AEBP1", "BGN", "P4HB"], ["PABPC1", "TAGLN2", "HLA-B"]
GENES = {"tumour": TUMOUR, "immune": IMMUNE}
SYMBOLS = [*TUMOUR, *IMMUNE, *[f"G{number}" for number in range(40)]]
MEANS = np.random.default_rng(0).uniform(-12, -4, len(SYMBOLS))
SECTIONS = {"A1": "A", "A2": "A", "B1": "B", "C1": "C", "D1": "D", "E1": "E"}
CONSTANT = np.float32(-10.1)


def simulate(pull: float, seed: int = 0, n: int = 80) -> dict[str, np.ndarray]:
    """Expression (spots, genes) of sections: depth in all genes, and tumour against immune.

    With `pull` below zero the six genes avoid one another, above it they go together.
    """
    random = np.random.default_rng(seed)
    sections = {}
    for name in SECTIONS:
        depth, tissue = random.normal(size=(2, n, 1))
        values = MEANS + 0.5 * depth + random.normal(size=(n, len(SYMBOLS)))
        values[:, :3] += abs(pull) * tissue
        values[:, 3:6] += pull * tissue
        sections[name] = values.astype(np.float32)
    return sections


def measured(folder, sections: dict[str, np.ndarray], symbols=SYMBOLS, **genes):
    """The three tables of co-localisation in targets of these sections."""
    ids = [name for name, values in sections.items() for _ in values]
    targets = ad.AnnData(
        np.concatenate([*sections.values()]),
        obs=pd.DataFrame(
            {"patient": [SECTIONS[name] for name in ids], "section": ids},
            index=[str(spot) for spot in range(len(ids))],
        ),
        var=pd.DataFrame({"symbol": symbols}, index=[f"id{n}" for n in range(len(symbols))]),
    )
    write_h5ad(targets, folder / "targets.h5ad")
    return tables(write_measured, folder, folder / "targets.h5ad", **genes)


def tables(writer, folder, source, **genes):
    outputs = {name: folder / f"{name}.tsv" for name in ("pairs", "patients", "summary")}
    writer(source, outputs, **(GENES | genes))
    pairs, patients, summary = map(read_table, outputs.values())
    return pairs, patients, summary.set_index("quantity")


def plain(sections: dict[str, np.ndarray]) -> pd.DataFrame:
    """Observed and chance z of the patients, by loops over pairs of genes."""
    everything = np.concatenate([*sections.values()]).astype(float)
    means = everything.mean(axis=0)
    stand_ins = {
        gene: sorted(range(6, len(SYMBOLS)), key=lambda other: abs(means[other] - means[gene]))[:10]
        for gene in range(6)
    }
    rows = []
    for name, values in sections.items():
        observed, chance = [], []
        for one, other in itertools.product(range(3), range(3, 6)):
            observed.append(np.arctanh(stats.pearsonr(values[:, one], values[:, other])[0]))
            matched = itertools.product(stand_ins[one], stand_ins[other])
            r = [stats.pearsonr(values[:, a], values[:, b])[0] for a, b in matched if a != b]
            chance.append(np.mean(np.arctanh(r)))
        rows.append((SECTIONS[name], np.mean(observed), np.mean(chance)))
    table = pd.DataFrame(rows, columns=["patient", "observed_z", "chance_z"])
    return table.groupby("patient").mean()


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    sections = simulate(-0.8)
    return sections, *measured(tmp_path_factory.mktemp("apart"), sections)


def test_drawn_genes_are_near_in_mean_and_neither_tested_nor_drawn_twice():
    sets = draw_sets(MEANS, [0, 1, 2], [3, 4, 5], 200)
    drawn = np.concatenate([sets.tumour, sets.immune], axis=1)
    matched = np.concatenate([sets.tumour_matched, sets.immune_matched], axis=1)
    assert drawn.shape == (200, 6)
    assert matched.shape == (200, 6, 10)
    assert drawn.min() >= 6
    assert len({tuple(row) for row in drawn}) > 150
    for genes, of_genes in zip(drawn, matched, strict=True):
        assert len(set(genes)) == 6
        left = [gene for gene in range(6, len(MEANS)) if gene not in genes]
        for gene, ten in zip(genes, of_genes, strict=True):
            nearest = sorted(left, key=lambda other, gene=gene: abs(MEANS[other] - MEANS[gene]))
            assert ten.tolist() == nearest[:10]
    rank = np.argsort(np.argsort(np.abs(MEANS[None, 6:] - MEANS[:6, None]), axis=1), axis=1)
    # A gene may lose some of the 20 nearest to those drawn before it.
    assert max(rank[place, gene - 6] for row in drawn for place, gene in enumerate(row)) < 25


def test_a_random_set_has_the_difference_of_the_same_set_tested(tmp_path):
    sections = simulate(-0.8)
    sections["B1"][:, 20] = CONSTANT
    everything = np.concatenate([*sections.values()]).astype(float)
    sets = draw_sets(everything.mean(axis=0), range(3), range(3, 6), 5)
    units = [Section(SECTIONS[name], name, values) for name, values in sections.items()]
    found = random_differences(units, sets)
    for draw, difference in enumerate(found):
        # The same values without the six tested genes, and with the drawn ones in their place.
        drawn = [*sets.tumour[draw], *sets.immune[draw]]
        order = [*drawn, *(gene for gene in range(6, len(SYMBOLS)) if gene not in drawn)]
        (tmp_path / str(draw)).mkdir()
        moved = {name: values[:, order] for name, values in sections.items()}
        summary = measured(tmp_path / str(draw), moved, [*SYMBOLS[:6], *SYMBOLS[12:]])[-1]
        assert difference == pytest.approx(float(summary.loc["mean_difference", "value"]), rel=1e-4)


def test_planted_genes_differ_from_random_sets_where_others_do_not(tmp_path, apart):
    summary = apart[-1]
    assert float(summary.loc["p_random_sets", "value"]) == pytest.approx(2 / 1001, rel=1e-3)
    assert summary.loc["n_random_sets", "value"] == "1000"
    null = summary.loc["mean_difference_null"]
    assert null["ci_low"] < float(null["value"]) < null["ci_high"]
    assert null["unit"] == "null"
    assert float(summary.loc["mean_difference", "value"]) < null["ci_low"]
    # Every gene is of one of two kinds, so that most sets differ from chance in all patients.
    p = []
    for seed in range(6):
        sections = simulate(0, seed)
        kind = np.random.default_rng(seed).choice([-0.8, 0.8], len(SYMBOLS))
        for values in sections.values():
            values += (kind * np.random.default_rng(9).normal(size=(len(values), 1))).astype("f4")
        (tmp_path / str(seed)).mkdir()
        value = measured(tmp_path / str(seed), sections)[-1]["value"]
        p.append([float(value["p"]), float(value["p_random_sets"])])
    paired, among_sets = np.transpose(p)
    assert np.median(paired) < 0.01
    assert np.median(among_sets) > 0.1


def test_p_counts_draws_beyond_the_difference_twice_wherever_the_null_lies():
    null = np.array([-3.0, -2.0, -1.0, 0.5, 1.0, 4.0, np.nan, 0.1, 0.2])
    expected = {-2.5: 2 * 2 / 9, 2.0: 2 * 2 / 9, -2.0: 2 * 3 / 9, 0.05: 2 * 4 / 9}
    for centre in (0, 10, -10):
        p = {
            difference: float(summarise_null(difference + centre, null + centre)["value"][0])
            for difference in expected
        }
        assert p == pytest.approx(expected, rel=1e-5)


def test_pairs_are_pearson_within_each_section(apart):
    sections, pairs, _, _ = apart
    assert pairs.columns.tolist() == ["patient", "section", "tumour", "immune", "r"]
    assert len(pairs) == 9 * len(sections)
    for pair in pairs.itertuples():
        values = sections[pair.section]
        at = SYMBOLS.index(pair.tumour), SYMBOLS.index(pair.immune)
        expected = stats.pearsonr(values[:, at[0]], values[:, at[1]])[0]
        assert pair.r == pytest.approx(expected, abs=1e-5)
        assert pair.patient == SECTIONS[pair.section]


def test_patients_equal_plain_loops(apart):
    sections, _, patients, _ = apart
    expected = plain(sections)
    assert patients["patient"].tolist() == expected.index.tolist()
    assert patients["n_sections"].tolist() == [2, 1, 1, 1, 1]
    for name in ("observed_z", "chance_z"):
        np.testing.assert_allclose(patients[name], expected[name], rtol=1e-4)
    np.testing.assert_allclose(
        patients["difference"], expected["observed_z"] - expected["chance_z"], rtol=1e-4
    )


def test_the_test_is_a_paired_t_over_patients(apart):
    sections, _, _, summary = apart
    expected = plain(sections)
    t, p = stats.ttest_rel(expected["observed_z"], expected["chance_z"])
    difference = (expected["observed_z"] - expected["chance_z"]).to_numpy()
    value = summary["value"]
    assert float(value["t"]) == pytest.approx(t, rel=1e-4)
    assert float(value["p"]) == pytest.approx(p, rel=1e-4)
    assert float(value["mean_difference"]) == pytest.approx(difference.mean(), rel=1e-4)
    counts = value[["n_patients", "n_sections", "n_pairs"]].astype(int)
    assert counts.tolist() == [5, 6, 9]
    bounds = stats.ttest_1samp(difference, 0).confidence_interval()
    row_of = summary.loc["mean_difference"]
    assert [row_of["ci_low"], row_of["ci_high"]] == pytest.approx([*bounds], rel=1e-4)
    assert row_of["unit"] == "patients"


def test_planted_genes_are_apart_or_together_and_others_as_by_chance(tmp_path, apart):
    value = apart[-1]["value"]
    assert value["direction"] == "less"
    assert float(value["p"]) < 0.001
    together = measured(tmp_path, simulate(0.8))[-1]["value"]
    assert together["direction"] == "more"
    assert float(together["p"]) < 0.001
    # Depth makes every r positive: without chance these genes would seem to go together.
    p, observed = [], []
    for seed in range(10):
        summary = measured(tmp_path, simulate(0, seed))[-1]["value"]
        p.append(float(summary["p"]))
        observed.append(float(summary["observed_z"]))
    assert min(observed) > 0.1
    assert np.median(p) > 0.1


def test_chance_is_every_pair_of_the_ten_nearest_that_are_two_genes():
    pairs, note = make_pairs(SYMBOLS, MEANS, TUMOUR, IMMUNE)
    assert not note
    names = list(itertools.product(TUMOUR, IMMUNE))
    assert [(pair.tumour, pair.immune) for pair in pairs] == names
    for pair in pairs:
        nearest = [np.argsort(np.abs(MEANS[6:] - MEANS[at]))[:10] + 6 for at in pair.columns]
        expected = {(a, b) for a, b in itertools.product(*nearest) if a != b}
        assert set(zip(*pair.chance.tolist(), strict=True)) == expected
        assert pair.chance.shape[1] == len(expected) <= 100


def test_constant_genes_and_few_spots_have_no_correlation():
    pairs, _ = make_pairs(SYMBOLS, MEANS, TUMOUR, IMMUNE)
    values = simulate(-0.8)["A1"]
    before, chance_before = correlations(values, pairs)
    values[:, 0] = CONSTANT
    r, chance = correlations(values, pairs)
    assert np.isnan(r[:3]).all()
    np.testing.assert_array_equal(r[3:], before[3:])
    np.testing.assert_array_equal(chance, chance_before)
    # One of the genes that stand for chance: the others of its pairs still do.
    values[:, pairs[0].chance[0, 0]] = CONSTANT
    assert np.isfinite(correlations(values, pairs)[1]).all()
    assert np.isnan(correlations(values[:3], pairs)).all()


def test_missing_genes_are_named_and_the_others_go_on(tmp_path):
    sections = simulate(-0.8)
    symbols = ["LOST" if name == "BGN" else name for name in SYMBOLS]
    symbols[symbols.index("G3")] = "HLA-B"
    pairs, patients, summary = measured(tmp_path, sections, symbols)
    assert len(pairs) == 4 * len(sections)
    assert set(pairs["tumour"]) == {"AEBP1", "P4HB"}
    assert set(pairs["immune"]) == {"PABPC1", "TAGLN2"}
    assert summary.loc["note", "value"] == "BGN: not among the genes; HLA-B: 2 genes are called so"
    assert summary.loc["n_pairs", "value"] == "4"
    assert patients["difference"].notna().all()
    assert float(summary.loc["p", "value"]) < 0.01


def test_without_any_pair_there_is_a_reason(tmp_path):
    pairs, patients, summary = measured(tmp_path, simulate(0), tumour=["NONE"])
    assert pairs.empty
    assert patients["difference"].isna().all()
    value = summary["value"]
    assert value[["p", "t", "mean_difference", "direction"]].isna().all()
    assert value["n_patients"] == "0"
    expected = "no pair of a tumour and an immune gene is left: NONE: not among the genes"
    assert value["note"] == expected


def test_one_patient_has_a_difference_and_no_test(tmp_path):
    sections = {name: values for name, values in simulate(-0.8).items() if name in ("A1", "A2")}
    summary = measured(tmp_path, sections)[-1]
    assert float(summary.loc["mean_difference", "value"]) < 0
    assert summary.loc[["t", "p"], "value"].isna().all()
    assert summary["ci_low"].drop("mean_difference_null").isna().all()
    assert summary.loc["direction", "value"] == "less"
    assert summary.loc["note", "value"] == "a test over patients needs 2, not 1"


def test_slides_give_what_sections_of_the_same_values_give(tmp_path):
    sections = simulate(-0.8)
    genes = gene_table(*SYMBOLS)
    slides = [
        write_tiles(tmp_path, row(SECTIONS[name], f"{name}-a", name), values, genes)
        for name, values in sections.items()
    ]
    empty = np.empty((0, len(SYMBOLS)))
    refused = write_tiles(tmp_path, row("F", "F-a", "F1"), empty, genes, refused="truncated")
    (tmp_path / "measured").mkdir()
    expected = measured(tmp_path / "measured", sections)
    found = tables(write_predicted, tmp_path, [refused, *slides])
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_only_slides_without_tiles_give_empty_tables(tmp_path):
    empty = np.empty((0, len(SYMBOLS)))
    refused = write_tiles(tmp_path, row("F", "F-a", "F1"), empty, gene_table(*SYMBOLS), refused="x")
    pairs, patients, summary = tables(write_predicted, tmp_path, [refused])
    assert pairs.empty
    assert patients.empty
    assert summary.loc["note", "value"] == "a test over patients needs 2, not 0"


def test_slides_of_different_models_are_refused(tmp_path):
    values = simulate(0)["A1"][:, :6]
    genes = gene_table(*SYMBOLS[:6])
    slides = [
        write_tiles(tmp_path, row("A", "a", "A1"), values, genes),
        write_tiles(tmp_path, row("B", "b", "B1"), values, genes.set_axis([*"abcdef"])),
    ]
    with pytest.raises(InputError, match=r"B1\.h5ad: predicts other genes than .*A1\.h5ad"):
        tables(write_predicted, tmp_path, slides)
