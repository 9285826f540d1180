# The paper's table, the pages of the report, and the ledger of the paper's claims.


# What the paper says comes with the project. A run in another folder copies it there: as an input,
# the project's own path would be another one on each machine, and braces in it would be wildcards.
if not CHECKOUT.samefile("."):

    rule paper:
        output:
            "resources/{table}.tsv",
        log:
            "results/logs/paper/{table}.log",
        benchmark:
            "results/benchmarks/paper/{table}.tsv"
        wildcard_constraints:
            table="paper/claims|claims/demo|claims/controls",
        localrule: True
        conda:
            "../../envs/core.yaml"
        params:
            sha256=lambda w: file_sha256(CHECKOUT / f"resources/{w.table}.tsv"),
        script:
            "../scripts/report/paper.py"


rule dataset_page:
    input:
        summary="results/{cohort}/tables/dataset/summary.tsv",
        table="results/{cohort}/tables/dataset/sections.tsv",
        spots="results/{cohort}/tables/dataset/spots.tsv.gz",
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
    output:
        dataset=report(
            "results/{cohort}/tables/dataset/dataset.html",
            caption="../report/dataset.rst",
            category=category("Data"),
            labels={"item": "Sections and spots", "cohort": "{cohort}"},
        ),
        sections="results/{cohort}/tables/dataset/sections.html",
    log:
        "results/{cohort}/logs/dataset_page.log",
    benchmark:
        "results/{cohort}/benchmarks/dataset_page.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        spot_window=configured("cohorts/{cohort}/spot_window"),
        cohort=configured("cohorts/{cohort}/title"),
    script:
        "../scripts/report/dataset_page.py"


rule leaks:
    input:
        sections=of_sections("results/{cohort}/sections/{section}.h5ad"),
        targets=lambda w: [f for keys in fitted_targets(w).values() for f in keys["files"].values()],
        features=features_of_others,
    output:
        tsv="results/{cohort}/tables/leaks.tsv",
        html=report(
            "results/{cohort}/tables/leaks.html",
            caption="../report/leaks.rst",
            category=category("Data"),
            labels={"item": "Leaks from test to training", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/leaks.log",
    benchmark:
        "results/{cohort}/benchmarks/leaks.tsv"
    # Before training, as far as the jobs that it reads from allow.
    priority: 100
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        experiments=fitted_experiments,
        targets=fitted_targets,
        weights=weights_of_others,
        simulated=lambda w: facts_of(w.cohort)["simulated"],
    script:
        "../scripts/report/leaks.py"


rule performance_page:
    input:
        summary="results/{cohort}/tables/{experiment}/{stratum}/summary.tsv",
        genes="results/{cohort}/tables/{experiment}/{stratum}/gene_performance.tsv",
    output:
        report(
            "results/{cohort}/tables/{experiment}/{stratum}/performance.html",
            caption="../report/performance.rst",
            category=category("Performance"),
            subcategory="2 By experiment",
            labels=performance_labels,
        ),
    log:
        "results/{cohort}/logs/performance_page/{experiment}/{stratum}.log",
    benchmark:
        "results/{cohort}/benchmarks/performance_page/{experiment}/{stratum}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        title=configured("experiments/{experiment}/title"),
    script:
        "../scripts/report/performance_page.py"


rule front:
    input:
        unpack(front_tables),
        pictures=expand("results/{{cohort}}/figures/{figure}.png", figure=["fig_2a", "fig_2b"]),
    output:
        warnings=WARNINGS,
        html=report(
            "results/{cohort}/index.html",
            caption="../report/front.rst",
            category=category("First page"),
            labels={"item": "First page", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/front.log",
    benchmark:
        "results/{cohort}/benchmarks/front.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        about=about_cohort,
        pages=pages_of,
    script:
        "../scripts/report/front.py"


rule table_1:
    input:
        genes=main_table("gene_performance"),
        visium=lambda w: report_of(w)["visium"] and shown_visium("patient_performance.tsv")(w),
        claims=paper_claims,
    output:
        tsv="results/{cohort}/tables/table_1.tsv",
        html=report(
            "results/{cohort}/tables/table_1.html",
            caption="../report/table_1.rst",
            category=category("Performance"),
            subcategory="1 Results",
            labels={"item": "Best predicted genes · Table 1", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/table_1.log",
    benchmark:
        "results/{cohort}/benchmarks/table_1.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
    script:
        "../scripts/report/table_1.py"


rule ledger:
    input:
        unpack(ledger_tables),
        claims=claims_table,
    output:
        tsv="results/{cohort}/{ledger}.tsv",
        html=report(
            "results/{cohort}/{ledger}.html",
            caption="../report/ledger.rst",
            category=category("Ledger"),
            labels=ledger_labels,
        ),
    log:
        "results/{cohort}/logs/{ledger}.log",
    benchmark:
        "results/{cohort}/benchmarks/{ledger}.tsv"
    wildcard_constraints:
        ledger="ledger-[^/]+",
    conda:
        "../../envs/core.yaml"
    params:
        about=lambda w: {**claims_of(w), "main": main_title(w)},
        judged=lambda w: not claims_of(w)["other_cohort"],
        other_data=tables_of_other_data,
        rules=ledger_rules,
    script:
        "../scripts/report/ledger.py"


rule visium_page:
    input:
        summaries=lambda w: [
            of_source(w.cohort, main_experiment(w), name, "visium.tsv")
            for name in report_of(w)["visium"]
        ],
        alignments=shown_alignments,
        claims=paper_claims,
    output:
        report(
            "results/{cohort}/tables/visium.html",
            caption="../report/visium_page.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels={"item": "Genes and r on Visium sections", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/visium_page.log",
    benchmark:
        "results/{cohort}/benchmarks/visium_page.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        names=lambda w: [config["external"][name]["title"] for name in report_of(w)["visium"]],
    script:
        "../scripts/report/visium_page.py"


rule tcga_page:
    input:
        summary=rules.pseudobulk.output.summary,
        subtype=rules.subtype.output.table,
        slides=rules.pseudobulk.output.slides,
        genes=rules.pseudobulk.output.genes,
        claims=paper_claims,
    output:
        report(
            f"{EXTERNAL_TABLES}/tcga.html",
            caption="../report/tcga.rst",
            category=category("External data"),
            subcategory="1 Results",
            labels=of_model("Slides against bulk RNA-seq · {source}"),
        ),
    log:
        "results/{cohort}/logs/tcga_page/{source}/{experiment}/{model}.log",
    benchmark:
        "results/{cohort}/benchmarks/tcga_page/{source}/{experiment}/{model}.tsv"
    wildcard_constraints:
        source=slide_sources,
    conda:
        "../../envs/core.yaml"
    params:
        title=configured("experiments/{experiment}/title"),
        source=configured("external/{source}/title"),
    script:
        "../scripts/report/tcga_page.py"
