"""Gene sets, and predicted genes over-represented in them, against scipy and by hand."""

import gzip
import io
import re
import zipfile
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from data import GENE_SETS, needs_gene_sets
from hgnc import TABLE
from project import ROOT
from remote import Remote, sha256
from scipy.stats import fisher_exact

from stnet.analysis.pathways import fisher_p, over_representation, write_pathways
from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.expression.gene_sets import GeneSet, read_gene_sets
from stnet.report.pathways import write_pathways_page
from stnet.simulation.counts import simulate_genes
from stnet.simulation.gene_sets import write_gene_sets
from stnet.sources.lock import Fingerprint, read_lock
from stnet.sources.reactome import NAME, download_pathways

GMT = (
    "Apoptosis\tR-HSA-109581\tAKT1\tBAX\tBAX\n"
    "Immune System\tR-HSA-168256\tFASN\tREAD1\tTWO\n"
    "GO:0000012\tsignal in Cancer\tONE\tREAD2\t\n"
)
GROUPS = {"cancer": ["*in cancer*", "apoptosis"], "immune": ["Immune*"]}


def zipped(*members):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(zipfile.ZipInfo(name), text)
    return output.getvalue()


ARCHIVE = zipped(("ReactomePathways.gmt", GMT))


# Reading


@pytest.mark.parametrize(
    "content",
    [
        GMT.encode(),
        GMT.encode().removesuffix(b"\n"),
        b"\xef\xbb\xbf" + GMT.replace("\n", "\r\n\r\n").encode(),
        gzip.compress(GMT.encode()),
        ARCHIVE,
    ],
    ids=["plain", "without a last line end", "of a spreadsheet", "gzip", "zip"],
)
def test_gene_sets_are_read_however_they_are_packed(tmp_path, content):
    (tmp_path / "sets").write_bytes(content)
    assert read_gene_sets(tmp_path / "sets") == [
        GeneSet("Apoptosis", "R-HSA-109581", frozenset({"AKT1", "BAX"})),
        GeneSet("Immune System", "R-HSA-168256", frozenset({"FASN", "READ1", "TWO"})),
        GeneSet("GO:0000012", "signal in Cancer", frozenset({"ONE", "READ2"})),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GMT.encode() + b"Empty\tR-1\t\n", r"line 4: not a gene set \(name, description and genes"),
        (GMT.encode() + b"\n<html>\n", "line 5: not a gene set"),
        (GMT.encode() + b"Apoptosis\t\tBAX\n", "line 4: Apoptosis is repeated"),
        (b"\n", "has no gene sets"),
        (b"\xff\xfeA\t", "not a complete GMT file"),
        (gzip.compress(GMT.encode())[:-9], "not a complete GMT file"),
        (ARCHIVE[:-9], "not a complete GMT file"),
        (ARCHIVE.replace(ARCHIVE[60:64], b"abcd"), "not a complete GMT file"),
        (zipped(("a", GMT), ("b", GMT)), "2 files in the archive instead of one"),
    ],
)
def test_what_is_no_gene_set_is_said_in_one_line(tmp_path, content, message):
    (tmp_path / "sets.gmt").write_bytes(content)
    with pytest.raises(InputError, match=rf"sets\.gmt.*{message}") as caught:
        read_gene_sets(tmp_path / "sets.gmt")
    assert "\n" not in str(caught.value)


# Getting them from Reactome


class Reactome:
    def __init__(self, remote, folder):
        self.remote, self.lock = remote, folder / "pathways.lock.tsv"
        self.path = folder / "out" / "reactome.gmt"
        self.address = f"/download/current/{NAME}"
        remote.files[self.address] = ARCHIVE

    def download(self):
        download_pathways(self.path, host=self.remote.host, lock=self.lock)
        return self.path.read_text()


@pytest.fixture
def reactome(tmp_path, quick):
    with Remote() as remote:
        yield Reactome(remote, tmp_path)


@pytest.mark.parametrize("fault", ["", "reset", "cut", "error", "corrupt", 503])
def test_first_download_locks_the_archive(reactome, fault):
    reactome.remote.faults[reactome.address] = [fault]
    assert reactome.download() == GMT
    assert read_lock(reactome.lock) == {NAME: Fingerprint(len(ARCHIVE), sha256(ARCHIVE))}
    assert [path.name for path in reactome.path.parent.glob("[!.]*")] == ["reactome.gmt"]
    assert len(reactome.remote.requests) == 1 + bool(fault)


