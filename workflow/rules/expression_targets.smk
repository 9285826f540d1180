# The values to predict (Methods: "the 250 genes with the highest mean expression").

factors = [name for name, keys in config["targets"].items() if "of" in keys]


rule targets:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
    output:
        "results/{cohort}/targets/{targets}/{held_out}.h5ad",
    log:
        "results/{cohort}/logs/targets/{targets}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/targets/{targets}/{held_out}.tsv"
    wildcard_constraints:
        targets=one_of([name for name in config["targets"] if name not in factors]),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        genes=configured("targets/{targets}/genes"),
        transform=configured("targets/{targets}/transform"),
        label_classes=configured("cohorts/{cohort}/label_classes"),
        held_out_sections=sections_outside_fit,
    script:
        "../scripts/targets/targets.py"


# Methods: "We modelled the cell types in each patch using a non-negative matrix factorization model".
rule composition:
    input:
        lambda w: targets_of(w, config["targets"][w.targets]["of"]),
    output:
        "results/{cohort}/targets/{targets}/{held_out}.h5ad",
    log:
        "results/{cohort}/logs/composition/{targets}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/composition/{targets}/{held_out}.tsv"
    wildcard_constraints:
        targets=one_of(factors),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        of=configured("targets/{targets}/of"),
        factors=configured("targets/{targets}/factors"),
        iterations=configured("targets/{targets}/iterations"),
        seed=configured("targets/{targets}/seed"),
        held_out_sections=sections_outside_fit,
    script:
        "../scripts/targets/composition.py"
