# Distributed files into AnnData, spot by spot (Methods: "Spatial transcriptomics").


rule section:
    input:
        counts=section_files("counts"),
        spots=section_files("spots"),
        image=of_section("image"),
        labels=of_section("labels"),
        genes=gene_table,
    output:
        section="results/{cohort}/sections/{section}.h5ad",
        drops="results/{cohort}/sections/{section}.drops.tsv",
    log:
        "results/{cohort}/logs/section/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/section/{section}.tsv"
    conda:
        "../../envs/sections.yaml"
    resources:
        mem_mb=lambda w: for_section(section_row(w), for_image(2000)(w)),
    params:
        row=section_row,
        label_classes=configured("cohorts/{cohort}/label_classes"),
        require_label=configured("cohorts/{cohort}/require_label"),
        spot_window=configured("cohorts/{cohort}/spot_window"),
        spot_pitch_um=configured("cohorts/{cohort}/spot_pitch_um"),
    script:
        "../scripts/sections/section.py"
