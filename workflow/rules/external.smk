# Apply trained models to external data: 10x Visium sections and the whole slides of TCGA (Methods,
# "10x Genomics breast cancer ST-Net analysis", "TCGA analysis").


EXTERNAL = "results/{cohort}/external/{source}/{experiment}/{model}"


rule model:
    input:
        networks=member_files("model.safetensors"),
        cards=member_files("model.json"),
        index=view_index,
        targets=model_targets,
    output:
        "results/{cohort}/models/{experiment}/{model}.safetensors",
    log:
        "results/{cohort}/logs/model/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/model/{experiment}/{model}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("network")),
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=prediction_memory,
        runtime=240,
    params:
        members=members,
        engine=configured("experiments/{experiment}/engine"),
    script:
        "../scripts/inference/model.py"


# Not in the model's file, which predictions depend on: a new evaluation must not predict again.
rule model_genes:
    input:
        model="results/{cohort}/models/{experiment}/{model}.safetensors",
        genes="results/{cohort}/tables/{experiment}/all/gene_performance.tsv",
        predictions=calibration_predictions,
    output:
        "results/{cohort}/models/{experiment}/{model}.genes.tsv",
    log:
        "results/{cohort}/logs/model_genes/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/model_genes/{experiment}/{model}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("network")),
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=2000,
    script:
        "../scripts/inference/model_genes.py"


rule model_card:
    input:
        model=rules.model.output[0],
        genes=rules.model_genes.output[0],
        summary="results/{cohort}/tables/{experiment}/all/summary.tsv",
    output:
        "results/{cohort}/models/{experiment}/{model}.md",
    log:
        "results/{cohort}/logs/model_card/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/model_card/{experiment}/{model}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("network")),
    conda:
        "../../envs/record.yaml"
    params:
        title=configured("experiments/{experiment}/title"),
        cohort=training_cohort,
    script:
        "../scripts/inference/model_card.py"


rule predict_section:
    input:
        section=lambda w: f"results/{source_cohort(w)}/sections/{w.unit}.h5ad",
        image=lambda w: sheet_row(source_cohort(w), w.unit)["image"],
        model=rules.model.output[0],
        genes=lambda w: config["cohorts"][source_cohort(w)]["genes"] or [],
    output:
        predictions=f"{EXTERNAL}/{{unit}}.h5ad",
        alignment=f"{EXTERNAL}/{{unit}}.alignment.tsv",
    log:
        "results/{cohort}/logs/predict_section/{source}/{experiment}/{model}/{unit}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_section/{source}/{experiment}/{model}/{unit}.tsv"
    wildcard_constraints:
        source=section_sources,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=8000,
        runtime=120,
    params:
        scale=configured("external/{source}/scale"),
    script:
        "../scripts/inference/predict_section.py"


# One job downloads, predicts and deletes a slide, so that there are never more slides on disk than
# jobs (`slides`, limited by the profile). It does not count towards `gpu`: it takes a GPU only once
# it has the slide, so that no GPU waits for a download. Jobs that wait for a GPU get it in turn.
rule predict_slide:
    input:
        model=rules.model.output[0],
        encoder=lambda w: weights_file(
            config["external"][w.source]["encoder"], f"external.{w.source}.encoder"
        ),
        archive=simulated_archive,
    output:
        f"{EXTERNAL}/{{unit}}.h5ad",
    log:
        "results/{cohort}/logs/predict_slide/{source}/{experiment}/{model}/{unit}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_slide/{source}/{experiment}/{model}/{unit}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/torch.yaml"
    # With a GPU, the threads decode tiles.
    threads: 4 if config["device"] == "cuda" else 1
    resources:
        slides=1,
        mem_mb=8000,
        runtime=480,
        disk_mb=3000,
    params:
        # The digest leaves out the downloader: an edited one must not fetch every slide again.
        row=lambda w: slide_row(w.source, w.unit, SLIDE_KEYS),
        cut=tile_cut,
        um_per_px=configured("external/{source}/um_per_px"),
        encoder=configured("external/{source}/encoder"),
        folder="resources/{source}/slides/{experiment}/{model}",
    script:
        "../scripts/inference/predict_slide.py"


