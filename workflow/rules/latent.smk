# The latent space of the main experiment's network (Results, "Latent space of ST-Net captures
# semantic similarity between spots").

LATENT = "results/{cohort}/latent"


rule latent_umap:
    input:
        predictions=of_main("predictions.h5ad"),
    output:
        f"{LATENT}/umap.tsv",
    log:
        "results/{cohort}/logs/latent_umap.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_umap.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        neighbours=configured("cohorts/{cohort}/report/latent/neighbours"),
        min_dist=configured("cohorts/{cohort}/report/latent/min_dist"),
        seed=configured("cohorts/{cohort}/report/latent/seed"),
    script:
        "../scripts/analysis/latent_umap.py"


rule latent_examples:
    input:
        umap=rules.latent_umap.output[0],
    output:
        f"{LATENT}/examples.tsv",
    log:
        "results/{cohort}/logs/latent_examples.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_examples.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        radius=configured("cohorts/{cohort}/report/latent/radius"),
    script:
        "../scripts/analysis/latent_examples.py"


rule latent_purity:
    input:
        predictions=of_main("predictions.h5ad"),
    output:
        f"{LATENT}/purity.tsv",
    log:
        "results/{cohort}/logs/latent_purity.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_purity.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        seed=configured("cohorts/{cohort}/report/latent/seed"),
    script:
        "../scripts/analysis/latent_purity.py"


rule latent_neighbours:
    input:
        predictions=of_main("predictions.h5ad"),
    output:
        f"{LATENT}/neighbours.tsv",
        null=f"{LATENT}/neighbours_null.tsv",
    log:
        "results/{cohort}/logs/latent_neighbours.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_neighbours.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    script:
        "../scripts/analysis/latent_neighbours.py"


rule latent_distances:
    input:
        predictions=of_main("predictions.h5ad"),
    output:
        f"{LATENT}/distances.tsv.gz",
    log:
        "results/{cohort}/logs/latent_distances.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_distances.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        seed=configured("cohorts/{cohort}/report/latent/seed"),
    script:
        "../scripts/analysis/latent_distances.py"


rule latent_summary:
    input:
        purity=rules.latent_purity.output[0],
        neighbours=rules.latent_neighbours.output[0],
        neighbours_null=rules.latent_neighbours.output.null,
        distances=rules.latent_distances.output[0],
    output:
        tsv=f"{LATENT}/summary.tsv",
        html=report(
            f"{LATENT}/summary.html",
            caption="../report/latent.rst",
            category=category("Latent space"),
            labels={"item": "Latent space", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/latent_summary.log",
    benchmark:
        "results/{cohort}/benchmarks/latent_summary.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
    script:
        "../scripts/analysis/latent_summary.py"


rule fig_4:
    input:
        umap=rules.latent_umap.output[0],
        examples=rules.latent_examples.output[0],
        index=main_view_index,
    output:
        report(
            "results/{cohort}/figures/fig_4.png",
            caption="../report/fig_4.rst",
            category=category("Latent space"),
            labels={"item": "Patches in the latent space · Fig. 4", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_4.pdf",
    log:
        "results/{cohort}/logs/fig_4.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_4.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        main=main_title,
        radius=configured("cohorts/{cohort}/report/latent/radius"),
        patients=configured("cohorts/{cohort}/report/latent/patients"),
    script:
        "../scripts/figures/fig_4.py"


rule supp_8:
    input:
        umap=rules.latent_umap.output[0],
        examples=rules.latent_examples.output[0],
        index=main_view_index,
    output:
        report(
            "results/{cohort}/figures/supp_8.png",
            caption="../report/supp_8.rst",
            category=category("Latent space"),
            labels={
                "item": "Representative and atypical patches · Supp. Fig. 8",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_8.pdf",
    log:
        "results/{cohort}/logs/supp_8.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_8.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        patients=configured("cohorts/{cohort}/report/latent/patients"),
    script:
        "../scripts/figures/supp_8.py"


rule supp_9:
    input:
        neighbours=rules.latent_neighbours.output[0],
        distances=rules.latent_distances.output[0],
    output:
        report(
            "results/{cohort}/figures/supp_9a.png",
            caption="../report/supp_9a.rst",
            category=category("Latent space"),
            labels={
                "item": "Neighbours in the latent space as predictions · Supp. Fig. 9a",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_9a.pdf",
        report(
            "results/{cohort}/figures/supp_9b.png",
            caption="../report/supp_9b.rst",
            category=category("Latent space"),
            labels={
                "item": "Distance to neighbours in the latent space · Supp. Fig. 9b",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_9b.pdf",
    log:
        "results/{cohort}/logs/supp_9.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_9.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_9.py"
