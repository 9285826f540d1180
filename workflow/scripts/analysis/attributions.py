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
        [HeldOut(*each) for each in files],
        {name: snakemake.input[name] for name in ("index", "genes")},
        dict(snakemake.output.items()),
        settings={name: snakemake.params[name] for name in ("gene", "patches", "steps")},
        engine=Engine(**snakemake.params.engine[device]),
        device=device,
        threads=snakemake.threads,
    )
