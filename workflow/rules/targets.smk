# What is predicted (Methods: "the 250 genes with the highest mean expression").


rule targets:
    input:
        sections=lambda w: expand(
            "results/{cohort}/sections/{section}.h5ad",
            cohort=w.cohort,
            section=section_ids(w.cohort),
        ),
    output:
        "results/{cohort}/targets/{targets}/{held_out}.h5ad",
    log:
        "results/{cohort}/logs/targets/{targets}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/targets/{targets}/{held_out}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        digest=digest("targets.py"),
        genes=lambda w: configuration.targets(w.targets)["genes"],
        transform=lambda w: configuration.targets(w.targets)["transform"],
        spot_window=lambda w: cohort(w.cohort)["spot_window"],
        held_out_sections=sections_outside_fit,
    script:
        "../scripts/targets.py"
