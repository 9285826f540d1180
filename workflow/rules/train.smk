# One job trains for a held-out group: its inner runs, the choice of the epoch and the final run
# (Methods: "leave-one-out cross validation" with "an internal four-fold cross validation").


# Without a digest: torchvision's hash decides what is downloaded, not our code.
rule download_weights:
    output:
        "resources/weights/imagenet-{architecture}.safetensors",
    log:
        "resources/weights/logs/{architecture}.log",
    benchmark:
        "resources/weights/benchmarks/{architecture}.tsv"
    priority: 100
    localrule: True
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
        downloads=1,
    script:
        "../scripts/download/download_weights.py"


rule train:
    input:
        index=view_index,
        targets=targets_file,
        weights=lambda w: weights_file(experiment_of(w), f"experiments.{w.experiment}"),
    output:
        model="results/{cohort}/experiments/{experiment}/{held_out}/model.safetensors",
        card="results/{cohort}/experiments/{experiment}/{held_out}/model.json",
        history="results/{cohort}/experiments/{experiment}/{held_out}/history.tsv",
        epoch="results/{cohort}/experiments/{experiment}/{held_out}/epoch.json",
    log:
        "results/{cohort}/logs/train/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/train/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("network")),
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=training_memory,
        runtime=1440,
    params:
        view=configured("experiments/{experiment}/view"),
        recipe=some_keys(RECIPE, "experiments/{experiment}"),
        held_out_sections=held_out_sections,
    script:
        "../scripts/train/train.py"


rule predict_held_out:
    input:
        index=view_index,
        targets=targets_file,
        model="results/{cohort}/experiments/{experiment}/{held_out}/model.safetensors",
        card="results/{cohort}/experiments/{experiment}/{held_out}/model.json",
    output:
        "results/{cohort}/experiments/{experiment}/{held_out}/predictions.h5ad",
    log:
        "results/{cohort}/logs/predict_held_out/{experiment}/{held_out}.log",
    benchmark:
        "results/{cohort}/benchmarks/predict_held_out/{experiment}/{held_out}.tsv"
    wildcard_constraints:
        experiment=one_of(configuration.experiments_of("network")),
        held_out=A_GROUP,
    conda:
        "../../envs/torch.yaml"
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=prediction_memory,
        runtime=120,
    params:
        latent=configured("experiments/{experiment}/latent"),
        engine=configured("experiments/{experiment}/engine"),
        held_out_sections=held_out_sections,
    script:
        "../scripts/train/predict_held_out.py"
