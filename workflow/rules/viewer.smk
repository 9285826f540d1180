# Pages to look at sections and slides, one for each patient (ours).

VIEWER = "results/{cohort}/viewer/{experiment}"


rule held_out_viewer:
    input:
        predictions=held_out_predictions,
        genes="results/{cohort}/tables/{experiment}/all/gene_performance.tsv",
        images=lambda w: list(images_of(w.cohort).values()),
    output:
        entry=f"{VIEWER}/held-out.html",
        pages=report(
            directory(f"{VIEWER}/held-out"),
            patterns=["{patient}.html"],
            caption="../report/viewer.rst",
            category=category("Performance"),
            subcategory="3 Sections",
            labels=held_out_labels,
        ),
    log:
        "results/{cohort}/logs/held_out_viewer/{experiment}.log",
    benchmark:
        "results/{cohort}/benchmarks/held_out_viewer/{experiment}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        index="results/{cohort}/index.html",
        images=lambda w: images_of(w.cohort),
        genes=lambda w: list(filter(None, [report_of(w)["gene"]])),
        title=configured("experiments/{experiment}/title"),
    script:
        "../scripts/viewer/held_out_viewer.py"


rule source_viewer:
    input:
        predictions=mapped_predictions,
        reliability=rules.model_genes.output[0],
        images=lambda w: list(source_images(w).values()),
    output:
        entry=f"{VIEWER}/{{source}}/{{model}}.html",
        pages=report(
            directory(f"{VIEWER}/{{source}}/{{model}}"),
            patterns=["{patient}.html"],
            caption="../report/source_viewer.rst",
            category=category("External data"),
            subcategory="2 Sections and slides",
            labels=of_model("Sections of {patient} · {source}"),
        ),
    log:
        "results/{cohort}/logs/source_viewer/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/source_viewer/{source}/{experiment}/{model}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        index="results/{cohort}/index.html",
        images=source_images,
        genes=map_genes,
        title=source_title,
    script:
        "../scripts/viewer/source_viewer.py"
