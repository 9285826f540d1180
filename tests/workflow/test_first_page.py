"""What a cohort's report opens with, and when the paper's numbers stand in it."""

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
    assert any(
        links.get("The claims of the paper") == "ledger-paper.html" for links in pages.values()
    )
    about = rule.params.about(wildcards)
    assert about["methods"][about["main"]]["title"] == "Small ST-Net"
