# The ST cohort (Methods, "Spatial transcriptomics") and the gene table.
#
# These rules have no digest, and take hosts and mirrors from the configuration without making them
# params: the hashes in the lock files decide what they write, and changing a downloader or mirror
# must not download or train again. They run where Snakemake runs, because compute nodes often have
# no network.


rule download_listing:
    output:
        listing="resources/{cohort}/listing.tsv",
        metadata="resources/{cohort}/metadata.csv",
    log:
        "results/{cohort}/logs/download_listing.log",
    benchmark:
        "results/{cohort}/benchmarks/download_listing.tsv"
    wildcard_constraints:
        cohort=one_of(configuration.cohorts_from("mendeley")),
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=60,
        downloads=1,
    params:
        dataset=configured("cohorts/{cohort}/dataset"),
        version=configured("cohorts/{cohort}/version"),
        lock="config/cohorts/{cohort}.lock.tsv",
    script:
        "../scripts/download/download_listing.py"


rule download_section:
    input:
        listing="resources/{cohort}/listing.tsv",
    output:
        image="resources/{cohort}/{section}/image.jpg",
        counts="resources/{cohort}/{section}/counts.tsv.gz",
        spots="resources/{cohort}/{section}/spots.csv.gz",
        labels="resources/{cohort}/{section}/labels.tsv.gz",
    log:
        "results/{cohort}/logs/download_section/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/download_section/{section}.tsv"
    wildcard_constraints:
        cohort=one_of(configuration.cohorts_from("mendeley")),
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=120,
        downloads=1,
    params:
        patient=of_section("patient"),
        lock="config/cohorts/{cohort}.lock.tsv",
    script:
        "../scripts/download/download_section.py"


rule download_gene_table:
    """Downloads HGNC's table of genes."""
    output:
        GENE_TABLE,
    log:
        "results/logs/download_gene_table.log",
    benchmark:
        "results/benchmarks/download_gene_table.tsv"
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=60,
        downloads=1,
    params:
        table=config["hosts"]["hgnc"].rpartition("/")[2],
        lock="config/genes.lock.tsv",
    script:
        "../scripts/download/download_gene_table.py"


# The two Visium sections (Methods, "10x Genomics breast cancer ST-Net analysis").
rule download_visium:
    output:
        image="resources/{cohort}/{section}/image.tif",
        counts="resources/{cohort}/{section}/filtered_feature_bc_matrix.h5",
        positions="resources/{cohort}/{section}/spatial/tissue_positions_list.csv",
        scalefactors="resources/{cohort}/{section}/spatial/scalefactors_json.json",
    log:
        "results/{cohort}/logs/download_visium/{section}.log",
    benchmark:
        "results/{cohort}/benchmarks/download_visium/{section}.tsv"
    wildcard_constraints:
        cohort=one_of(configuration.cohorts_from("tenx")),
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=120,
        downloads=1,
    params:
        lock="config/cohorts/{cohort}.lock.tsv",
    script:
        "../scripts/download/download_visium.py"


# Bulk expression of the slides' samples (Methods, "TCGA analysis").
rule download_expression:
    input:
        archive=simulated_archive,
    output:
        "resources/{source}/expression/{sample}.tsv",
    log:
        "results/{source}/logs/download_expression/{sample}.log",
    benchmark:
        "results/{source}/benchmarks/download_expression/{sample}.tsv"
    wildcard_constraints:
        source=slide_sources,
        sample=GROUP_ID,
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=60,
        downloads=1,
    params:
        row=lambda w: expression_of(w.source, w.sample),
    script:
        "../scripts/download/download_expression.py"


# Writes the slide sheets of the configuration, for review and commit: later runs read the sheets,
# never the listing. It has no output, so that it can be run repeatedly and nothing depends on it.
rule tcga_sheet:
    """Writes the sheet of TCGA's slides from the archive's listing."""
    log:
        "results/logs/tcga_sheet.log",
    localrule: True
    conda:
        "../../envs/core.yaml"
    resources:
        mem_mb=500,
        runtime=60,
        downloads=1,
    params:
        sources=lambda w: listed_sources("gdc"),
    script:
        "../scripts/download/tcga_sheet.py"
