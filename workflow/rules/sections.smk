# Distributed files into AnnData, spot by spot (Methods: "Spatial transcriptomics").


rule section:
    input:
        counts=lambda w: sheet_row(w.cohort, w.section)["counts"],
        spots=section_spots,
        image=lambda w: sheet_row(w.cohort, w.section)["image"] or [],
        labels=lambda w: sheet_row(w.cohort, w.section)["labels"] or [],
        genes=lambda w: cohort(w.cohort).get("genes") or [],
    output:
        section="results/{cohort}/sections/{section}.h5ad",
        drops="results/{cohort}/sections/{section}.drops.tsv",
    log:
        "results/{cohort}/logs/section/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/section/{section}.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=for_image(2000),
        runtime=10,
    params:
        row=lambda w: sheet_row(w.cohort, w.section),
        label_classes=lambda w: cohort(w.cohort)["label_classes"],
        require_label=lambda w: cohort(w.cohort)["require_label"],
        spot_window=lambda w: cohort(w.cohort)["spot_window"],
        spot_pitch_um=lambda w: cohort(w.cohort)["spot_pitch_um"],
    script:
        "../scripts/sections/section.py"
