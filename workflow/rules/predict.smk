# A trained model on your own slides and sections: `predict` in the configuration. The model
# is a parameter, not an input, so that Snakemake does not try to train it.


# A local rule decides for all jobs: a job on the node of a cluster would see its own processor.
rule own_precision:
    output:
        f"{OWN_RESULTS}/precision.json",
    log:
        f"{OWN_RESULTS}/logs/own_precision.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/own_precision.tsv"
    localrule: True
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=500,
    params:
        precision=OWN["precision"],
        device=config["device"],
    script:
        "../scripts/inference/own_precision.py"


rule predict_own_slide:
    input:
        image=lambda w: own_slides[w.name]["image"],
        precision=rules.own_precision.output[0],
    output:
        predictions=f"{OWN_RESULTS}/{{name}}/predictions.h5ad",
        summary=f"{OWN_RESULTS}/{{name}}/summary.tsv",
    log:
        f"{OWN_RESULTS}/logs/predict_own_slide/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/predict_own_slide/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own_slides),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=8000,
        runtime=480,
    params:
        model=own_model,
        level=OWN["level"],
        cut={**OWN["tiles"], "scale": OWN["scale"]},
        um_per_px=lambda w: own_slides[w.name].get("um_per_px") or OWN["um_per_px"],
    script:
        "../scripts/inference/predict_own_slide.py"


use rule section as own_section with:
    input:
        spots=lambda w: named_files(own_row(w), "spots"),
        counts=lambda w: named_files(own_row(w), "counts"),
        image=lambda w: own_row(w)["image"],
        genes=own_genes,
    output:
        section=f"{OWN_RESULTS}/{{name}}/section.h5ad",
        drops=f"{OWN_RESULTS}/{{name}}/drops.tsv",
    log:
        f"{OWN_RESULTS}/logs/own_section/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/own_section/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own_sections),
    resources:
        mem_mb=lambda w: for_section(own_row(w), 6000),
        runtime=30,
    params:
        row=own_row,
        label_classes={"tumour": [], "normal": []},
        require_label=False,
        # Every spot in the image is used. Parts of a window outside the image are black.
        spot_window=0,
        spot_pitch_um=lambda w: own_sections[w.name]["spot_pitch_um"],


rule predict_own_section:
    input:
        section=rules.own_section.output.section,
        image=rules.own_section.input.image,
        precision=rules.own_precision.output[0],
        genes=own_genes,
    output:
        predictions=f"{OWN_RESULTS}/{{name}}/predictions.h5ad",
        alignment=f"{OWN_RESULTS}/{{name}}/alignment.tsv",
        summary=f"{OWN_RESULTS}/{{name}}/summary.tsv",
    log:
        f"{OWN_RESULTS}/logs/predict_own_section/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/predict_own_section/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own_sections),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        gpu=int(config["device"] == "cuda"),
        mem_mb=8000,
        runtime=240,
    params:
        model=own_model,
        level=OWN["level"],
        scale=OWN["scale"],
    script:
        "../scripts/inference/predict_own_section.py"


rule own_slide_map:
    input:
        predictions=rules.predict_own_slide.output.predictions,
    output:
        f"{OWN_RESULTS}/{{name}}/map.png",
    log:
        f"{OWN_RESULTS}/logs/own_slide_map/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/own_slide_map/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own_slides),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        genes=OWN["genes"],
    script:
        "../scripts/figures/slide_map.py"


rule own_section_map:
    input:
        predictions=rules.predict_own_section.output.predictions,
    output:
        f"{OWN_RESULTS}/{{name}}/map.png",
    log:
        f"{OWN_RESULTS}/logs/own_section_map/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/own_section_map/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own_sections),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        genes=OWN["genes"],
    script:
        "../scripts/figures/section_map.py"


rule own_viewer:
    input:
        predictions=f"{OWN_RESULTS}/{{name}}/predictions.h5ad",
        image=lambda w: own[w.name]["image"],
    output:
        f"{OWN_RESULTS}/{{name}}/viewer.html",
    log:
        f"{OWN_RESULTS}/logs/own_viewer/{{name}}.log",
    benchmark:
        f"{OWN_RESULTS}/benchmarks/own_viewer/{{name}}.tsv"
    wildcard_constraints:
        name=one_of(own),
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=6000,
    params:
        genes=OWN["genes"],
    script:
        "../scripts/viewer/own_viewer.py"
