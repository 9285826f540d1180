"""Which methods enter an arena, and why others do not."""

from pathlib import Path

import pytest
import yaml

from stnet.config.configuration import Configuration
from stnet.core.errors import InputError

CONFIG = Path(__file__).parents[2] / "config/config.yaml"
THEIRS = {
    "kind": "precomputed",
    "cohort": "stnet",
    "predictions": "theirs/{held_out}.h5ad",
    "transform": "log_cp10k",
    "trained_on": "theirs/{held_out}.txt",
}


def arena(arena, experiments=None, targets=None):
    """The configuration of the paper with another arena."""
    config = yaml.safe_load(CONFIG.read_text())
    config["cohorts"]["stnet"]["report"]["arena"] = arena
    config["experiments"] |= experiments or {}
    config["targets"] |= targets or {}
    return Configuration(config)


def entries(configuration):
    return configuration.row("cohorts", "stnet")["report"]["arena"]


def test_methods_of_the_report_enter_under_the_arenas_genes_and_split():
    folds = {"five": {"genes": 40, "choice": "training", "split": 5}}
    configuration = arena({"targets": "five"}, targets=folds)
    methods = ["densenet121", "label", "nuclei", "ridge", "coordinates", "mean", "depth"]
    assert entries(configuration)["entered"] == {name: f"{name}-arena" for name in methods}
    assert entries(configuration)["refused"] == {"composition": "predicts factors, not genes"}
    for name in methods:
        one, other = (configuration.row("experiments", each) for each in (name, f"{name}-arena"))
        assert other == one | {"targets": "five", "split": 5}
    # The report's own comparisons stay as they are.
    assert not [e for e in configuration.shown_experiments("stnet") if e.endswith("-arena")]


def test_a_method_that_obeys_already_enters_as_it_is():
    own = {"mine": {"inherit": "ridge", "targets": "top250-training"}}
    named = {"panel": {"genes": ["FASN", "GNAS"]}}
    configuration = arena({"methods": ["mine", "mean"]}, own)
    assert entries(configuration)["entered"] == {"mine": "mine", "mean": "mean-arena"}
    configuration = arena({"methods": ["ridge"], "targets": "panel"}, targets=named)
    assert configuration.row("experiments", "ridge-arena")["targets"] == "panel"


def test_who_breaks_the_protocol_is_refused_with_the_reason():
    experiments = {
        "theirs": THEIRS | {"targets": "top250-cp10k"},
        "obeys": THEIRS | {"targets": "top250-training"},
        "again": {"inherit": "ridge", "targets": "top250-cp10k"},
    }
    methods = ["ridge", "ridge-section", "ridge-test", "composition", "again", "depth"]
    found = entries(arena({"methods": [*methods, "theirs", "obeys"]}, experiments))
    assert [*found["entered"]] == ["ridge", "depth", "obeys"]
    assert found["entered"]["obeys"] == "obeys"
    assert found["refused"] == {
        "ridge-section": "holds out sections, and is trained on others of the same patient",
        "ridge-test": "its penalty is chosen on the held-out spots",
        "composition": "predicts factors, not genes",
        "again": "differs from Ridge on DenseNet-121 in its targets only",
        "theirs": "its files predict 250 most expressed genes, CP10k: genes are chosen with the"
        " held-out patient",
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"targets": "top250"}, r"arena\.targets: top250: genes are chosen with the held-out"),
        ({"targets": "composition"}, r"arena\.targets: composition: predicts factors"),
        ({"targets": "sections"}, r"arena\.targets: sections: holds out sections"),
        ({"methods": ["depth"]}, r"arena\.methods: none can be ranked"),
        ({"methods": ["alone"]}, r"arena\.methods: alone has one experiment per gene"),
        ({"methods": ["other"]}, r"arena\.methods: experiment other belongs to cohort visium"),
        (
            {"methods": ["mean"], "reference": "ridge"},
            r"reference: ridge: no method that is ranked",
        ),
        ({"reference": "depth"}, r"reference: depth: no method that is ranked; name one of dense"),
        ({"reference": "composition"}, r"reference: composition: predicts factors"),
        ({"methods": ["taken"]}, r"arena\.methods: taken-arena already exists; rename"),
        ({"methods": ["m" * 148]}, r"m-arena: longer than 150 characters"),
    ],
)
def test_an_arena_that_cannot_be_is_one_line(keys, message):
    experiments = {
        "other": {"inherit": "mean", "cohort": "visium"},
        **{name: {"inherit": "mean"} for name in ("taken", "taken-arena", "m" * 148)},
    }
    targets = {"sections": {"genes": 9, "choice": "training", "split": "section"}}
    with pytest.raises(InputError, match=message) as error:
        arena(keys, experiments, targets)
    assert "\n" not in str(error.value)
