from stnet.analysis.latent.summary import write_summary
from stnet.core.job import job
from stnet.report.network import write_latent_page

with job(snakemake.log[0]):
    write_summary(dict(snakemake.input.items()), snakemake.output.tsv)
    write_latent_page(*snakemake.output, experiment=snakemake.params.main)
