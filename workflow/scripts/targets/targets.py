from stnet.core.job import job
from stnet.expression.targets import write_targets

with job(snakemake.log[0]):
    write_targets(
        snakemake.input.sections,
        snakemake.output[0],
        genes=snakemake.params.genes,
        transform=snakemake.params.transform,
        held_out_sections=snakemake.params.held_out_sections,
        label_classes=snakemake.params.label_classes,
    )