def test_no_set_with_enough_genes_is_a_table_without_rows():
    genes = pd.DataFrame({"gene": ["a", "b"], "consistent": [True, False]})
    found = over_representation(genes, pd.Series(["A", ""]), [], 0.05)
    assert found.empty
    assert {"p", "p_bh", "predicted_genes"} <= set(found.columns)


def test_another_release_is_refused_at_once_and_taken_when_asked_for(reactome):
    reactome.download()
    later = zipped(("ReactomePathways.gmt", GMT.replace("AKT1", "AKT2")))
    reactome.remote.files[reactome.address] = later
    with pytest.raises(InputError, match=f"pathways.lock.tsv: {NAME} was .* delete its row"):
        reactome.download()
    assert reactome.path.read_text() == GMT
    assert len(reactome.remote.requests) == 2
    reactome.lock.unlink()
    assert "AKT2" in reactome.download()


@pytest.mark.parametrize("content", [b"<html>moved</html>", zipped(("a", GMT), ("b", GMT))])
def test_what_is_no_archive_of_gene_sets_is_not_locked(reactome, content):
    reactome.remote.files[reactome.address] = content
    with pytest.raises(InputError, match=f"{NAME} for .*{NAME}: ") as caught:
        reactome.download()
    assert "\n" not in str(caught.value)
    assert not reactome.path.exists()
    assert not reactome.lock.exists()


# Over-representation


def test_p_is_fishers_and_ease_has_one_hit_less():
    random = np.random.default_rng(0)
    for n_predicted, n_rest in random.integers(1, 40, (60, 2)):
        hits, misses = random.integers(0, n_predicted + 1), random.integers(0, n_rest + 1)
        table = [[hits, misses], [n_predicted - hits, n_rest - misses]]
        plain = fisher_exact(table, alternative="greater").pvalue
        assert fisher_p(hits, misses, n_predicted, n_rest) == pytest.approx(plain, rel=1e-9)
        genes = pd.DataFrame({"consistent": [True] * n_predicted + [False] * n_rest})
        names = pd.Series([f"G{i}" for i in range(len(genes))])
        members = frozenset([*names[:hits], *names[n_predicted : n_predicted + misses]])
        row = over_representation(genes, names, [members], 0.05).iloc[0]
        assert row["p"] == pytest.approx(plain, rel=1e-9)
        if hits:
            table[0][0] -= 1
            plain = fisher_exact(table, alternative="greater").pvalue
            assert row["ease"] == pytest.approx(plain, rel=1e-9)
        else:
            assert row["ease"] == row["p"] == 1
        a, b, c, d = hits, misses, n_predicted - hits, n_rest - misses
        assert row["odds_ratio"] == pytest.approx(a * d / (b * c) if b * c else np.nan, nan_ok=True)


@pytest.mark.parametrize("background", [30_000, 29_700])
def test_davids_own_example(background):
    """DAVID's page on the EASE score: 3 of 300 genes in a pathway that has 40 of the genome's
    30,000; Fisher's p is 0.008, the score 0.06, whether or not the genome has the list in it.
    """
    others = 40 - 3 * (background < 30_000)
    assert round(float(fisher_p(3, others, 300, background)), 2) == 0.01
    assert 0.007 < fisher_p(3, others, 300, background) < 0.009
    assert round(float(fisher_p(2, others, 299, background)), 2) == 0.06


def test_a_small_table_by_hand():
    # Two of five genes are predicted; both in the set: one way of ten.
    assert fisher_p(2, 0, 2, 3) == pytest.approx(1 / 10)
    # One fewer: of four genes the predicted one is the set's.
    assert fisher_p(1, 0, 1, 3) == pytest.approx(1 / 4)


