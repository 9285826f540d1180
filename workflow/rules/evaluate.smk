# How well the held-out predictions agree with the measurements (Methods, "Statistical analysis").

TABLES = "results/{cohort}/tables/{experiment}/{stratum}"


rule performance:
    input:
        predictions=held_out_predictions,
    output:
        patients=f"{TABLES}/patient_performance.tsv",
        sections=f"{TABLES}/section_performance.tsv",
        genes=f"{TABLES}/gene_performance.tsv",
        summary=f"{TABLES}/summary.tsv",
    log:
        "results/{cohort}/logs/performance/{experiment}/{stratum}.log",
    benchmark:
        "results/{cohort}/benchmarks/performance/{experiment}/{stratum}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        smoothing=configured("experiments/{experiment}/smoothing"),
        lenient=lambda w: config["experiments"][w.experiment]["kind"] == "label",
        stratum="{stratum}",
    script:
        "../scripts/evaluate/performance.py"


rule null:
    input:
        predictions=rules.performance.input.predictions,
    output:
        curves=f"{TABLES}/null.tsv",
        genes=f"{TABLES}/null_genes.tsv",
    log:
        "results/{cohort}/logs/null/{experiment}/{stratum}.log",
    benchmark:
        "results/{cohort}/benchmarks/null/{experiment}/{stratum}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        smoothing=configured("experiments/{experiment}/smoothing"),
    script:
        "../scripts/evaluate/null.py"


rule ceilings:
    input:
        predictions=of_main("predictions.h5ad"),
        genes=main_table("gene_performance"),
    output:
        genes="results/{cohort}/tables/ceilings.tsv",
        summary="results/{cohort}/tables/ceilings_summary.tsv",
        html=report(
            "results/{cohort}/tables/ceilings.html",
            caption="../report/ceilings.rst",
            category=category("Performance"),
            subcategory="1 Results",
            labels={"item": "How high r can be", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/ceilings.log",
    benchmark:
        "results/{cohort}/benchmarks/ceilings.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        main=main_title,
    script:
        "../scripts/evaluate/ceilings.py"


rule compare:
    input:
        genes=f"{TABLES}/gene_performance.tsv",
        patients=f"{TABLES}/patient_performance.tsv",
        other="results/{cohort}/tables/{other}/{stratum}/patient_performance.tsv",
    output:
        f"{TABLES}/against-{{other}}.tsv",
    log:
        "results/{cohort}/logs/compare/{experiment}/{stratum}/{other}.log",
    benchmark:
        "results/{cohort}/benchmarks/compare/{experiment}/{stratum}/{other}.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/evaluate/compare.py"
