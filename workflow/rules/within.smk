# Within tumour and within normal tissue alone (Results, "ST-Net detects intra-tumour variation"),
# and expression against the nuclei of the patches ("Interpretation of predictions").

NUCLEI = "results/{cohort}/tables/nuclei"


rule thresholds:
    input:
        of_strata("gene_performance"),
    output:
        "results/{cohort}/tables/thresholds.tsv",
    log:
        "results/{cohort}/logs/thresholds.log",
    benchmark:
        "results/{cohort}/benchmarks/thresholds.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        strata=STRATA,
    script:
        "../scripts/analysis/thresholds.py"


rule spread:
    input:
        targets=main_targets,
    output:
        spread="results/{cohort}/tables/spread.tsv",
        genes="results/{cohort}/tables/spread_genes.tsv",
    log:
        "results/{cohort}/logs/spread.log",
    benchmark:
        "results/{cohort}/benchmarks/spread.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    script:
        "../scripts/analysis/spread.py"


rule supp_4_5:
    input:
        spread=rules.spread.output.spread,
        of_genes=rules.spread.output.genes,
        genes=lambda w: of_strata("gene_performance")(w)[1:],
    output:
        report(
            "results/{cohort}/figures/supp_4.png",
            caption="../report/supp_4.rst",
            category=category("Within tissue"),
            labels={"item": "Expression within tumour · Supp. Fig. 4", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_4.pdf",
        report(
            "results/{cohort}/figures/supp_5.png",
            caption="../report/supp_5.rst",
            category=category("Within tissue"),
            labels={
                "item": "Expression within normal tissue · Supp. Fig. 5",
                "cohort": "{cohort}",
            },
        ),
        "results/{cohort}/figures/supp_5.pdf",
    log:
        "results/{cohort}/logs/supp_4_5.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_4_5.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        formula=main_formula,
    script:
        "../scripts/figures/supp_4_5.py"


rule within_page:
    input:
        summaries=of_strata("summary"),
        genes=of_strata("gene_performance"),
        thresholds=rules.thresholds.output[0],
        spread=rules.spread.output.genes,
        claims=paper_claims,
    output:
        tsv="results/{cohort}/tables/within.tsv",
        html=report(
            "results/{cohort}/tables/within.html",
            caption="../report/within.rst",
            category=category("Within tissue"),
            labels={"item": "Within tumour and within normal tissue", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/within_page.log",
    benchmark:
        "results/{cohort}/benchmarks/within_page.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        main=main_title,
        strata=STRATA,
    script:
        "../scripts/report/within_page.py"


rule nuclear_gene:
    input:
        targets=main_targets,
        features=shown_nuclei,
    output:
        relations=f"{NUCLEI}/gene.tsv",
        patients=f"{NUCLEI}/gene_patients.tsv",
    log:
        "results/{cohort}/logs/nuclear_gene.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclear_gene.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=2000,
    params:
        gene=configured("cohorts/{cohort}/report/nuclear_gene"),
    script:
        "../scripts/analysis/nuclear_gene.py"


rule nuclear_gene_page:
    input:
        relations=rules.nuclear_gene.output.relations,
    output:
        report(
            f"{NUCLEI}/gene.html",
            caption="../report/nuclear_gene.rst",
            category=category("Within tissue"),
            labels={"item": "Nuclei and the expression of a gene", "cohort": "{cohort}"},
        ),
    log:
        "results/{cohort}/logs/nuclear_gene_page.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclear_gene_page.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        gene=configured("cohorts/{cohort}/report/nuclear_gene"),
    script:
        "../scripts/report/nuclear_gene_page.py"


rule nuclear_relations:
    input:
        targets=main_targets,
        predictions=of_main("predictions.h5ad"),
        genes=main_table("gene_performance"),
        features=shown_nuclei,
    output:
        measured="results/{cohort}/tables/supp_table_2.tsv",
        predicted="results/{cohort}/tables/supp_table_3.tsv",
        genes=f"{NUCLEI}/top_genes.tsv",
        patients=f"{NUCLEI}/top_genes_patients.tsv",
    log:
        "results/{cohort}/logs/nuclear_relations.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclear_relations.tsv"
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=3000,
        runtime=20,
    script:
        "../scripts/analysis/nuclear_relations.py"


rule supp_table_2_3:
    input:
        measured=rules.nuclear_relations.output.measured,
        predicted=rules.nuclear_relations.output.predicted,
        genes=rules.nuclear_relations.output.genes,
    output:
        measured=report(
            "results/{cohort}/tables/supp_table_2.html",
            caption="../report/supp_table_2_3.rst",
            category=category("Interpretation"),
            labels={
                "item": "Nuclei and measured expression · Supp. Table 2",
                "cohort": "{cohort}",
            },
        ),
        predicted=report(
            "results/{cohort}/tables/supp_table_3.html",
            caption="../report/supp_table_2_3.rst",
            category=category("Interpretation"),
            labels={
                "item": "Nuclei and predicted expression · Supp. Table 3",
                "cohort": "{cohort}",
            },
        ),
    log:
        "results/{cohort}/logs/supp_table_2_3.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_table_2_3.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/report/supp_table_2_3.py"


rule nuclei_counts:
    input:
        targets=main_targets,
        features=shown_nuclei,
    output:
        patients=f"{NUCLEI}/counts.tsv",
        distribution=f"{NUCLEI}/counts_distribution.tsv",
        summary=f"{NUCLEI}/counts_summary.tsv",
    log:
        "results/{cohort}/logs/nuclei_counts.log",
    benchmark:
        "results/{cohort}/benchmarks/nuclei_counts.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/analysis/nuclei_counts.py"


rule supp_6:
    input:
        distribution=rules.nuclei_counts.output.distribution,
        patients=rules.nuclei_counts.output.patients,
        summary=rules.nuclei_counts.output.summary,
    output:
        report(
            "results/{cohort}/figures/supp_6.png",
            caption="../report/supp_6.rst",
            category=category("Interpretation"),
            labels={"item": "Nuclei by tissue · Supp. Fig. 6", "cohort": "{cohort}"},
        ),
        "results/{cohort}/figures/supp_6.pdf",
    log:
        "results/{cohort}/logs/supp_6.log",
    benchmark:
        "results/{cohort}/benchmarks/supp_6.tsv"
    conda:
        "../../envs/core.yaml"
    script:
        "../scripts/figures/supp_6.py"
