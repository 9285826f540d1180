"""What a cohort's report opens with, and when the paper's numbers stand in it."""

from types import SimpleNamespace

import pytest
from loaded import load_rules
from snakemake.iocontainers import Wildcards

CLAIMS = "resources/paper/claims.tsv"
OF_PAPER = ["comparison", "table_1", "within_page", "pathways_page", "visium_page"]


@pytest.mark.parametrize(
    ("configuration", "cohort", "asked"),
    [
        ("config/config.yaml", "stnet", True),
        ("config/demo.yaml", "demo", True),
        ("config/demo.yaml", "controls", False),
        ("config/her2st.yaml", "her2st", False),
    ],
)
def test_the_papers_claims_are_read_for_its_cohort_or_where_asked(configuration, cohort, asked):
    rules, wildcards = load_rules(configuration), Wildcards(fromdict={"cohort": cohort})
    found = {name: rules[name].input.claims(wildcards) for name in OF_PAPER}
    assert found == dict.fromkeys(OF_PAPER, CLAIMS if asked else [])


def test_the_first_page_links_every_other_page_by_its_title_in_the_menu():
    rule, wildcards = load_rules()["front"], Wildcards(fromdict={"cohort": "demo"})
    pages = rule.params.pages(wildcards)
    assert [*pages][:3] == ["Ledger", "Data", "Performance"]
    paths = [path for links in pages.values() for path in links.values()]
    assert len(paths) == len(set(paths)) > 20
    expected = {"tables/comparison.html", "tables/manuscript.html", "ledger-planted.html"}
    expected |= {
        "tables/table_1.html",
        "tables/demo-ridge/all/performance.html",
        "tables/within.html",
    }
    assert expected <= {*paths}
    assert "index.html" not in paths
    # They are named whether they were made or not, and last.
    assert [*pages][-1] == "Supplement"
    assert pages["Supplement"]["Window of the patches"] == "tables/studies/windows.html"
    assert "ledger-paper-supplement.html" in pages["Supplement"].values()
    assert pages["External data"] == {
        "Genes and r on Visium sections": "tables/visium.html",
        "Slides against bulk RNA-seq · Simulated TCGA": (
            "tables/densenet-small/demo-tcga/all/tcga.html"
        ),
        **{
            f"Sections of each patient · Simulated {title}": f"viewer/densenet-small/{path}.html"
            for title, path in {
                "TCGA": "demo-tcga/all",
                "Visium": "demo-visium/all",
                "Visium, mean of the networks": "demo-visium-ensemble/ensemble",
                "Visium, pixels as they are": "demo-visium-unscaled/all",
            }.items()
        },
    }
    assert any(
        links.get("The claims of the paper") == "ledger-paper.html" for links in pages.values()
    )
    about = rule.params.about(wildcards)
    assert about["methods"][about["main"]]["title"] == "Small ST-Net"


def of_rules(rules, names):
    """Jobs of these rules, each with the wildcards that a page's label asks for."""
    return [SimpleNamespace(rule=rules[name], wildcards=None, output=None) for name in names]


def test_the_menu_is_numbered_without_gaps_by_what_the_report_has(monkeypatch):
    rules = load_rules("config/her2st.yaml")
    workflow = rules["front"].workflow
    outputs = {
        name: each.flags["report"].category
        for name in ("front", "comparison", "dataset_page", "study")
        for each in rules[name].output
        if "report" in each.flags
    }

    def menu(*names):
        monkeypatch.setattr(workflow, "_dag", SimpleNamespace(jobs=of_rules(rules, names)))
        return [outputs[name](None) for name in names if name in outputs]

    assert menu("front", "dataset_page", "comparison") == ["0 First page", "1 Data", "2 Comparison"]
    # A rule without a page in the report has no place.
    assert menu("study", "front", "targets") == ["1 Supplement", "0 First page"]


def test_a_run_ends_with_the_page_to_open_and_its_stored_warnings(monkeypatch, tmp_path, capsys):
    rules = load_rules()
    front = rules["front"]
    stored = tmp_path / "warnings.tsv"
    stored.write_text('quantity\tvalue\nwarning\tlook at A_1\nwarning\t"say ""so"""\n')
    output = SimpleNamespace(html="results/demo/index.html", warnings=str(stored))
    of_cohort = {
        name: SimpleNamespace(
            rule=front, wildcards=Wildcards(fromdict={"cohort": name}), output=output
        )
        for name in ("demo", "controls")
    }
    # One had nothing to do, the other was to be made and failed.
    dag = SimpleNamespace(
        jobs=[*of_cohort.values(), SimpleNamespace(rule=rules["table_1"])],
        needrun=lambda job: job is of_cohort["controls"],
        finished=lambda job: False,
    )
    monkeypatch.setattr(front.workflow, "_dag", dag)
    front.workflow.globals["print_first_pages"]()
    assert capsys.readouterr().out.splitlines() == [
        "Controls, simulated: not finished; the reason is above, and in results/controls/logs",
        "Demo, simulated: open results/demo/index.html",
        "  warning: look at A_1",
        '  warning: say "so"',
    ]
