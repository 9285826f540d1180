# What the network looks at (Results, "Interpretation of predictions"; Fig. 3).

INTERPRETATION = "results/{cohort}/interpretation"


rule attributions:
    input:
        index=lambda w: f"results/{w.cohort}/views/{main_keys(w)['view']}/index.tsv",
        predictions=of_main("predictions.h5ad"),
        models=of_main("model.safetensors"),
        cards=of_main("model.json"),
        genes=table_of_genes,
    output:
        arrays=f"{INTERPRETATION}/attributions.npz",
        table=report(
            f"{INTERPRETATION}/attributions.tsv",
            caption="../report/attributions.rst",
            category="7 Interpretation",
            labels={"item": "Attributed patches", "cohort": "{cohort}", "format": "TSV"},
        ),
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
        gene=lambda w: shown(w)["gene"],
        patches=lambda w: interpretation(w)["patches"],
        steps=lambda w: interpretation(w)["steps"],
        engine=lambda w: main_keys(w)["engine"],
    script:
        "../scripts/analysis/attributions.py"


rule attributions_on_nuclei:
    input:
        arrays=rules.attributions.output.arrays,
        table=rules.attributions.output.table,
        targets=main_targets,
        index=lambda w: f"results/{w.cohort}/views/{nuclear_keys(w)['view']}/index.tsv",
    output:
        patches=f"{INTERPRETATION}/on_nuclei_patches.tsv",
        summary=report(
            f"{INTERPRETATION}/on_nuclei.tsv",
            caption="../report/on_nuclei.rst",
            category="7 Interpretation",
            labels={"item": "Attributions on nuclei", "cohort": "{cohort}", "format": "TSV"},
        ),
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
        view=lambda w: main_keys(w)["view"],
        nuclear_view=lambda w: nuclear_keys(w)["view"],
        segmentation=lambda w: {key: nuclear_keys(w)[key] for key in SEGMENTATION},
    script:
        "../scripts/analysis/attributions_on_nuclei.py"


rule fig_3:
    input:
        arrays=rules.attributions.output.arrays,
        table=rules.attributions.output.table,
        sections="results/{cohort}/tables/dataset/sections.tsv",
    output:
        report(
            "results/{cohort}/figures/fig_3.png",
            caption="../report/fig_3.rst",
            category="7 Interpretation",
            labels={"item": "Fig. 3", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_3.pdf",
    log:
        "results/{cohort}/logs/fig_3.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_3.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        view=lambda w: main_keys(w)["view"],
        shown=lambda w: interpretation(w)["shown"],
    script:
        "../scripts/figures/fig_3.py"
