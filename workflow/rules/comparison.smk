# Other ways of predicting, and what modelling decisions change (Results, "Comparison with
# tumour/normal predictions, hand-crafted features and cell-type composition"; Methods, "ST-Net
# design and training").


rule comparison:
    input:
        summaries=tables_of(methods, "summary"),
        genes=tables_of(methods, "gene_performance"),
        patients=tables_of(methods, "patient_performance"),
        against=lambda w: [
            table_of(w, main_experiment(w), f"against-{name}") for name in [*methods(w)][1:]
        ],
        claims=paper_claims,
    output:
        tsv="results/{cohort}/tables/comparison.tsv",
        html=report(
            "results/{cohort}/tables/comparison.html",
            caption="../report/comparison.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Methods compared", "cohort": "{cohort}"},
        ),
        compact="results/{cohort}/tables/manuscript.tsv",
        tex="results/{cohort}/tables/manuscript.tex",
        compact_html=report(
            "results/{cohort}/tables/manuscript.html",
            caption="../report/manuscript.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Table for a manuscript", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/comparison.log",
    benchmark:
        "results/{cohort}/benchmarks/comparison.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        methods=methods,
    script:
        "../scripts/analysis/comparison.py"


rule protocols:
    input:
        predictions=shown_predictions,
        genes=tables_of(methods, "gene_performance"),
    output:
        tsv="results/{cohort}/tables/protocols.tsv",
        html=report(
            "results/{cohort}/tables/protocols.html",
            caption="../report/protocols.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "r under other protocols", "cohort": "{cohort}"},
        ),
        figures=[
            report(
                "results/{cohort}/figures/protocols.png",
                caption="../report/protocols.rst",
                category=category("Comparison"),
                subcategory="1 Results",
                labels={"item": "r under every protocol", "cohort": "{cohort}"},
            ),
            "results/{cohort}/figures/protocols.pdf",
        ],
    log:
        "results/{cohort}/logs/protocols.log",
    benchmark:
        "results/{cohort}/benchmarks/protocols.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        main=main_title,
        methods=methods,
        smoothing=main_smoothing,
    script:
        "../scripts/analysis/protocols.py"


rule score_arena:
    input:
        patients=tables_of(entered, "patient_performance"),
        predictions=lambda w: [path for paths in arena_predictions(w).values() for path in paths],
    output:
        tsv="results/{cohort}/tables/arena.tsv",
        pairs="results/{cohort}/tables/arena_pairs.tsv",
        patients="results/{cohort}/tables/arena_patients.tsv",
        html=report(
            "results/{cohort}/tables/arena.html",
            caption="../report/arena.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Arena", "cohort": "{cohort}"},
        ),
        figures=[
            report(
                "results/{cohort}/figures/arena.png",
                caption="../report/arena.rst",
                category=category("Comparison"),
                subcategory="1 Results",
                labels={"item": "Arena: differences", "cohort": "{cohort}"},
            ),
            "results/{cohort}/figures/arena.pdf",
        ],
    log:
        "results/{cohort}/logs/arena.log",
    benchmark:
        "results/{cohort}/benchmarks/arena.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        methods=entered,
        predictions=arena_predictions,
        refused=refused,
        reference=arena_reference,
        genes=lambda w: shown_value("targets", arena_of(w)["targets"]),
    script:
        "../scripts/analysis/arena.py"


