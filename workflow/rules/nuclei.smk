# Nuclei and their features (Results, "compares with an approach that uses standard cellular
# features": "we used the HistomicsTK library to extract ten commonly used features").

# Keys of nuclear features that the segmentation depends on.
SEGMENTATION = list(Segmentation.model_fields)


rule nuclear_features:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        index=lambda w: f"results/{w.cohort}/views/{features(w.features)['view']}/index.tsv",
    output:
        "results/{cohort}/features/{features}/{section}.h5ad",
    log:
        "results/{cohort}/logs/nuclear_features/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclear_features/{features}/{section}.tsv"
    wildcard_constraints:
        features=nuclei_features,
    conda:
        "../../envs/nuclei.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        view=lambda w: features(w.features)["view"],
        segmentation=lambda w: {key: features(w.features)[key] for key in SEGMENTATION},
        ranges=lambda w: features(w.features)["ranges"],
        bins=lambda w: features(w.features)["bins"],
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
            category="6 Comparison",
            subcategory="2 Segmentation",
            labels={"item": "Nuclei, {section}, {features}", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/nuclei_overlay/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclei_overlay/{features}/{section}.tsv"
    wildcard_constraints:
        features=nuclei_features,
    conda:
        "../../envs/nuclei.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    script:
        "../scripts/figures/nuclei_overlay.py"
