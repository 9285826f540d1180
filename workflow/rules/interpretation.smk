# What the predictions rest on in the image (Results, "Interpretation of predictions"; Fig. 3).

INTERPRETATION = "results/{cohort}/interpretation"


rule attributions:
    input:
        index=main_view_index,
        predictions=of_main("predictions.h5ad"),
        models=of_main("model.safetensors"),
        cards=of_main("model.json"),
        genes=table_of_genes,
    output:
        arrays=f"{INTERPRETATION}/attributions.npz",
        table=f"{INTERPRETATION}/attributions.tsv",
    log:
        "results/{cohort}/logs/attributions.log",
    benchmark:
        "results/{cohort}/benchmarks/attributions.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=8000,
        runtime=120,
    params:
        gene=configured("cohorts/{cohort}/report/gene"),
        patches=configured("cohorts/{cohort}/report/interpretation/patches"),
        steps=configured("cohorts/{cohort}/report/interpretation/steps"),
        engine=configured("experiments/{main}/engine", main=main_experiment),
    script:
        "../scripts/analysis/attributions.py"


rule attributions_on_nuclei:
    input:
        arrays=rules.attributions.output.arrays,
        table=rules.attributions.output.table,
        targets=main_targets,
        index=nuclear_view_index,
    output:
        patches=f"{INTERPRETATION}/on_nuclei_patches.tsv",
        summary=f"{INTERPRETATION}/on_nuclei.tsv",
    log:
        "results/{cohort}/logs/attributions_on_nuclei.log",
    benchmark:
        "results/{cohort}/benchmarks/attributions_on_nuclei.tsv"
    conda:
        "../../envs/nuclei.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        view=configured("experiments/{main}/view", main=main_experiment),
        nuclear_view=configured("features/{nuclei}/view", nuclei=nuclear_features),
        segmentation=some_keys(SEGMENTATION, "features/{nuclei}", nuclei=nuclear_features),
    script:
        "../scripts/analysis/attributions_on_nuclei.py"


rule fig_3:
    input:
        arrays=rules.attributions.output.arrays,
        table=rules.attributions.output.table,
        sections="results/{cohort}/tables/dataset/sections.tsv",
        on_nuclei=lambda w: (
            rules.attributions_on_nuclei.output.summary if report_of(w)["features"] else []
        ),
    output:
        html=report(
            f"{INTERPRETATION}/attributions.html",
            caption="../report/attributions.rst",
            category=category("Interpretation"),
            labels={"item": "Attributions of patches", "cohort": "{cohort}"},
        ),
        figure=report(
            "results/{cohort}/figures/fig_3.png",
            caption="../report/fig_3.rst",
            category=category("Interpretation"),
            labels={"item": "What raises a prediction · Fig. 3", "cohort": "{cohort}"},
        ),
        pdf="results/{cohort}/figures/fig_3.pdf",
    log:
        "results/{cohort}/logs/fig_3.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_3.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        view=configured("experiments/{main}/view", main=main_experiment),
        shown=configured("cohorts/{cohort}/report/interpretation/shown"),
    script:
        "../scripts/figures/fig_3.py"
