"""The card of a model for people, and the metadata that Hugging Face reads."""

import pytest
import yaml
from models import write_toy_model

from stnet.record.model_card import write_model_card

ROWS = {
    "median_pearson": (0.1234, 0.05, 0.2),
    "median_partial": (0.1, "", ""),
    "mean_auroc": (0.6, 0.55, 0.65),
    "consistent_genes": ("too few patients", "", ""),
    "n_patients": (4, "", ""),
    "n_spots": (1234, "", ""),
}


@pytest.fixture
def card(toy, tmp_path):
    """The text of a model's card."""

    def written(names, title="ST-Net", source="tenx"):
        model = write_toy_model(toy, tmp_path, names)
        summary, output = tmp_path / "summary.tsv", tmp_path / "model.md"
        lines = ["\t".join(map(str, (name, *row))) for name, row in ROWS.items()]
        summary.write_text("\n".join(["quantity\tvalue\tci_low\tci_high", *lines]) + "\n")
        files = {"model": model, "genes": model.with_suffix(".genes.tsv"), "summary": summary}
        cohort = {"title": "C", "source": source, "dataset": None, "formats": []}
        write_model_card(files, output, title=title, cohort=cohort)
        return output.read_text()

    return written


def test_a_card_says_what_the_model_is_and_how_well_it_predicts(card):
    text = card(["all", "A"])
    for said in (
        "# ST-Net: ensemble",
        "Predicts the expression of 5 genes",
        "2 networks, whose predictions are averaged",
        "a window of 32 px around the spot; the network sees 0.5 µm per pixel",
        "C: 5 sections of 4 patients; 1,234 spots",
        "10x Genomics. Human Breast Cancer",
        "| Median r | 0.123 (0.050 to 0.200) |",
        "| r given depth | 0.100 |",
        "| Consistent genes | too few patients |",
        "| 0.300 | 4 of 5 |",
        "Not for diagnosis, prognosis or any other clinical use.",
    ):
        assert said in text
    assert "simulated" not in text


def test_the_metadata_are_those_of_hugging_face(card):
    title = 'a: "b" <i> ---'
    text = card(["all"], title)
    _, metadata, _ = text.split("---\n", 2)
    found = yaml.safe_load(metadata)
    (index,) = found["model-index"]
    assert (found["license"], index["name"]) == ("other", title)
    assert index["results"][0]["metrics"][0]["value"] == 0.1234
    hub = pytest.importorskip("huggingface_hub")
    (result,) = hub.ModelCard(text).data.eval_results
    assert (result.metric_type, result.metric_value) == ("pearsonr", 0.1234)


def test_a_model_of_simulated_images_says_so(card):
    assert "the model says nothing of tissue" in card(["all"], source="simulated")


def test_files_of_your_own_have_no_source(card):
    assert "says nothing of tissue" not in card(["all"], source=None)