rule controls:
    input:
        genes=tables_of(methods, "gene_performance"),
        patients=tables_of(methods, "patient_performance"),
        truth=rules.simulate_cohort.output.truth,
    output:
        tsv="results/{cohort}/tables/controls.tsv",
        html=report(
            "results/{cohort}/tables/controls.html",
            caption="../report/controls.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Planted genes by method", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/controls.log",
    benchmark:
        "results/{cohort}/benchmarks/controls.tsv"
    wildcard_constraints:
        cohort=simulated_cohorts,
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        methods=methods,
    script:
        "../scripts/analysis/controls.py"


use rule fig_2d as supp_7a with:
    input:
        against_main("features"),
    output:
        report(
            "results/{cohort}/figures/supp_7a.png",
            caption="../report/supp_7a.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={
                "item": "Image against nuclear features · Supp. Fig. 7a",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_7a.pdf",
    log:
        "results/{cohort}/logs/supp_7a.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_7a.tsv"
    params:
        other=part_title("features"),


use rule fig_2d as supp_7b with:
    input:
        against_main("composition"),
    output:
        report(
            "results/{cohort}/figures/supp_7b.png",
            caption="../report/supp_7b.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Image against composition · Supp. Fig. 7b", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_7b.pdf",
    log:
        "results/{cohort}/logs/supp_7b.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_7b.tsv"
    params:
        other=part_title("composition"),


rule study:
    input:
        summaries=tables_of(studied, "summary"),
        patients=tables_of(studied, "patient_performance"),
    output:
        tsv="results/{cohort}/tables/studies/{study}.tsv",
        html=report(
            "results/{cohort}/tables/studies/{study}.html",
            caption="../report/study.rst",
            category=category("Supplement"),
            labels=study_labels,
        ),
    log:
        "results/{cohort}/logs/study/{study}.log",
    benchmark:
        "results/{cohort}/benchmarks/study/{study}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        changed=changed_keys,
        reference=study_reference,
        titles=titles_of(studied),
        title=configured("cohorts/{cohort}/report/studies/{study}/title"),
    script:
        "../scripts/analysis/study.py"


rule study_figure:
    input:
        study="results/{cohort}/tables/studies/{study}.tsv",
        genes=tables_of(studied, "gene_performance"),
        patients=tables_of(studied, "patient_performance"),
    output:
        report(
            "results/{cohort}/figures/studies/{study}.png",
            caption="../report/study_figure.rst",
            category=category("Supplement"),
            labels=study_labels,
        ),
        "results/{cohort}/figures/studies/{study}.pdf",
    log:
        "results/{cohort}/logs/study_figure/{study}.log",
    benchmark:
        "results/{cohort}/benchmarks/study_figure/{study}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        titles=titles_of(studied),
    script:
        "../scripts/figures/study_figure.py"


rule single_genes:
    input:
        genes=main_table("gene_performance"),
        patients=main_table("patient_performance"),
        alone=tables_of(alone, "patient_performance"),
    output:
        table="results/{cohort}/tables/single_genes.tsv",
        summary="results/{cohort}/tables/single_genes_summary.tsv",
        html=report(
            "results/{cohort}/tables/single_genes.html",
            caption="../report/single_genes.rst",
            category=category("Supplement"),
            labels={"item": "Genes alone and together", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/single_genes.log",
    benchmark:
        "results/{cohort}/benchmarks/single_genes.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        experiments=single_gene_experiments,
    script:
        "../scripts/analysis/single_genes.py"


rule supp_12:
    input:
        genes=rules.single_genes.output.table,
        patients=main_table("patient_performance"),
        alone=tables_of(alone, "patient_performance"),
    output:
        report(
            "results/{cohort}/figures/supp_12.png",
            caption="../report/single_genes.rst",
            category=category("Supplement"),
            labels={"item": "Genes alone and together · Supp. Fig. 12", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_12.pdf",
    log:
        "results/{cohort}/logs/supp_12.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_12.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        symbols=lambda w: list(report_of(w)["single_genes"]),
    script:
        "../scripts/figures/supp_12.py"


# No part of `all` or `supplement`: it is about protocols, not about the cohort.
rule planted_leaks:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
        features=lambda w: f"results/{w.cohort}/features/{lab_keys(w)['features']}.h5ad",
    output:
        tsv="results/{cohort}/tables/leak_lab.tsv",
        html=report(
            "results/{cohort}/tables/leak_lab.html",
            caption="../report/leak_lab.rst",
            category=category("Supplement"),
            labels={"item": "What leaks buy", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/leak_lab.log",
    benchmark:
        "results/{cohort}/benchmarks/leak_lab.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        genes=lambda w: lab_keys(w)["genes"],
        transform=lambda w: lab_keys(w)["transform"],
        components=lambda w: lab_keys(w)["components"],
    script:
        "../scripts/analysis/leak_lab.py"
