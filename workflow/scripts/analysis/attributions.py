from stnet.analysis.interpretation.attributions import HeldOut, write_attributions
from stnet.config.engine import Engine
from stnet.core.gpu import lease_gpu
from stnet.core.job import job

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    files = zip(
        snakemake.input.predictions, snakemake.input.models, snakemake.input.cards, strict=True
    )
    write_attributions(
        snakemake.input.index,
        [HeldOut(*each) for each in files],
        snakemake.input.genes,
        snakemake.output.arrays,
        snakemake.output.table,
        gene=snakemake.params.gene,
        patches=snakemake.params.patches,
        steps=snakemake.params.steps,
        engine=Engine(**snakemake.params.engine[device]),
        device=device,
        threads=snakemake.threads,
    )
