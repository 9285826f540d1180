from stnet.cohorts.section import write_section
from stnet.core.job import job

with job(snakemake.log[0]):
    write_section(
        snakemake.params.row,
        snakemake.output.section,
        snakemake.output.drops,
        label_classes=snakemake.params.label_classes,
        require_label=snakemake.params.require_label,
        spot_window=snakemake.params.spot_window,
        spot_pitch_um=snakemake.params.spot_pitch_um,
        genes=snakemake.input.genes or None,
    )
