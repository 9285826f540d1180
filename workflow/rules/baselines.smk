# Ways of predicting to compare with (Results, "Comparison with tumour/normal predictions, …").


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
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        digest=digest("predict_label.py"),
        held_out_sections=held_out_sections,
    script:
        "../scripts/predict_label.py"
