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
    wildcard_constraints:
        targets=gene_targets,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        genes=lambda w: configuration.targets(w.targets)["genes"],
        transform=lambda w: configuration.targets(w.targets)["transform"],
        held_out_sections=sections_outside_fit,
    script:
        "../scripts/targets/targets.py"


# Methods: "We modelled the cell types in each patch using a non-negative matrix factorization model".
rule composition:
    input:
        lambda w: targets_of(w, configuration.targets(w.targets)["of"]),
    output:
        "results/{cohort}/targets/{targets}/{held_out}.h5ad",
    log:
        "results/{cohort}/logs/composition/{targets}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/composition/{targets}/{held_out}.tsv"
    wildcard_constraints:
        targets=composition_targets,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        of=lambda w: configuration.targets(w.targets)["of"],
        factors=lambda w: configuration.targets(w.targets)["factors"],
        iterations=lambda w: configuration.targets(w.targets)["iterations"],
        seed=lambda w: configuration.targets(w.targets)["seed"],
        held_out_sections=sections_outside_fit,
    script:
        "../scripts/targets/composition.py"
