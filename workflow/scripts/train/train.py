from pathlib import Path

from stnet.config.recipe import Recipe
from stnet.core.gpu import lease_gpu
from stnet.core.job import job
from stnet.expression.held_out_job import HeldOutJob
from stnet.training.fit import fit

with job(snakemake.log[0]):
    device = lease_gpu() if snakemake.resources.gpu else "cpu"
    keys = {**snakemake.params.recipe, "engine": snakemake.params.recipe["engine"][device]}
    fit(
        snakemake.input.index,
        snakemake.input.targets,
        dict(snakemake.output.items()),
        HeldOutJob.of(snakemake.wildcards, snakemake.params, snakemake.threads),
        recipe=Recipe(weights=snakemake.input.get("weights") or None, **keys),
        view=snakemake.params.view,
        device=device,
        # Not a parameter of the rule: asking for a log must not train again.
        tensorboard=(
            Path(snakemake.log[0]).with_suffix("") if snakemake.config["tensorboard"] else None
        ),
    )
