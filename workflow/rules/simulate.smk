# The simulated cohort (ours). Its files lie where those of a downloaded cohort would.


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
    resources:
        mem_mb=500,
        runtime=5,
    params:
        seed=configured("cohorts/{cohort}/simulation/seed"),
        controls=configured("cohorts/{cohort}/simulation/controls"),
    script:
        "../scripts/simulate/simulate_cohort.py"


# Not part of the genes, which every section needs: a new section in the sheet changes only this.
rule simulate_metadata:
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
    resources:
        mem_mb=500,
        runtime=5,
    params:
        sheet=configured("cohorts/{cohort}/sheet"),
        sha256=lambda w: file_sha256(find(config["cohorts"][w.cohort]["sheet"])),
    script:
        "../scripts/simulate/simulate_metadata.py"


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
    resources:
        runtime=5,
    params:
        patient=of_section("patient"),
        seed=configured("cohorts/{cohort}/simulation/seed"),
        all_tumour=lambda w: of_section("patient")(w)
        in config["cohorts"][w.cohort]["simulation"]["all_tumour"],
        controls=configured("cohorts/{cohort}/simulation/controls"),
    script:
        "../scripts/simulate/simulate_section.py"


rule simulate_visium:
    output:
        image="resources/{cohort}/{section}/image.jpg",
        counts="resources/{cohort}/{section}/filtered_feature_bc_matrix.h5",
        positions="resources/{cohort}/{section}/spatial/tissue_positions_list.csv",
        scalefactors="resources/{cohort}/{section}/spatial/scalefactors_json.json",
    log:
        "results/{cohort}/logs/simulate_visium/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/simulate_visium/{section}.tsv"
    wildcard_constraints:
        cohort=one_of(configuration.cohorts_from("simulated-visium")),
    conda:
        "../../envs/core.yaml"
    resources:
        runtime=5,
    params:
        patient=of_section("patient"),
        seed=configured("cohorts/{cohort}/simulation/seed"),
    script:
        "../scripts/simulate/simulate_visium.py"


rule simulate_gdc:
    output:
        directory("resources/{source}/gdc"),
    log:
        "results/{source}/logs/simulate_gdc.log",
    benchmark:
        "results/{source}/benchmarks/simulate_gdc.tsv"
    wildcard_constraints:
        source=one_of(
            [
                name
                for name in configuration.sources_of("slides")
                if config["external"][name]["source"] == "simulated"
            ]
        ),
    conda:
        "../../envs/core.yaml"
    params:
        simulation=configured("external/{source}/simulation"),
        project=configured("external/{source}/project"),
    script:
        "../scripts/simulate/simulate_gdc.py"


# The sheet of the simulated slides, written by the code for TCGA's: a server on this machine stands
# in for the archive.
rule simulate_slide_sheet:
    """Writes the sheet of the demo's simulated slides."""
    input:
        lambda w: [f"resources/{each['source']}/gdc" for each in listed_sources("simulated")],
    log:
        "results/logs/simulate_slide_sheet.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        sources=lambda w: listed_sources("simulated"),
    script:
        "../scripts/simulate/simulate_slide_sheet.py"
