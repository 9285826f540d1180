# Memory of jobs that run again.


def raise_memory(rules):
    """Let a job ask for its rule's memory times its attempt; what an option sets stays as it is."""
    options = workflow.resource_settings.overwrite_resources
    for each in rules:
        if "mem_mb" in each.resources and "mem_mb" not in options.get(each.name, {}):
            each.resources["mem_mb"] = for_attempt(each.resources["mem_mb"])


def for_attempt(once):
    """Resource function: `once`, in MB, for each attempt."""

    def memory(w, attempt, **context):
        asked = once.evaluate(w, attempt=attempt, **context).value
        # Not a number as long as it depends on a file that is not there yet.
        return attempt * asked if isinstance(asked, int) else asked

    return memory
