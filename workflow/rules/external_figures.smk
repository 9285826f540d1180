# Figures of the external sections and slides.


rule fig_2c:
    input:
        shown_visium("gene_performance.tsv"),
    output:
        report(
            "results/{cohort}/figures/fig_2c.png",
            caption="../report/fig_2c.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels={"item": "AUROC on Visium sections · Fig. 2c", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/fig_2c.pdf",
    log:
        "results/{cohort}/logs/fig_2c.log",
    benchmark:
        "results/{cohort}/benchmarks/fig_2c.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/fig_2c.py"


rule supp_2:
    input:
        shown_visium("section_performance.tsv"),
    output:
        report(
            "results/{cohort}/figures/supp_2.png",
            caption="../report/supp_2.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels={"item": "r and AUROC by Visium section · Supp. Fig. 2", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_2.pdf",
    log:
        "results/{cohort}/logs/supp_2.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_2.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_2.py"


rule supp_3:
    input:
        unpack(colocalisation_tables),
    output:
        report(
            "results/{cohort}/figures/supp_3.png",
            caption="../report/supp_3.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels={
                "item": "Tumour and immune genes together · Supp. Fig. 3",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_3.pdf",
    log:
        "results/{cohort}/logs/supp_3.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_3.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_3.py"


rule subtype_roc:
    input:
        scores=rules.subtype.output.scores,
        table=rules.subtype.output.table,
    output:
        report(
            f"{EXTERNAL_TABLES}/subtype_roc.png",
            caption="../report/subtype.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels=of_model("ROC curves of subtypes · {source}"),
        ),
        f"{EXTERNAL_TABLES}/subtype_roc.pdf",
    log:
        "results/{cohort}/logs/subtype_roc/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/subtype_roc/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    params:
        positive=lambda w: next(iter(config["external"][w.source]["subtypes"]["classes"])),
    script:
        "../scripts/figures/subtype_roc.py"
