# The dataset and the figures of the paper.


rule dataset:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
        drops=of_sections("results/{cohort}/sections/{section}.drops.tsv"),
    output:
        sections="results/{cohort}/tables/dataset/sections.tsv",
        spots="results/{cohort}/tables/dataset/spots.tsv.gz",
        genes="results/{cohort}/tables/dataset/genes.tsv.gz",
        summary="results/{cohort}/tables/dataset/summary.tsv",
    log:
        "results/{cohort}/logs/dataset.log",
    benchmark:
        "results/{cohort}/benchmarks/dataset.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=1500,
        runtime=30,
    script:
        "../scripts/analysis/dataset.py"


rule fig_1b:
    input:
        sections="results/{cohort}/tables/dataset/sections.tsv",
    output:
        report(
            "results/{cohort}/figures/fig_1b.png",
            caption="../report/fig_1b.rst",
            category=category("Data"),
            labels={"item": "Spots per section · Fig. 1b", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_1b.pdf",
    log:
        "results/{cohort}/logs/fig_1b.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_1b.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/fig_1b.py"


rule fig_1cd:
    input:
        spots="results/{cohort}/tables/dataset/spots.tsv.gz",
    output:
        report(
            "results/{cohort}/figures/fig_1c.png",
            caption="../report/fig_1c.rst",
            category=category("Data"),
            labels={"item": "Genes per spot · Fig. 1c", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_1c.pdf",
        report(
            "results/{cohort}/figures/fig_1d.png",
            caption="../report/fig_1d.rst",
            category=category("Data"),
            labels={"item": "Counts per spot · Fig. 1d", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_1d.pdf",
    log:
        "results/{cohort}/logs/fig_1cd.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_1cd.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/fig_1cd.py"


rule supp_1a:
    input:
        targets=main_targets,
    output:
        report(
            "results/{cohort}/figures/supp_1a.png",
            caption="../report/supp_1a.rst",
            category=category("Data"),
            labels={
                "item": "Counts before and after normalisation · Supp. Fig. 1a",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_1a.pdf",
    log:
        "results/{cohort}/logs/supp_1a.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_1a.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        formula=main_formula,
    script:
        "../scripts/figures/supp_1a.py"


rule supp_1b:
    input:
        genes="results/{cohort}/tables/dataset/genes.tsv.gz",
        targets=main_targets,
    output:
        report(
            "results/{cohort}/figures/supp_1b.png",
            caption="../report/supp_1b.rst",
            category=category("Data"),
            labels={"item": "Genes by mean counts · Supp. Fig. 1b", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_1b.pdf",
    log:
        "results/{cohort}/logs/supp_1b.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_1b.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_1b.py"


rule fig_2a:
    input:
        predictions=of_main("predictions.h5ad"),
        genes=main_table("gene_performance"),
        patients=main_table("patient_performance"),
    output:
        report(
            "results/{cohort}/figures/fig_2a.png",
            caption="../report/fig_2a.rst",
            category=category("Performance"),
            subcategory="1 Results",
            labels={"item": "Measured and predicted expression · Fig. 2a", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_2a.pdf",
    log:
        "results/{cohort}/logs/fig_2a.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_2a.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        main=main_title,
        formula=main_formula,
        gene=configured("cohorts/{cohort}/report/gene"),
        patients=configured("cohorts/{cohort}/report/patients"),
    script:
        "../scripts/figures/fig_2a.py"


rule fig_2b:
    input:
        genes=tables_of(compared, "gene_performance"),
        null=main_table("null"),
    output:
        report(
            "results/{cohort}/figures/fig_2b.png",
            caption="../report/fig_2b.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Consistent genes by method · Fig. 2b", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_2b.pdf",
    log:
        "results/{cohort}/logs/fig_2b.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_2b.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        titles=titles_of(compared),
    script:
        "../scripts/figures/fig_2b.py"


rule fig_2d:
    input:
        against_main("label"),
    output:
        report(
            "results/{cohort}/figures/fig_2d.png",
            caption="../report/fig_2d.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={"item": "Image against labels, gene by gene · Fig. 2d", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_2d.pdf",
    log:
        "results/{cohort}/logs/fig_2d.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_2d.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        other=part_title("label"),
    script:
        "../scripts/figures/fig_2d.py"


rule learning_curve:
    input:
        history=of_main("history.tsv"),
        epoch=of_main("epoch.json"),
    output:
        report(
            "results/{cohort}/figures/learning_curve.png",
            caption="../report/learning_curve.rst",
            category=category("Supplement"),
            labels={"item": "Learning curves", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/learning_curve.pdf",
    log:
        "results/{cohort}/logs/learning_curve.log",
    benchmark:
        "results/{cohort}/benchmarks/learning_curve.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
    script:
        "../scripts/figures/learning_curve.py"
