# Patches around spots (Methods: "extracting patches of 224 x 224 pixels from the whole-slide
# images centred on the spatial transcriptomics spots").


rule patches:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        image=section_image,
    output:
        "results/{cohort}/views/{view}/{section}.npy",
    log:
        "results/{cohort}/logs/patches/{view}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/patches/{view}/{section}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=for_image(3000),
        runtime=60,
    script:
        "../scripts/sections/patches.py"


rule view_index:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
        patches=of_sections("results/{cohort}/views/{view}/{section}.npy"),
    output:
        "results/{cohort}/views/{view}/index.tsv",
    log:
        "results/{cohort}/logs/view_index/{view}.log",
    benchmark:
        "results/{cohort}/benchmarks/view_index/{view}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    script:
        "../scripts/sections/view_index.py"