@pytest.fixture
def files(tmp_path):
    """A table of nine genes, three of them predicted, gene sets, and a gene table."""
    symbols = ["FASN", "READ1", "TNFRSF6", "LYPLA1", "STALE", "TWO", "NOID", "", "NEW"]
    # Two genes have the second id; the third is that of ONE, whatever its symbol here.
    ids = ["G0", "ENSG00000000003", "G2", "G3", "ENSG00000000001", "G5", "G6", "G7", "G8"]
    genes = pd.DataFrame({"gene": ids, "symbol": symbols, "consistent": [True] * 3 + [False] * 6})
    genes.loc[7, "consistent"] = True
    write_table(genes, tmp_path / "genes.tsv")
    (tmp_path / "hgnc.tsv").write_text(TABLE)
    (tmp_path / "sets.gmt").write_text(
        # By HGNC's table: FASN and, once each, FAS (TNFRSF6); ambiguous names stay as they are.
        "Old names\tdrug in Cancer\tSDR27X1\tFASN\tCD95\tLOST\n"
        "Immune System\tx\tONE\tTWO\tREAD1\tFASN\n"
        "Too few\tx\tONE\tTWO\tABSENT\n"
        "Nothing\tx\tABSENT\n"
    )
    return tmp_path


def written(folder, groups=GROUPS, table=True, level=0.5):
    outputs = [folder / "groups.tsv", folder / "sets.tsv"]
    hgnc = folder / "hgnc.tsv" if table else None
    sets = [folder / "sets.gmt"]
    write_pathways(folder / "genes.tsv", sets, hgnc, *outputs, groups=groups, level=level)
    return [read_table(path) for path in outputs]


def test_groups_and_sets_written_out(files):
    groups, sets = written(files)
    assert groups["group"].tolist() == ["cancer", "immune"]
    # Eight genes have a symbol: three predicted, five not.
    assert (groups["predicted_total"] == 3).all()
    assert (groups["rest_total"] == 5).all()
    counts = groups[["genes", "predicted", "rest"]].to_numpy().tolist()
    assert counts == [[3, 2, 1], [4, 2, 2]]
    p = [fisher_exact([[2, 1], [1, 4]], alternative="greater").pvalue]
    p += [fisher_exact([[2, 2], [1, 3]], alternative="greater").pvalue]
    np.testing.assert_allclose(groups["p"], p, rtol=1e-5)
    # Benjamini and Hochberg by hand: the smaller times two, the larger as it is, in order.
    np.testing.assert_allclose(groups["p_bh"], [min(2 * p[0], p[1]), p[1]], rtol=1e-5)
    assert groups["gene_sets"].tolist() == ["Old names", "Immune System"]
    assert groups["predicted_genes"].tolist() == ["FASN,FAS", "FASN,READ1"]
    assert sets["gene_set"].tolist() == ["Old names", "Immune System"]
    assert sets["file"].tolist() == ["sets.gmt"] * 2
    assert groups["enriched"].tolist() == (groups["p_bh"] <= 0.5).tolist()
    assert not written(files, level=1e-3)[1]["enriched"].any()


def test_older_symbols_count_only_with_a_gene_table(files):
    groups, sets = written(files, table=False)
    assert groups["predicted"].tolist() == [1, 2]
    assert groups["rest"].tolist() == [0, 1]
    assert groups["predicted_genes"].tolist()[0] == "FASN"
    assert sets["gene_set"].tolist() == ["Immune System"]


def test_a_group_without_gene_sets_is_refused(files):
    groups = {"cancer": ["*in cancer*"], "immune": ["Imune System", "nothing*else"]}
    with pytest.raises(InputError, match=r"groups\.immune: no .* is it Immune System\?") as caught:
        written(files, groups)
    assert "\n" not in str(caught.value)
    assert not (files / "groups.tsv").exists()


def test_without_a_predicted_gene_nothing_is_enriched(files):
    genes = read_table(files / "genes.tsv")
    write_table(genes.assign(consistent=False), files / "genes.tsv")
    groups, _ = written(files)
    assert groups["p"].tolist() == groups["ease_bh"].tolist() == [1, 1]
    assert groups["predicted"].tolist() == [0, 0]


def test_the_page_has_the_papers_numbers_and_names(files):
    written(files)
    write_pathways_page(
        files / "groups.tsv",
        files / "sets.tsv",
        ROOT / "resources/paper/claims.tsv",
        files / "page.html",
        experiment="main",
        level=0.5,
    )
    text = re.sub(r"<[^>]+>", "|", (files / "page.html").read_text())
    assert "||cancer||2 of the 3||1 of the 5||37 of the 102||11 of the 148|" in text
    assert "||immune||2 of the 3||2 of the 5||31 of the 102||9 of the 148|" in text
    assert "||Old names||2 of the 3||1 of the 5||sets.gmt|" in text
    assert "|FASN|, |FAS|" in text


