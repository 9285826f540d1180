# Ways of predicting to compare with (Results, "Comparison with tumour/normal predictions, …"), and
# the floors below which nothing was learnt.


# Without a digest, as torchvision's weights: what is downloaded is settled by its tag.
rule download_timm_weights:
    output:
        "resources/weights/timm-{architecture}.safetensors",
    log:
        "resources/weights/logs/timm-{architecture}.log",
    benchmark:
        "resources/weights/benchmarks/timm-{architecture}.tsv"
    localrule: True
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
        downloads=1,
    script:
        "../scripts/download/download_timm_weights.py"


rule encoder_features:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        index=lambda w: f"results/{w.cohort}/views/{features(w.features)['view']}/index.tsv",
        weights=encoder_weights,
    output:
        "results/{cohort}/features/{features}/{section}.h5ad",
    log:
        "results/{cohort}/logs/encoder_features/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/encoder_features/{features}/{section}.tsv"
    wildcard_constraints:
        features=encoder_features,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=8000,
        runtime=120,
    params:
        settings=lambda w: {
            key: features(w.features)[key]
            for key in ("library", "architecture", "options", "mean", "sd")
        },
        view=lambda w: features(w.features)["view"],
    script:
        "../scripts/features/encoder_features.py"


rule collect_features:
    input:
        lambda w: expand(
            "results/{cohort}/features/{features}/{section}.h5ad",
            cohort=w.cohort,
            features=w.features,
            section=section_ids(w.cohort),
        ),
    output:
        "results/{cohort}/features/{features}.h5ad",
    log:
        "results/{cohort}/logs/collect_features/{features}.log",
    benchmark:
        "results/{cohort}/benchmarks/collect_features/{features}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    script:
        "../scripts/features/collect_features.py"


rule predict_label:
    input:
        targets=targets_file,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_label/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_label/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=label_experiments,
        held_out=rf"(?!{ALL}/){GROUP_ID}",
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        held_out_sections=held_out_sections,
    script:
        "../scripts/baselines/predict_label.py"


rule predict_forest:
    input:
        targets=targets_file,
        features=collected_features,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_forest/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_forest/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=forest_experiments,
        held_out=rf"(?!{ALL}/){GROUP_ID}",
    conda:
        "../../envs/core.yaml"
    threads: 4
    resources:
        mem_mb=3000,
        runtime=720,
    params:
        held_out_sections=held_out_sections,
        trees=setting("trees"),
        max_features=setting("max_features"),
        min_samples_leaf=setting("min_samples_leaf"),
        seed=setting("seed"),
    script:
        "../scripts/baselines/predict_forest.py"


rule predict_ridge:
    input:
        targets=targets_file,
        features=collected_features,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_ridge/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_ridge/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=ridge_experiments,
        held_out=rf"(?!{ALL}/){GROUP_ID}",
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        held_out_sections=held_out_sections,
        components=setting("components"),
        penalties=setting("penalties"),
        inner_folds=setting("inner_folds"),
        seed=setting("seed"),
    script:
        "../scripts/baselines/predict_ridge.py"


rule predict_mean:
    input:
        targets=targets_file,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_mean/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_mean/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=mean_experiments,
        held_out=rf"(?!{ALL}/){GROUP_ID}",
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        held_out_sections=held_out_sections,
    script:
        "../scripts/baselines/predict_mean.py"


rule predict_coordinates:
    input:
        targets=targets_file,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_coordinates/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_coordinates/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=coordinates_experiments,
        held_out=rf"(?!{ALL}/){GROUP_ID}",
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        held_out_sections=held_out_sections,
        degree=setting("degree"),
        penalty=setting("penalty"),
    script:
        "../scripts/baselines/predict_coordinates.py"
