# Conda environments of a checkout whose path has braces, which Snakemake takes for wildcards.


def escape_environments(rules):
    """Name the rules' environments by absolute paths with doubled braces, where there are any."""
    if not re.search("[{}]", str(CHECKOUT)):
        return
    for each in rules:
        if each.conda_env:
            path = CHECKOUT / "envs" / Path(each.conda_env).name
            each.conda_env = re.sub("[{}]", r"\g<0>\g<0>", str(path))
