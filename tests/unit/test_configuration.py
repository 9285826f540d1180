"""The configuration and the section sheet: what is refused, and in which words."""

import copy
import gc
import json
import re
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Literal

import pytest
import yaml

from stnet.config.as_written import check_as_written
from stnet.config.configuration import Configuration
from stnet.config.experiments import Experiment
from stnet.config.section_sheet import COLUMNS, read_sheet
from stnet.core.errors import InputError

ROOT = Path(__file__).parents[2]
PRECOMPUTED = "kind: precomputed, cohort: stnet, targets: top250, transform: log_fraction"


def lay(base, over):
    """Lay a configuration over another, as Snakemake does."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            lay(base[key], value)
        else:
            base[key] = value


def merged(*names):
    """Configurations laid over one another."""
    config = {}
    for name in names:
        lay(config, yaml.safe_load((ROOT / "config" / name).read_text()))
    return config


@pytest.fixture
def config():
    return copy.deepcopy(merged("config.yaml"))


def changed(config, path, value):
    """A copy of the configuration with another value under a dotted path."""
    config = copy.deepcopy(config)
    *parents, key = path.split(".")
    reduce(lambda table, parent: table.setdefault(parent, {}), parents, config)[key] = value
    return config


def test_shipped_configurations_are_valid():
    for name in ("config.yaml", "demo.yaml", "her2st.yaml", "encoders.yaml"):
        config = merged("config.yaml", name)
        configuration = Configuration(config)
        for cohort in config["report"]:
            main = configuration.row("cohorts", cohort)["report"]["main"]
            assert configuration.row("experiments", main)["cohort"] == cohort


def test_the_papers_configuration_is_the_papers_method(config):
    keys = Configuration(config).row("experiments", "densenet121")
    assert (keys["architecture"], keys["weights"], keys["view"]) == (
        "densenet121",
        "imagenet",
        "224x1",
    )
    assert (keys["learning_rate"], keys["momentum"], keys["weight_decay"]) == (1e-6, 0.9, 0)
    assert (keys["loss"], keys["batch_size"]) == ("sum", 32)
    assert (keys["epochs"], keys["inner_folds"], keys["split"]) == (50, 4, "patient")


def test_what_is_resolved_is_plain_and_complete(config):
    resolved = Configuration(config).resolved
    assert json.loads(json.dumps(resolved)) == resolved
    # Whole numbers stay whole where any number may stand: they are parameters of rules.
    assert repr(resolved["features"]["nuclei"]["search_radius"]) == "10"
    assert resolved["cohorts"]["stnet"]["root"] == "resources/stnet"
    assert resolved["external"]["visium-unscaled"]["model"] == "all"
    assert resolved["predict"]["tiles"]["side"] == 512
    assert resolved["hosts"]["gdc"] == "https://api.gdc.cancer.gov"


def test_genes_are_predicted_alone_by_an_experiment_each(config):
    config["experiments"]["two"] = {"inherit": "ablation", "genes": ["TFF3", "HLA-B"], "seed": 5}
    config["experiments"]["two"]["targets"] = "top250-cp10k"
    config["cohorts"]["stnet"]["report"]["single_genes"] = "two"
    configuration = Configuration(config)
    assert configuration.row("cohorts", "stnet")["report"]["single_genes"] == {
        "HLA-B": "two-HLA-B",
        "TFF3": "two-TFF3",
    }
    assert configuration.shown_experiments("stnet", supplement=True)[-2:] == [
        "two-HLA-B",
        "two-TFF3",
    ]
    keys = configuration.row("experiments", "two-TFF3")
    assert (keys["seed"], keys["latent"], keys["targets"]) == (5, False, "two-TFF3")
    targets = configuration.row("targets", "two-TFF3")
    assert (targets["genes"], targets["transform"]) == (["TFF3"], "log_cp10k")
    assert len(configuration.experiments_of("network")) == len(
        [e for e in configuration.resolved["experiments"].values() if e["kind"] == "network"]
    )
    with pytest.raises(InputError, match="no 'two' in experiments"):
        configuration.row("experiments", "two")


def test_a_new_kind_needs_its_model_alone(config):
    config["experiments"]["a"] = {"inherit": "label", "kind": "neighbours", "k": 3}
    with pytest.raises(InputError, match=r"a\.kind: 'neighbours' is not one of network, label"):
        Configuration(config)

    class Neighbours(Experiment):
        kind: Literal["neighbours"] = "neighbours"
        k: int

    try:
        assert Configuration(config).row("experiments", "a")["k"] == 3
    finally:
        del Neighbours
        gc.collect()


MADE = ["resources/genes/hgnc.tsv", "resources/gene_sets/reactome.gmt"]


def test_a_mistake_is_of_the_row_it_stands_in(config):
    config["experiments"]["densenet121"]["epoch"] = 5
    with pytest.raises(InputError, match=r"experiments\.densenet121\.epoch: unknown key"):
        Configuration(config)


def test_experiments_inherit(config):
    config["experiments"]["a"] = {"inherit": "densenet121", "seed": 7}
    config["experiments"]["b"] = {"inherit": "a", "epochs": 3}
    keys = Configuration(config).row("experiments", "b")
    assert (keys["seed"], keys["epochs"], keys["view"]) == (7, 3, "224x1")
    assert "inherit" not in keys


def test_a_title_is_of_one_experiment(config):
    config["experiments"]["a"] = {"inherit": "densenet121"}
    resolved = Configuration(config).resolved["experiments"]
    assert (resolved["densenet121"]["title"], resolved["a"]["title"]) == ("ST-Net", "a")
    assert resolved["alone-TFF3"]["title"] == "Alone: TFF3"
    in_captions = ("a*b", "`a <:b>`__", "|a|", "a\\b", "a_", "a_ b", "javascript:a")
    lines = ("a\nb", "a\u2028\u2028.. include:: /etc/passwd", "a\x0bb", "a\x85b")
    unseen = ("a\tb", "a\x00", "\x1b[31ma", "a\x9fb")
    for title in ("", " a", "{x", "*a", "_a", "[1]", *unseen, *in_captions, *lines):
        config["experiments"]["a"]["title"] = title
        with pytest.raises(InputError, match=r"a\.title: .* should be a line of text"):
            Configuration(config)
    config["experiments"].pop("a")
    config["experiments"]["ridge"]["title"] = "ST-Net"
    with pytest.raises(InputError, match=r"experiments\.ridge\.title: that of densenet121 too"):
        Configuration(config)


def test_genes_chosen_for_another_split_are_refused(config):
    wrong = {"inherit": "label", "targets": "top250-training", "split": "section"}
    config["experiments"]["a"] = wrong
    with pytest.raises(InputError, match=r"a\.targets: .* split patient, .* is section"):
        Configuration(config)
    config["experiments"]["a"] = {**wrong, "inherit": "composition", "targets": "composition"}
    with pytest.raises(InputError, match=r"a\.targets: .* split patient, .* is section"):
        Configuration(config)


REFUSED = [
    (
        "experiments.densenet121.learning_rat",
        1,
        "learning_rat: unknown key; is it learning_rate?",
    ),
    (
        "experiments.densenet121.learning_rate",
        "1e-6",
        "learning_rate: '1e-6' should be a valid number; write it",
    ),
    ("experiments.densenet121.view", "224", "view: '224' should match pattern"),
    ("experiments.densenet121.cohort", "stnett", "no 'stnett' in cohorts; is it stnet?"),
    ("experiments.densenet121.targets", "top", "no 'top' in targets"),
    ("experiments.densenet121.kind", "networks", "kind: 'networks' is not one of network"),
    ("experiments.label.inherit", "lable", "no 'lable' in experiments; is it label"),
    ("experiments.label.inherit", "label", "inherits from itself"),
    ("experiments.a_b", {}, "a_b: not an id"),
    ("cohorts.stnet.spot_window", 225, "spot_window: 225 should be a multiple of 2"),
    ("cohorts.stnet.report.main", "label2", "report.main: no 'label2' in experiments"),
    (
        "cohorts.stnet.report.others",
        ["lable"],
        "report.others[0]: no 'lable' in experiments; is it label?",
    ),
    ("cohorts.stnet.report.label", "densenet121", "densenet121 is not an experiment of kind label"),
    ("cohorts.stnet.root", "/scratch", "with a source the files are in resources/stnet"),
    ("cohorts.stnet.label_classes.normal", ["tumor"], "'tumor' is both tumour and normal"),
    ("experiments.densenet121.inner_folds", 1, "inner_folds: one fold leaves nothing to train on"),
    ("cohorts.stnet.report.visium", ["visum"], "visium[0]: no 'visum' in external; is it visium?"),
    ("cohorts.stnet.report.visium", ["tcga"], "tcga is not a source of kind sections"),
    ("cohorts.stnet.report.slides", ["visium"], "visium is not a source of kind slides"),
    ("cohorts.stnet.report.main", "label", "label is not a network, which visium needs"),
    ("cohorts.stnet.report.features", "ridge", "ridge is not an experiment of kind forest"),
    ("cohorts.stnet.report.features", None, "nuclear_gene: needs nuclear features"),
    ("cohorts.stnet.report.composition", "densenet121", "top250, which are not factors"),
    ("cohorts.stnet.report.main", "composition", "composition does not predict genes"),
    ("cohorts.stnet.report.single_genes", "gnas", "single_genes: no 'gnas' in experiments"),
    ("cohorts.stnet.report.single_genes", "label", "single_genes: label has no key genes; add"),
    ("cohorts.stnet.report.others", ["alone"], "alone has one experiment per gene"),
    ("experiments.alone.genes", [], "experiments.alone.genes: [] should have at least 1"),
    ("experiments.alone.epoch", 1, "experiments.alone.epoch: unknown key; is it epochs?"),
    ("experiments.alone.targets", "composition", "composition are factors, not genes"),
    (
        "experiments.alone-TFF3",
        {"inherit": "label"},
        "TFF3 makes alone-TFF3, which already exists; rename",
    ),
    ("cohorts.stnet.report.main", None, "report.main: null should be a valid string"),
    ("cohorts.stnet.report.pathways", {"groups": {"a": ["b"]}}, "pathways.gene_sets: missing"),
    ("cohorts.stnet.report.latent", {"patient": []}, "latent.patient: unknown key; is it patie"),
    ("experiments.nuclei.features", "nucleus", "no 'nucleus' in features; is it nuclei?"),
    ("experiments.nuclei.targets", "composition", "are factors, which only a network predicts"),
    (
        "experiments.densenet121.trained",
        "head",
        "trained: 'head' should be 'all' or be a list; write [head]",
    ),
    ("features.nuclei.radii", [10], "features.nuclei.radii: [10] should have at least 2 items"),
    ("features.nuclei.radii", [3, 2], "radii: 3 and 2; write the smaller radius first"),
    ("features.nuclei.ranges.area", [9, 9], "ranges.area: 9 to 9; write the lower limit first"),
    ("features.nuclei.eosin", [1.3, 1.408, 0.572], "eosin: [1.3, 1.408, 0.572] has the colour"),
    (
        "features.nuclei.haematoxylin",
        [0, 0, 0],
        "stains of the same colour cannot be separated",
    ),
    ("features.densenet121-imagenet.sd", [0, 1, 1], "sd[0]: 0 should be greater than 0"),
    # Of bytes, and not of values from 0 to 1.
    ("features.densenet121-imagenet.sd", [58, 57, 57], "sd[0]: 58 should be less than or equal"),
    ("features.densenet121-imagenet.mean", [124, 116, 104], "mean[0]: 124 should be less than or"),
    ("experiments.densenet121.latent", False, "densenet121 does not save its latent space; set"),
    (
        "cohorts.stnet.report.studies.weights.experiments",
        ["random"],
        "['random'] should have at least 2 items",
    ),
    ("features.nuclei.kind", "nucleus", "features.nuclei.kind: 'nucleus' is not one of nuclei"),
    ("features.nuclei.ranges.are", [0, 1], "ranges.are: unknown key; is it area?"),
    ("targets.composition.of", "composition", "composition are factors, not genes"),
    ("targets.composition.of", "top25", "targets.composition.of: no 'top25' in targets"),
    ("targets.composition.genes", 5, "targets.composition.genes: unknown key"),
    ("targets.top250-training.genes", ["FASN"], "choice: a list of genes is not chosen"),
    ("external.visium.cohort", "visum", "no 'visum' in cohorts; is it visium?"),
    ("external.visium.scale", "pixel", "scale: 'pixel' should be 'pixels' or 'micrometres'; is it"),
    ("external.visium-unscaled.inherit", "visum", "no 'visum' in external; is it visium"),
    ("external.tcga.kind", "slide", "external.tcga.kind: 'slide' is not one of sections"),
    ("external.tcga.tiles.side", 8, "tiles.side: 8 should be greater than or equal to 16"),
    ("external.tcga.source", "simulated", "external.tcga.simulation: missing"),
    ("external.tcga.subtypes.classes", {"IDC": ["8500/3"]}, "subtypes.classes: "),
    ("predict.scale", "micrometers", "predict.scale: 'micrometers' should be"),
    ("report", ["hers2t"], "report[0]: no 'hers2t' in cohorts"),
    ("device", "gpu", "device: 'gpu' should be 'cpu' or 'cuda'; is it"),
    (
        "cohorts.predict",
        {},
        "cohorts.predict: predict, logs, benchmarks, record, claims, paper, genes, weights are",
    ),
    (
        "cohorts.stnet.dataset",
        5,
        "cohorts.stnet.dataset: 5 should be a valid string; write it in quotes",
    ),
    ("cohorts.stnet.source", "zenodo", "source: 'zenodo' is not one of mendeley, tenx"),
    ("cohorts.new", {"source": "simulated"}, "cohorts.new.sheet: missing; add it"),
    ("experiments", [], "experiments: write a mapping from ids to rows, not []"),
    ("experiments.label.seed", 1, "experiments.label.seed: unknown key"),
    ("targets.top250.genes", ["FASN", "FASN"], "genes: ['FASN', 'FASN'] has a name twice"),
    ("devise", "cpu", "devise: unknown key; is it device"),
]


# What is laid over the configuration, as a user writes it.
MISWRITTEN = [
    # No text where an id is expected.
    ("features: {nuclei: {kind: [nuclei]}}", "features.nuclei.kind: ['nuclei'] is not one of"),
    ("features: {nuclei: {kind: {a: b}}}", "features.nuclei.kind: {'a': 'b'} is not one of"),
    ("cohorts: {stnet: {source: [tenx]}}", "cohorts.stnet.source: ['tenx'] is not one of"),
    ("experiments: {label: {inherit: [mean]}}", "label.inherit: ['mean'] is not the id of a row"),
    ("experiments: {label: {inherit: {a: b}}}", "label.inherit: {'a': 'b'} is not the id of a row"),
    ("experiments: {label: {inherit: no}}", "label.inherit: false is not the id of a row"),
    # Ids that YAML does not read as text.
    ("targets: {1: {}, '1': {}}", "targets.1: there twice, with and without quotes"),
    ("targets: {no: {}}", "targets.False: YAML reads it as false; write the id in quotes"),
    ("targets: {~: {}}", "targets.None: YAML reads it as null; write the id in quotes"),
    ("targets: {2020-01-01: {}}", "targets.2020-01-01: YAML reads it as datetime.date(2020, 1, 1)"),
    ("targets: {1.50: {}}", "targets.1.5: YAML reads it as 1.5; write the id in quotes"),
    ("predict: {sections: [{no: 1}]}", "predict.sections[0].False: YAML reads it as false"),
    ('targets: {"a\\nb": {}}', r"targets.a\nb: not an id"),
    ('targets: {a: {"b\\nc": 1}}', r"targets.a.b\nc: unknown key"),
    # Views that cannot be.
    ("experiments: {random: {view: 128x0}}", "random.view: view 128x0: the window must be a mul"),
    ("experiments: {random: {view: 128x3}}", "random.view: view 128x3: the window must be a mul"),
    ("features: {nuclei: {view: 7x9}}", "nuclei.view: view 7x9: the window must be a multiple"),
    # The same thing twice.
    ("report: [stnet, stnet]", "report: ['stnet', 'stnet'] has a name twice"),
    ("cohorts: {stnet: {report: {others: [mean, mean]}}}", "others: ['mean', 'mean'] has a name"),
    ("cohorts: {stnet: {report: {visium: [visium, visium]}}}", "report.visium: ['visium', 'visi"),
    ("cohorts: {stnet: {report: {slides: [tcga, tcga]}}}", "report.slides: ['tcga', 'tcga'] has"),
    ("experiments: {alone: {genes: [GNAS, GNAS]}}", "alone.genes: ['GNAS', 'GNAS'] has a name"),
    (
        "experiments: {alone: {genes: [A_B, A-B]}}",
        "alone.genes: A_B makes alone-A-B, which already",
    ),
    (
        "external: {tcga: {subtypes: {classes: {A: ['8500/3'], B: ['8500/3']}}}}",
        "tcga.subtypes.classes: 8500/3 is in both classes; remove it from one",
    ),
    # Names of folders and files.
    ("external: {stnet: {inherit: tcga}}", "external.stnet: cohort stnet has the same folder"),
    (
        "external: {weights: {inherit: tcga}}",
        "external.weights: predict, logs, benchmarks",
    ),
    (
        "cohorts: {benchmarks: {}}",
        "cohorts.benchmarks: predict, logs, benchmarks, record",
    ),
    ("experiments: {random: {architecture: ../a}}", "random.architecture: '../a' should match"),
    ("features: {densenet121-imagenet: {architecture: a/b}}", "architecture: 'a/b' should match"),
    ("external: {tcga: {encoder: {architecture: a/b}}}", "encoder.architecture: 'a/b' should mat"),
    # Tables and rows.
    ("cohorts: ~", "configuration: cohorts: write a mapping from ids to rows, not null"),
    ("cohorts: []", "configuration: cohorts: write a mapping from ids to rows, not []"),
    ("cohorts: {visium: ~}", "cohorts.visium: a row cannot be removed with null; leave it unused"),
    ("cohorts: {visium: []}", "cohorts.visium: [] should be a mapping"),
    (
        "features: {a: {inherit: nuclei, kind: encoder}, nuclei: {bins: 5}}",
        "features.a.bins: unknown key for kind encoder (inherited from nuclei)",
    ),
    ("features: {a: {kind: precomputed}}", "features.a.files: missing; add it"),
    (
        "features: {a: {kind: precomputed, files: a.h5}}",
        "'a.h5' does not name a file for each section",
    ),
    (
        "features: {a: {kind: precomputed, files: '{cohort}/{section}.h5'}}",
        "a.files: '{cohort}/{section}",
    ),
    (
        "features: {a: {kind: precomputed, files: '{section}{.h5'}}",
        "or {slide}, and no other braces",
    ),
    # Values of another type.
    ("device: no", "device: false should be 'cpu' or 'cuda'; YAML reads no and off as false"),
    ("cohorts: {stnet: {report: {gene: on}}}", "report.gene: true should be a valid string; YAML"),
    ("cohorts: {stnet: {report: {patients: [23]}}}", "patients[0]: 23 should be a valid string; w"),
    ("tensorboard: 'no'", "tensorboard: 'no' should be a valid boolean; write it without quotes"),
    ("experiments: {random: {engine: fast}}", "random.engine: 'fast' should be a mapping"),
    *[
        (f"experiments: {{given: {{{PRECOMPUTED}, {keys}}}}}", f"experiments.given.{message}")
        for keys, message in (
            ("predictions: a.txt, universe: 9, trained_on: []", "predictions: a.txt does not end"),
            ("predictions: '{g}.tsv', universe: 9, trained_on: []", "predictions: {g}.tsv has br"),
            ("predictions: a.tsv, universe: 9, trained_on: '{g'", "trained_on: {g has braces oth"),
            ("predictions: a.tsv, universe: 9", "trained_on: missing; add it"),
            ("predictions: a.tsv, trained_on: []", "universe: missing; log_fraction needs the nu"),
        )
    ],
    ("report: stnet", "report: 'stnet' should be a list; write [stnet]"),
    ("report: []", "report: [] should have at least 1 item, not 0"),
    ("targets: {top250: {genes: FASN}}", "be a valid integer or be a list; write [FASN]"),
    ("targets: {top250: {genes: '60'}}", "integer or be a list; write it without quotes"),
]


def faults(cases, change):
    """Cases whose change is not refused by one line with the message."""
    wrong = []
    for case in cases:
        try:
            Configuration(change(*case[:-1]))
            said = "nothing"
        except InputError as error:
            said = str(error)
        if case[-1] not in said or "\n" in said or not said.startswith("configuration: "):
            wrong.append(f"{case}: {said}")
    return wrong


def laid_over(config, text):
    """A copy of the configuration with another, as YAML, laid over it."""
    config = copy.deepcopy(config)
    lay(config, yaml.safe_load(text))
    return config


def test_wrong_keys_are_named_in_one_line(config):
    assert faults(REFUSED, lambda path, value: changed(config, path, value)) == []


def test_what_yaml_or_a_hand_may_slip_in_is_named_in_one_line(config):
    assert faults(MISWRITTEN, lambda text: laid_over(config, text)) == []


def test_a_missing_table_is_named_itself(config):
    del config["cohorts"]
    with pytest.raises(InputError, match=r"^configuration: cohorts: missing; add it"):
        Configuration(config)


ACCEPTED = [
    ("experiments: {5: {inherit: label}, 6: {inherit: 5}}", "experiments", "6", "kind", "label"),
    (
        "targets: {7: {}}\nexperiments: {label: {targets: 7}}",
        "experiments",
        "label",
        "targets",
        "7",
    ),
    ("targets: {top250: {of: ~}}", "targets", "top250", "genes", 250),
    ("experiments: {alone: {genes: [A_B]}}", "targets", "alone-A-B", "genes", ["A_B"]),
]


def test_ids_of_digits_nulls_and_any_symbol_are_accepted(config):
    for text, table, name, key, value in ACCEPTED:
        assert Configuration(laid_over(config, text)).row(table, name)[key] == value, text


def test_the_order_of_keys_means_nothing(config):
    turned = copy.deepcopy(config)
    classes = turned["cohorts"]["stnet"]["label_classes"]
    turned["cohorts"]["stnet"]["label_classes"] = dict(reversed(classes.items()))
    cohorts = [Configuration(each).row("cohorts", "stnet") for each in (config, turned)]
    assert repr(cohorts[0]) == repr(cohorts[1])


def test_a_report_need_only_name_what_stands_for_st_net(config):
    config["cohorts"]["stnet"]["report"] = {"main": "densenet121"}
    configuration = Configuration(config)
    assert configuration.shown_experiments("stnet", supplement=True) == ["densenet121"]
    assert configuration.row("cohorts", "stnet")["report"]["visium"] == []


def test_a_latent_space_is_of_patients_held_out_whole(config):
    config["experiments"]["a"] = {"inherit": "densenet121", "split": "section"}
    config["cohorts"]["stnet"]["report"]["main"] = "a"
    with pytest.raises(InputError, match=r"report\.latent: a holds out sections"):
        Configuration(config)
    config["cohorts"]["stnet"]["report"]["latent"] = None
    Configuration(config)


def test_ablations_are_taken_out_by_null(config):
    report = config["cohorts"]["stnet"]["report"]
    report["studies"]["weights"] = report["single_genes"] = None
    shown = Configuration(config).row("cohorts", "stnet")["report"]
    assert "windows" in shown["studies"]
    assert "weights" not in shown["studies"]
    assert shown["single_genes"] == {}
    report["pathways"]["groups"]["immune"] = None
    shown = Configuration(config).row("cohorts", "stnet")["report"]
    assert set(shown["pathways"]["groups"]) == {"cancer", "pharmacogenomic"}
    report["studies"] = None
    assert Configuration(config).row("cohorts", "stnet")["report"]["studies"] == {}


def test_files_that_are_named_must_be_there_or_made(config, tmp_path):
    table, sets = MADE
    Configuration(config).check_files(MADE)
    with pytest.raises(InputError, match=r"pathways\.gene_sets\[0\]: no file .*reactome"):
        Configuration(config).check_files([table])
    with pytest.raises(InputError, match=r"cohorts\.stnet\.genes: no file"):
        Configuration(config).check_files([sets])
    config["features"]["densenet121-imagenet"]["weights"] = "imagnet"
    with pytest.raises(InputError, match=r"features\.densenet121-imagenet\.weights: no file"):
        Configuration(config).check_files(MADE)
    config["experiments"]["densenet121"]["weights"] = "imagnet"
    with pytest.raises(InputError, match=r"experiments\.densenet121\.weights: no file imagnet"):
        Configuration(config).check_files(MADE)


def test_weights_and_genes_of_shown_sources_must_be_there_too(config):
    config["external"]["tcga"]["encoder"] = {"weights": "imagnet"}
    with pytest.raises(InputError, match=r"external\.tcga\.encoder\.weights: no file imagnet"):
        Configuration(config).check_files(MADE)
    config["external"]["tcga"]["genes"] = "none.tsv"
    with pytest.raises(InputError, match=r"external\.tcga\.genes: no file none\.tsv"):
        Configuration(config).check_files(MADE)


def test_rows_of_every_table_have_a_title_which_is_not_inherited(config):
    for table in ("cohorts", "targets", "features", "experiments", "external"):
        name = next(iter(config[table]))
        row = {key: each for key, each in config[table][name].items() if key != "paper"}
        config[table] |= {"one": row | {"title": "The one"}, "two": {"inherit": "one"}}
    rows = Configuration(config).resolved
    for table in ("cohorts", "targets", "features", "experiments", "external"):
        assert [rows[table][name]["title"] for name in ("one", "two")] == ["The one", "two"]


def test_two_shown_sources_of_one_title_are_refused(config):
    config["external"]["visium-unscaled"]["title"] = "Visium"
    with pytest.raises(InputError, match=r"external.visium-unscaled.title: that of visium too"):
        Configuration(config)


def test_sources_inherit_and_have_slides_once_their_sheet_is_written(config, tmp_path):
    config["external"]["tcga"]["sheet"] = str(tmp_path / "tcga.tsv")
    configuration = Configuration(config)
    assert configuration.row("external", "visium-unscaled")["cohort"] == "visium"
    assert configuration.row("external", "visium-unscaled")["scale"] == "pixels"
    assert configuration.slides("tcga") is None
    (tmp_path / "tcga.tsv").write_text((ROOT / "config/slides/demo.tsv").read_text())
    assert len(Configuration(config).slides("tcga")) == 21


def test_the_papers_external_cohorts_are_the_papers_method(config):
    keys = Configuration(config).row("external", "tcga")
    tiles = {"side": 512, "magnification": 20, "background": 220, "most_background": 0.5}
    tiles["overlap"] = 0
    assert (keys["tiles"], keys["scale"], keys["project"]) == (tiles, "pixels", "TCGA-BRCA")
    subtypes = keys["subtypes"]
    assert (subtypes["test_share"], subtypes["folds"]) == (0.3, 5)
    assert subtypes["regularisation"] == [10.0**power for power in range(-3, 3)]


def sheet_file(path, *rows, columns=COLUMNS):
    lines = ["\t".join(columns), *("\t".join(row.get(c, "") for c in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


ROW = {
    **{"patient": "A", "section": "A_1", "format": "her2st", "grid": "square"},
    **{"counts": "c.tsv", "spots": "s.tsv"},
}


@pytest.mark.parametrize(
    ("split", "rows", "said"),
    [
        ("patient", [("A", "A_1")], "patient holds out the only patient of {}"),
        ("patient", [("A", "A_1"), ("A", "A_2")], "add a patient, or set split: section"),
        (4, [("A", "A_1"), ("A", "A_2")], "4 holds out the only patient of {}"),
        ("section", [("A", "A_1")], "section holds out the only section of {}"),
        ("section", [("A", "A_1"), ("A", "A_2")], ""),
        ("patient", [("A", "A_1"), ("B", "B_1")], ""),
    ],
)
def test_a_split_that_leaves_nothing_to_train_on_is_refused(config, tmp_path, split, rows, said):
    files = ({"patient": p, "section": s, "counts": s, "spots": s} for p, s in rows)
    sheet = sheet_file(tmp_path / "sheet.tsv", *(ROW | each for each in files))
    config = changed(config, "cohorts.stnet.sheet", str(sheet))
    config = changed(config, "experiments.one", {"inherit": "densenet121", "split": split})
    if not said:
        assert len(Configuration(config).groups("one")) == 2
        return
    with pytest.raises(InputError, match=re.escape(said.format(sheet))) as error:
        Configuration(config).groups("one")
    assert str(error.value).startswith("configuration: experiments.one.split: ")


def test_penalties_need_two_sections_to_train_on(config, tmp_path):
    files = ({"patient": s[0], "section": s, "counts": s, "spots": s} for s in ("A1", "B1", "B2"))
    sheet = sheet_file(tmp_path / "sheet.tsv", *(ROW | each for each in files))
    config = changed(config, "cohorts.stnet.sheet", str(sheet))
    said = "configuration: experiments.ridge.penalties: without B one section is left"
    with pytest.raises(InputError, match=said):
        Configuration(config).groups("ridge")
    for fits in ("ridge-section", "ridge-fixed", "ridge-test"):
        assert len(Configuration(config).groups(fits)) in (2, 3)


def test_sheet_joins_paths_to_the_root(tmp_path):
    path = sheet_file(tmp_path / "sheet.tsv", ROW)
    (row,) = read_sheet(path, "data", check_files=False)
    assert (row["counts"], row["image"]) == ("data/c.tsv", "")


def test_a_sheet_may_lack_the_columns_that_it_does_not_need(tmp_path):
    needed = ["patient", "section", "format", "counts", "spots"]
    row = ROW | {"format": "visium", "grid": "hexagonal"}
    whole = read_sheet(sheet_file(tmp_path / "whole.tsv", row), "data", check_files=False)
    path = sheet_file(tmp_path / "short.tsv", row | {"notes": "B"}, columns=[*needed, "notes"])
    assert read_sheet(path, "data", check_files=False) == whole
    # Columns of clinical tables are no misspelt `image` and `grid`.
    own = ["age", "stage", "grade", "sample", "notes"]
    path = sheet_file(tmp_path / "own.tsv", row, columns=[*needed, *own])
    assert read_sheet(path, "data", check_files=False) == whole
    # The order of the keys is that of a parameter.
    assert [*whole[0]] == COLUMNS


@pytest.mark.parametrize(
    ("name", "meant"),
    [("lables", "labels"), ("Image", "image"), ("img", "image"), ("um_px", "um_per_px")],
)
def test_a_misspelt_column_is_not_taken_for_one_of_the_users_own(tmp_path, name, meant):
    path = sheet_file(tmp_path / "sheet.tsv", ROW, columns=[*ROW, name])
    with pytest.raises(InputError, match=f"column {name} is not read; is it {meant}\\?"):
        read_sheet(path, tmp_path, check_files=False)


def test_a_pitch_that_is_not_visiums_is_refused_before_any_job(config, tmp_path):
    row = ROW | {"format": "visium", "grid": "hexagonal"}
    path = sheet_file(tmp_path / "sheet.tsv", row | {"labels": ""})
    config = changed(config, "cohorts.stnet.sheet", str(path))
    for pitch, refused in ((200, True), (111, True), (109, False), (100, False)):
        found = Configuration(changed(config, "cohorts.stnet.spot_pitch_um", pitch))
        if refused:
            with pytest.raises(InputError, match=f"stnet.spot_pitch_um: {pitch}, but .*as section"):
                found.sections("stnet")
        else:
            assert len(found.sections("stnet")) == 1
    section = {"image": "a", "counts": "b", "spots": "c", "spot_pitch_um": 200}
    with pytest.raises(InputError, match=r"spot_pitch_um: 200, but spots of format visium are 100"):
        Configuration(changed(config, "predict.sections", [section]))
    Configuration(changed(config, "predict.sections", [section | {"format": "st-v5"}]))


ALIKE = [
    (["P1", "P01"], True),
    (["P-1", "P1"], True),
    (["P_1", "p001"], True),
    (["P1", "P10", "P100", "P2", "PA1"], False),
    (["1-1", "11", "1_11"], False),
    (["BC23209", "BC23210"], False),
]


def test_ids_that_are_one_but_for_zeros_or_separators_are_named(tmp_path, caplog):
    for ids, alike in ALIKE:
        rows = [
            ROW | {"patient": name, "section": f"{n}", "counts": f"{n}", "spots": f"{n}"}
            for n, name in enumerate(ids, start=3)
        ]
        caplog.clear()
        read_sheet(sheet_file(tmp_path / "sheet.tsv", *rows), tmp_path, check_files=False)
        assert len(caplog.messages) == alike, ids
        assert not alike or " and ".join(sorted(ids)) in caplog.text


def test_a_column_of_the_users_own_is_named_in_their_own_sheet_only(tmp_path, caplog):
    row = ROW | {"image": "", "counts": "c", "spots": "s"}
    path = sheet_file(tmp_path / "sheet.tsv", row, columns=[*ROW, "stain", "note"])
    for name in "cs":
        (tmp_path / name).touch()
    read_sheet(path, tmp_path, check_files=False)
    assert not caplog.messages
    read_sheet(path, tmp_path, check_files=True)
    (line,) = caplog.messages
    assert "columns stain, note are not read; the columns are patient section format" in line


WRONG_SHEETS = [
    ([ROW, {**ROW, "patient": "B"}], "line 3: section A_1 is also on line 2"),
    ([{**ROW, "section": "A/1"}], "line 2: section 'A/1' is not an id"),
    ([{**ROW, "patient": "all"}], "'all' and 'ensemble' are reserved"),
    ([{**ROW, "section": "ensemble"}], "'all' and 'ensemble' are reserved"),
    ([{**ROW, "format": "st"}], "line 2 (A_1): format 'st' is not one of st-v5"),
    ([{**ROW, "grid": "round"}], "grid 'round'"),
    ([{**ROW, "grid": ""}], "line 2 (A_1): grid '' is not one of square, hexagonal"),
    ([{**ROW, "counts": ""}], "counts is empty"),
    ([{**ROW, "confirmed": "no"}], "confirmed 'no' is not yes or empty"),
    ([{**ROW, "pixel_scale": "-1"}], "pixel_scale '-1' is not a positive number"),
    ([{**ROW, "pixel_scale": "1e308"}], "pixel_scale '1e308' is not a positive number below"),
    ([{**ROW, "um_per_px": "1e400"}], "um_per_px '1e400' is not a positive number below"),
    ([{**ROW, "um_per_px": "0,69"}], "um_per_px '0,69' is not a positive number"),
    ([{**ROW, "pixel_scale": "1e400"}], "pixel_scale '1e400' is not a positive number"),
    ([ROW, {**ROW, "patient": "a", "section": "B"}], "patient a differs only in capitals from A"),
    ([ROW, {**ROW, "section": "a_1"}], "section a_1 differs only in capitals from A_1"),
    ([], "lists no sections"),
]


def test_wrong_sheets_are_named_by_line(tmp_path):
    for rows, message in WRONG_SHEETS:
        path = sheet_file(tmp_path / "sheet.tsv", *rows)
        with pytest.raises(InputError) as caught:
            read_sheet(path, tmp_path, check_files=False)
        assert message in str(caught.value)
        assert str(path) in str(caught.value)


def test_missing_files_and_columns_are_named(tmp_path):
    path = sheet_file(tmp_path / "sheet.tsv", ROW)
    with pytest.raises(InputError, match=r"line 2 \(A_1\): no counts file .*c\.tsv"):
        read_sheet(path, tmp_path, check_files=True)
    sheet_file(path, ROW, columns=[c for c in COLUMNS if c != "counts"])
    with pytest.raises(InputError, match=r"no column counts.* and, where needed, image spots"):
        read_sheet(path, tmp_path, check_files=False)
    with pytest.raises(InputError, match="no such sheet of sections"):
        read_sheet(tmp_path / "other.tsv", tmp_path, check_files=False)


REPEATED = [
    ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 1\n", "configuration: b.c: there twice, on lines 3 and 5 of"),
    ("report: [x]\nreport: [x]\n", "configuration: report: there twice, on lines 1 and 2 of"),
    ("a: [{b: 1}, {b: 1, 'b': 2}]\n", "configuration: a[1].b: there twice, on lines 1 and 1"),
    ('{"a": {"b": 1,\n\t"b": 2}}', "configuration: b: there twice in the same mapping of"),
    ("a: &x {b: *x}\n", "configuration: a.b: contains itself"),
    ("? [a]\n: 1\n", "line 1: a key that is not text"),
    ("a:\n  b: 010\n", "configuration: a.b: YAML reads 010 as 8, on line 2 of"),
    ("a: {010: {b: 1}}\n", "configuration: a.010: YAML reads 010 as 8, on line 1 of"),
    ("a: [1, 1:30]\n", "configuration: a[1]: YAML reads 1:30 as 90, on line 1 of"),
    ("a: 0x10\n", "YAML reads 0x10 as 16"),
    ("a: -0b11\n", "YAML reads -0b11 as -3"),
    ("a: 1_000.5\n", "YAML reads 1_000.5 as 1000.5"),
    ("a: 1:30.5\n", "YAML reads 1:30.5 as 90.5"),
]


def test_a_key_that_is_there_twice_is_named_with_its_file(tmp_path):
    check_as_written((ROOT / "config").glob("*.yaml"))
    good = "x: &x {a: 1}\ny: &y {b: 1}\nz:\n  <<: *x\n  <<: *y\nn: {1: a, '1': b}\n"
    good += "o: [0, -0.5, 0.05, .5, 1e3, 1.0e-6, 10.0, '010', 1:a, 2020-01-02, 08, 0o7]\n"
    file = tmp_path / "my.yaml"
    for text in (good, '{"a": {"b": 1}, "b": [{"a": 1}]}', "# nothing"):
        file.write_text(text)
        check_as_written([file])
    for text, message in REPEATED:
        file.write_text(text)
        with pytest.raises(InputError) as caught:
            check_as_written([file])
        assert message in str(caught.value)
        assert str(file) in str(caught.value)


# As YAML, and whether a key that need not be whole allows it.
NUMBERS = {
    **dict.fromkeys((".nan", ".inf", "-.inf", "1.0e400", "yes", "'4'", "[4]", "{a: 1}"), False),
    **dict.fromkeys(("4.0", "10000000000000"), True),
}
WHOLE = [
    *["experiments.densenet121.epochs", "experiments.densenet121.batch_size"],
    *["experiments.densenet121.seed", "experiments.nuclei.trees", "features.nuclei.bins"],
    *["targets.composition.factors", "targets.top250.genes", "cohorts.stnet.version"],
]
REAL = ["calibration", "predict.um_per_px", "experiments.densenet121.learning_rate"]
REAL += ["predict.tiles.background", "cohorts.stnet.spot_pitch_um"]
UNLIKELY = [
    ("experiments.densenet121.architecture_options", {"a": [1, float("nan")]}, "options.a[1]: nan"),
    ("experiments.densenet121.architecture_options", {"a": date(2020, 1, 1)}, "write it in quotes"),
    ("experiments.densenet121.view", "128x2\n", "view: '128x2\\n' should match"),
    ("experiments.densenet121.view", "0224x1", "view: '0224x1' should match"),
    ("experiments.densenet121.view", "9" * 5000 + "x1", "should match"),
    ("experiments.densenet121.architecture", "resnet18\n", "architecture: 'resnet18\\n'"),
    ("experiments." + "a" * 300, {"inherit": "densenet121"}, "longer than 150 characters"),
    ("cohorts." + "a" * 300, {"inherit": "stnet"}, "longer than 150 characters"),
    ("experiments.alone.genes", ["A" * 150], "too long for a file name"),
    ("external.visium.model", "a" * 300, "model: "),
    ("cohorts.stnet.report.studies.weights.title", "a</script >", "studies.weights.title: 'a</scr"),
    ("cohorts.stnet.report.studies.weights.title", "<b onclick=a()>", "weights.title: '<b onc"),
    # A file name, script>, would complete it.
    ("cohorts.stnet.root", "folder<", "cohorts.stnet.root: 'folder<' has markup"),
    ("cohorts.stnet.label_classes", {"</script>": []}, "</script>: '</script>' has markup"),
    ("cohorts.stnet.report.nuclear_gene", "a\n\n.. include:: /etc/passwd", "nuclear_gene: 'a"),
    ("cohorts.stnet.report.studies.weights.title", "<!-- a", "studies.weights.title: '<!-- a' has"),
    ("hosts.gdc", "https://me:secret@host", "hosts.gdc: has a name, password or query, which"),
    ("hosts.gdc", "https://me:x/secret@host", "hosts.gdc: has a name, password or query, which"),
    ("hosts.hgnc", "https://host/a.txt?token=b", "hosts.hgnc: has a name, password or query"),
    *[("experiments.random.inherit", value, "random.inherit: ") for value in (3, 3.0, True, [1])],
]


def test_numbers_of_another_kind_and_names_too_long_are_refused_by_key(config):
    cases = [(key, yaml.safe_load(n), f"{key}") for key in WHOLE for n in NUMBERS if n != "[4]"]
    cases += [(key, yaml.safe_load(n), key) for key in REAL for n, ok in NUMBERS.items() if not ok]
    assert faults(cases + UNLIKELY, lambda path, value: changed(config, path, value)) == []


def test_an_id_too_long_for_file_names_is_refused_in_a_sheet(tmp_path):
    path = sheet_file(tmp_path / "sheet.tsv", {**ROW, "section": "a" * 151})
    with pytest.raises(InputError, match=r"line 2: section 'a+' is not an id of at most 150"):
        read_sheet(path, tmp_path, check_files=False)
