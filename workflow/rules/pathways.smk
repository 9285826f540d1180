# Pathways of the consistently predicted genes (Results, "Pathway analysis using DAVID").


# Without a digest, as other downloads: the lock file decides what is downloaded.
rule download_gene_sets:
    """Downloads Reactome's gene sets."""
    output:
        REACTOME,
    log:
        "results/logs/download_gene_sets.log",
    benchmark:
        "results/benchmarks/download_gene_sets.tsv"
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=60,
        downloads=1,
    params:
        lock="config/pathways.lock.tsv",
    script:
        "../scripts/download/download_gene_sets.py"


rule simulate_gene_sets:
    output:
        "resources/{cohort}/gene_sets.gmt",
    log:
        "results/{cohort}/logs/simulate_gene_sets.log",
    benchmark:
        "results/{cohort}/benchmarks/simulate_gene_sets.tsv"
    wildcard_constraints:
        cohort=simulated_cohorts,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        seed=configured("cohorts/{cohort}/simulation/seed"),
    script:
        "../scripts/simulate/simulate_gene_sets.py"


rule pathways:
    input:
        genes=main_table("gene_performance"),
        gene_sets=lambda w: report_part(w, "pathways")["gene_sets"],
        table=gene_table,
    output:
        groups="results/{cohort}/tables/pathways.tsv",
        sets="results/{cohort}/tables/pathways_sets.tsv",
    log:
        "results/{cohort}/logs/pathways.log",
    benchmark:
        "results/{cohort}/benchmarks/pathways.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        groups=configured("cohorts/{cohort}/report/pathways/groups"),
        level=configured("cohorts/{cohort}/report/pathways/level"),
    script:
        "../scripts/analysis/pathways.py"


rule pathways_page:
    input:
        groups=rules.pathways.output.groups,
        sets=rules.pathways.output.sets,
        claims=paper_claims,
    output:
        report(
            "results/{cohort}/tables/pathways.html",
            caption="../report/pathways.rst",
            category=category("Performance"),
            subcategory="1 Results",
            labels={"item": "Pathways of the consistent genes", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/pathways_page.log",
    benchmark:
        "results/{cohort}/benchmarks/pathways_page.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        level=configured("cohorts/{cohort}/report/pathways/level"),
    script:
        "../scripts/report/pathways_page.py"