use rule performance as visium_performance with:
    input:
        predictions=unit_predictions,
    output:
        patients=f"{EXTERNAL_TABLES}/patient_performance.tsv",
        sections=f"{EXTERNAL_TABLES}/section_performance.tsv",
        genes=f"{EXTERNAL_TABLES}/gene_performance.tsv",
        summary=f"{EXTERNAL_TABLES}/performance.tsv",
    log:
        "results/{cohort}/logs/visium_performance/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/visium_performance/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=section_sources,
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        lenient=False,
        stratum="all",


rule visium_summary:
    input:
        predictions=unit_predictions,
        patients=rules.visium_performance.output.patients,
        sections=rules.visium_performance.output.sections,
    output:
        table=f"{EXTERNAL_TABLES}/visium.tsv",
        figure=report(
            f"{EXTERNAL_TABLES}/spread.png",
            caption="../report/spread.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels=of_model("Spread and error · {source}"),
        ),
    log:
        "results/{cohort}/logs/visium_summary/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/visium_summary/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=section_sources,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    script:
        "../scripts/analysis/visium_summary.py"


rule bulk:
    input:
        lambda w: expand(
            "resources/{source}/expression/{sample}.tsv",
            source=w.source,
            sample=bulk_rows(w.source),
        ),
    output:
        "results/{source}/bulk.h5ad",
    log:
        "results/{source}/logs/bulk.log",
    benchmark:
        "results/{source}/benchmarks/bulk.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        rows=lambda w: [
            {key: row[key] for key in PATIENT_KEYS} for row in bulk_rows(w.source).values()
        ],
    script:
        "../scripts/analysis/bulk.py"


rule pseudobulk:
    input:
        slides=unit_predictions,
        bulk=lambda w: f"results/{sheet_source(w.source)}/bulk.h5ad",
        genes=configured("external/{source}/genes"),
    output:
        slides=f"{EXTERNAL_TABLES}/slides.tsv",
        samples=f"{EXTERNAL_TABLES}/samples.h5ad",
        patients=f"{EXTERNAL_TABLES}/patients.h5ad",
        alignment=f"{EXTERNAL_TABLES}/alignment.tsv",
        genes=f"{EXTERNAL_TABLES}/genes.tsv",
        summary=f"{EXTERNAL_TABLES}/summary.tsv",
    log:
        "results/{cohort}/logs/pseudobulk/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/pseudobulk/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        rows=lambda w: [
            {key: row[key] for key in ("slide", *PATIENT_KEYS, "histology")}
            for row in slide_rows(w.source)
        ],
    script:
        "../scripts/analysis/pseudobulk.py"


rule subtype:
    input:
        patients=rules.pseudobulk.output.patients,
        genes=rules.pseudobulk.output.genes,
    output:
        table=f"{EXTERNAL_TABLES}/subtype.tsv",
        scores=f"{EXTERNAL_TABLES}/subtype_scores.tsv",
    log:
        "results/{cohort}/logs/subtype/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/subtype/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        subtypes=configured("external/{source}/subtypes"),
    script:
        "../scripts/analysis/subtype.py"


rule colocalisation:
    input:
        main_targets,
    output:
        pairs="results/{cohort}/tables/colocalisation/pairs.tsv",
        patients="results/{cohort}/tables/colocalisation/patients.tsv",
        summary="results/{cohort}/tables/colocalisation/summary.tsv",
    log:
        "results/{cohort}/logs/colocalisation.log",
    benchmark:
        "results/{cohort}/benchmarks/colocalisation.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        genes=configured("cohorts/{cohort}/report/colocalisation"),
    script:
        "../scripts/analysis/colocalisation.py"


rule colocalisation_slides:
    input:
        unit_predictions,
    output:
        pairs=f"{EXTERNAL_TABLES}/colocalisation_pairs.tsv",
        patients=f"{EXTERNAL_TABLES}/colocalisation.tsv",
        summary=f"{EXTERNAL_TABLES}/colocalisation_summary.tsv",
    log:
        "results/{cohort}/logs/colocalisation_slides/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/colocalisation_slides/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        genes=configured("cohorts/{cohort}/report/colocalisation"),
    script:
        "../scripts/analysis/colocalisation_slides.py"
