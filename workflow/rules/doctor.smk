# Whether this machine can run what the configuration asks for (ours).
#
# It must answer also where the workflow does not start, so it is no job: it looks when the rules are
# loaded, or when something is refused before (configuration.smk).


rule doctor:
    """Says in a minute what this machine lacks for the run; add it to the command of the run."""
    input:
        of_own_run("doctor"),
    localrule: True


if EXAMINED:
    examine()
