# Nuclei and their features (Results, "compares with an approach that uses standard cellular
# features": "we used the HistomicsTK library to extract ten commonly used features").


rule nuclear_features:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        index=features_view_index,
    output:
        "results/{cohort}/features/{features}/{section}.h5ad",
    log:
        "results/{cohort}/logs/nuclear_features/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclear_features/{features}/{section}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("nuclei")),
    conda:
        "../../envs/nuclei.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        view=configured("features/{features}/view"),
        segmentation=some_keys(SEGMENTATION, "features/{features}"),
        ranges=configured("features/{features}/ranges"),
        bins=configured("features/{features}/bins"),
    script:
        "../scripts/features/nuclear_features.py"


rule nuclei_overlay:
    input:
        features="results/{cohort}/features/{features}/{section}.h5ad",
        section="results/{cohort}/sections/{section}.h5ad",
        index=rules.nuclear_features.input.index,
    output:
        report(
            "results/{cohort}/figures/nuclei/{features}/{section}.jpg",
            caption="../report/nuclei_overlay.rst",
            category=category("Comparison"),
            subcategory="2 Segmentation",
            labels={"item": "Nuclei found in {section}, {features}", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/nuclei_overlay/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclei_overlay/{features}/{section}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("nuclei")),
    conda:
        "../../envs/nuclei.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/figures/nuclei_overlay.py"