# Simulated and real gene sets


def test_simulated_pathways_hold_what_was_planted(tmp_path):
    write_gene_sets(tmp_path / "sets.gmt", seed=1)
    first = (tmp_path / "sets.gmt").read_bytes()
    write_gene_sets(tmp_path / "sets.gmt", seed=1)
    assert (tmp_path / "sets.gmt").read_bytes() == first
    write_gene_sets(tmp_path / "other.gmt", seed=2)
    assert (tmp_path / "other.gmt").read_bytes() != first
    truth = simulate_genes(1)
    targets = truth.nlargest(60, "mean")
    genes = targets[["gene", "symbol"]].assign(consistent=targets["planted"] == 1)
    write_table(genes, tmp_path / "genes.tsv")
    names = {"cancer": "CANCER_*", "pharmacogenomic": "DRUG_*", "immune": "IMMUNE_*"}
    groups, sets = written(tmp_path, {group: [name] for group, name in names.items()}, table=False)
    assert (groups["predicted"] >= 5).all()
    assert (groups["rest"] <= 2).all()
    assert (groups["p_bh"] < 0.05).all()
    unrelated = sets[sets["gene_set"].str.startswith("UNRELATED")]
    assert len(unrelated) == 6
    assert unrelated["p_bh"].min() > 0.05


@needs_gene_sets
def test_real_gene_sets_are_read_as_by_plain_python():
    for name in ("ReactomePathways.gmt", "h.all.v7.0.symbols.gmt", "GO_BP.gmt.gz"):
        path = GENE_SETS / name
        content = path.read_bytes()
        text = (gzip.decompress(content) if name.endswith("gz") else content).decode()
        plain = [line.split("\t") for line in text.rstrip("\n").split("\n")]
        found = read_gene_sets(path)
        assert [each.name for each in found] == [row[0] for row in plain]
        assert all(
            each.genes == set(row[2:]) - {""} for each, row in zip(found, plain, strict=True)
        )


@needs_gene_sets
def test_the_papers_genes_in_real_pathways(tmp_path):
    """The published consistent genes, written out with scipy."""
    paper = pd.read_csv(ROOT / "resources/paper/per_gene.tsv", sep="\t")
    unnamed = paper["gene"].str.startswith(("__", "ENSG"))
    genes = pd.DataFrame({"gene": paper["gene"], "symbol": paper["gene"].mask(unnamed, "")})
    genes["consistent"] = paper["stnet_consistent"] >= 20
    write_table(genes, tmp_path / "genes.tsv")
    (tmp_path / "sets.gmt").symlink_to(GENE_SETS / "ReactomePathways.gmt")
    patterns = {"immune": ["Immune System"], "cancer": ["* in cancer*", "DNA Repair"]}
    groups, sets = written(tmp_path, patterns, table=False)
    lines = (GENE_SETS / "ReactomePathways.gmt").read_text().splitlines()
    pathways = {row[0]: set(row[2:]) for row in (line.split("\t") for line in lines)}
    predicted = set(paper["gene"][genes["consistent"] & ~unnamed])
    rest = set(paper["gene"][~genes["consistent"] & ~unnamed])
    assert (len(predicted), len(rest)) == (97, 138)

    def plain(members):
        table = [[len(group & members), len(group - members)] for group in (predicted, rest)]
        return [table[0][0], table[1][0], fisher_exact(np.transpose(table), "greater").pvalue]

    for row in groups.itertuples():
        named = [
            n for n in pathways if any(fnmatch(n.lower(), p.lower()) for p in patterns[row[1]])
        ]
        found = plain(set().union(*(pathways[name] for name in named)))
        assert [row.predicted, row.rest, row.p] == pytest.approx(found, rel=1e-5)
    for row in sets.itertuples():
        found = plain(pathways[row.gene_set])
        assert [row.predicted, row.rest, row.p] == pytest.approx(found, rel=1e-5)
    assert len(sets) == sum(len((predicted | rest) & genes) >= 3 for genes in pathways.values())
