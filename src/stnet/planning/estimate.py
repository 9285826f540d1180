"""What is left to do of an experiment's networks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stnet.planning.work import Work, prediction, saved_epochs, training, training_runs, without
from stnet.planning.workload import Experiment


@dataclass(frozen=True)
class Estimate:
    """Jobs done and pending of an experiment, and the work of the pending ones.

    `works` has the work of each held-out group with a pending job, which is done by one GPU; it is
    None where the number of spots is not known, and so is `spots`, those that the largest pending
    training job holds in memory.
    """

    groups: int
    trained: int
    predicted: int
    runs: int
    saved: int
    works: list[Work] | None
    spots: int | None

    @property
    def is_left(self) -> bool:
        """Whether a job is pending."""
        return min(self.trained, self.predicted) < self.groups


def estimate(
    experiment: Experiment,
    rows: Sequence[Mapping[str, str]],
    spots: Mapping[str, int] | None,
    pending: Collection[str],
    device: str,
    threads: int,
    code: str,
) -> Estimate:
    """Count what is left of `experiment`.

    `rows` (`patient section`) and `spots` (used spots by section) are its cohort's; `pending` are
    the files that pending jobs write, and `device`, `threads` and `code` (its
    digest) are the training job's.
    """
    recipe = experiment.recipe
    known = {"device": device, "code": code, "view": experiment.view}
    known |= experiment.recipe_on(device)
    if device == "cpu":
        known["threads"] = threads
    to_train = to_predict = n_runs = saved = largest = 0
    works = []
    for group in experiment.groups.values():
        work = Work()
        if group.model in pending:
            done = saved_epochs(group.model, known)
            folds = {"epochs": recipe["epochs"], "n_folds": recipe["inner_folds"]}
            counted = spots or {row["section"]: 0 for row in rows}
            runs = without(training_runs(rows, counted, group.sections, **folds), done)
            work += training(runs)
            to_train, n_runs, saved = to_train + 1, n_runs + len(runs), saved + done
            outside = [n for section, n in counted.items() if section not in group.sections]
            largest = max(largest, sum(outside))
        if group.predictions in pending:
            to_predict += 1
            work += prediction(spots, group.sections) if spots else Work()
        if {group.model, group.predictions} & set(pending):
            works.append(work)
    n_groups = len(experiment.groups)
    known = spots is not None
    return Estimate(
        n_groups,
        n_groups - to_train,
        sum(bool(group.predictions) for group in experiment.groups.values()) - to_predict,
        n_runs,
        saved,
        works if known else None,
        largest if known else None,
    )
