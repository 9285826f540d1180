# Predictions in the formats of other programs (ours). `external` is empty, or the source and model of
# external sections and slides. In these paths `predict` stands in a cohort's place: its model is the
# experiment, and its slides and sections are the sections.


EXPORTED = "results/{cohort}/exports/{experiment}{external}/{section}"


rule export_spatialdata:
    input:
        exported_predictions,
    output:
        zarr=directory(f"{EXPORTED}.zarr"),
        page=f"{EXPORTED}.vitessce.json",
    log:
        "results/{cohort}/logs/export_spatialdata/{experiment}{external}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/export_spatialdata/{experiment}{external}/{section}.tsv"
    wildcard_constraints:
        experiment=GROUP_ID,
        external=EXTERNAL_MODEL,
    conda:
        "../../envs/sections.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    script:
        "../scripts/export/export_spatialdata.py"


rule export_geojson:
    input:
        exported_predictions,
    output:
        f"{EXPORTED}.geojson",
    log:
        "results/{cohort}/logs/export_geojson/{experiment}{external}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/export_geojson/{experiment}{external}/{section}.tsv"
    wildcard_constraints:
        experiment=GROUP_ID,
        external=EXTERNAL_MODEL,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        genes=config["export"]["genes"],
    script:
        "../scripts/export/export_geojson.py"


rule export_map:
    input:
        exported_predictions,
    output:
        f"{EXPORTED}.ome.tif",
    log:
        "results/{cohort}/logs/export_map/{experiment}{external}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/export_map/{experiment}{external}/{section}.tsv"
    wildcard_constraints:
        experiment=GROUP_ID,
        external=EXTERNAL_MODEL,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        genes=config["export"]["genes"],
    script:
        "../scripts/export/export_map.py"


rule export_csv:
    input:
        exported_predictions,
    output:
        f"{EXPORTED}.csv.gz",
    log:
        "results/{cohort}/logs/export_csv/{experiment}{external}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/export_csv/{experiment}{external}/{section}.tsv"
    wildcard_constraints:
        experiment=GROUP_ID,
        external=EXTERNAL_MODEL,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=60,
    script:
        "../scripts/export/export_csv.py"
