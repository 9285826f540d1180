# Ways of predicting to compare with (Results, "Comparison with tumour/normal predictions, …"), and
# two baselines without an image.


# Without a digest, as torchvision's weights: the tag decides what is downloaded.
rule download_timm_weights:
    output:
        "resources/weights/timm-{architecture}.safetensors",
    log:
        "resources/weights/logs/timm-{architecture}.log",
    benchmark:
        "resources/weights/benchmarks/timm-{architecture}.tsv"
    priority: 100
    localrule: True
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
        downloads=1,
    script:
        "../scripts/download/download_timm_weights.py"


# Before everything else, so that an encoder that cannot be used is named at once.
rule check_encoder:
    input:
        weights=encoder_weights,
    output:
        "results/{cohort}/features/{features}/encoder.json",
    log:
        "results/{cohort}/logs/check_encoder/{features}.log",
    benchmark:
        "results/{cohort}/benchmarks/check_encoder/{features}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("encoder")),
    priority: 100
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=encoder_memory,
        runtime=30,
    params:
        settings=some_keys(ENCODER, "features/{features}"),
        view=configured("features/{features}/view"),
    script:
        "../scripts/features/check_encoder.py"


rule encoder_features:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        index=features_view_index,
        weights=encoder_weights,
        # Not `ancient`: if the check runs anew, Snakemake would overlook that this rule changed too.
        checked="results/{cohort}/features/{features}/encoder.json",
    output:
        "results/{cohort}/features/{features}/{section}.h5ad",
    log:
        "results/{cohort}/logs/encoder_features/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/encoder_features/{features}/{section}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("encoder")),
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=encoder_memory,
        runtime=120,
    params:
        settings=some_keys(ENCODER, "features/{features}"),
        view=configured("features/{features}/view"),
    script:
        "../scripts/features/encoder_features.py"


# All sections in one job, which is quick, and so nothing is left to collect.
rule colour_features:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
        index=features_view_index,
    output:
        "results/{cohort}/features/{features}.h5ad",
    log:
        "results/{cohort}/logs/colour_features/{features}.log",
    benchmark:
        "results/{cohort}/benchmarks/colour_features/{features}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("colour")),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        view=configured("features/{features}/view"),
    script:
        "../scripts/features/colour_features.py"


rule precomputed_features:
    input:
        section="results/{cohort}/sections/{section}.h5ad",
        embeddings=precomputed_features,
    output:
        "results/{cohort}/features/{features}/{section}.h5ad",
    log:
        "results/{cohort}/logs/precomputed_features/{features}/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/precomputed_features/{features}/{section}.tsv"
    wildcard_constraints:
        features=one_of(configuration.features_of("precomputed")),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        view=configured("features/{features}/view"),
    script:
        "../scripts/features/precomputed_features.py"


rule collect_features:
    input:
        of_sections("results/{cohort}/features/{features}/{section}.h5ad"),
    output:
        "results/{cohort}/features/{features}.h5ad",
    log:
        "results/{cohort}/logs/collect_features/{features}.log",
    benchmark:
        "results/{cohort}/benchmarks/collect_features/{features}.tsv"
    wildcard_constraints:
        features=one_of(
            each
            for kind in ("nuclei", "encoder", "precomputed")
            for each in configuration.features_of(kind)
        ),
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
        experiment=one_of(configuration.experiments_of("label")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
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
        experiment=one_of(configuration.experiments_of("forest")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    threads: 4
    resources:
        mem_mb=3000,
        runtime=720,
    params:
        held_out_sections=held_out_sections,
        trees=configured("experiments/{experiment}/trees"),
        max_features=configured("experiments/{experiment}/max_features"),
        min_samples_leaf=configured("experiments/{experiment}/min_samples_leaf"),
        seed=configured("experiments/{experiment}/seed"),
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
        experiment=one_of(configuration.experiments_of("ridge")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        held_out_sections=held_out_sections,
        components=configured("experiments/{experiment}/components"),
        penalties=configured("experiments/{experiment}/penalties"),
        inner_folds=configured("experiments/{experiment}/inner_folds"),
        seed=configured("experiments/{experiment}/seed"),
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
        experiment=one_of(configuration.experiments_of("mean")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        held_out_sections=held_out_sections,
    script:
        "../scripts/baselines/predict_mean.py"


# A reference: it reads the total counts of the spots that it predicts.
rule predict_depth:
    input:
        targets=targets_file,
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_depth/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_depth/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("depth")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        held_out_sections=held_out_sections,
    script:
        "../scripts/baselines/predict_depth.py"


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
        experiment=one_of(configuration.experiments_of("coordinates")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        held_out_sections=held_out_sections,
        degree=configured("experiments/{experiment}/degree"),
        penalty=configured("experiments/{experiment}/penalty"),
    script:
        "../scripts/baselines/predict_coordinates.py"


# Made elsewhere, by a model of your own.
rule predict_precomputed:
    input:
        targets=targets_file,
        predictions=handed_in("predictions"),
        trained_on=handed_in("trained_on"),
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_precomputed/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_precomputed/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("precomputed")),
        held_out=A_GROUP,
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
    params:
        held_out_sections=held_out_sections,
        units=some_keys(UNITS, "experiments/{experiment}"),
        trained_on=trained_on,
        pretrained_on=configured("experiments/{experiment}/pretrained_on"),
        patients=patients_of_sections,
    script:
        "../scripts/baselines/predict_precomputed.py"
