# How much of expression the factors of the composition explain (Supp. Fig. 7c).


rule composition_variance:
    input:
        factored_targets,
    output:
        "results/{cohort}/tables/composition/variance.tsv",
    log:
        "results/{cohort}/logs/composition_variance.log",
    benchmark:
        "results/{cohort}/benchmarks/composition_variance.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        factors=configured("targets/{of}/factors", of=shown_factors),
        iterations=configured("targets/{of}/iterations", of=shown_factors),
        seed=configured("targets/{of}/seed", of=shown_factors),
    script:
        "../scripts/analysis/composition_variance.py"


rule supp_7c:
    input:
        rules.composition_variance.output[0],
    output:
        report(
            "results/{cohort}/figures/supp_7c.png",
            caption="../report/supp_7c.rst",
            category=category("Comparison"),
            subcategory="1 Results",
            labels={
                "item": "Variance explained by composition · Supp. Fig. 7c",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_7c.pdf",
    log:
        "results/{cohort}/logs/supp_7c.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_7c.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_7c.py"
