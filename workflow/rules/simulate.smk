# The simulated cohort (ours): its files stand where those of a downloaded cohort would.


rule simulate_cohort:
    output:
        truth="resources/{cohort}/truth.tsv",
        genes="resources/{cohort}/genes.tsv",
    log:
        "results/{cohort}/logs/simulate_cohort.log",
    benchmark:
        "results/{cohort}/benchmarks/simulate_cohort.tsv"
    wildcard_constraints:
        cohort=simulated_cohorts,
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        digest=digest("simulate_cohort.py"),
        seed=lambda w: cohort(w.cohort)["simulation"]["seed"],
    script:
        "../scripts/simulate_cohort.py"


# Apart from the genes, which every section needs: another section in the sheet changes only this.
rule simulate_metadata:
    input:
        sheet=lambda w: cohort(w.cohort)["sheet"],
    output:
        metadata="resources/{cohort}/metadata.csv",
    log:
        "results/{cohort}/logs/simulate_metadata.log",
    benchmark:
        "results/{cohort}/benchmarks/simulate_metadata.tsv"
    wildcard_constraints:
        cohort=simulated_cohorts,
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        digest=digest("simulate_metadata.py"),
    script:
        "../scripts/simulate_metadata.py"


rule simulate_section:
    output:
        image="resources/{cohort}/{section}/image.jpg",
        counts="resources/{cohort}/{section}/counts.tsv.gz",
        spots="resources/{cohort}/{section}/spots.csv.gz",
        labels="resources/{cohort}/{section}/labels.tsv.gz",
    log:
        "results/{cohort}/logs/simulate_section/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/simulate_section/{section}.tsv"
    wildcard_constraints:
        cohort=simulated_cohorts,
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        digest=digest("simulate_section.py"),
        patient=lambda w: sheet_row(w.cohort, w.section)["patient"],
        seed=lambda w: cohort(w.cohort)["simulation"]["seed"],
        all_tumour=lambda w: sheet_row(w.cohort, w.section)["patient"]
        in cohort(w.cohort)["simulation"]["all_tumour"],
    script:
        "../scripts/simulate_section.py"
