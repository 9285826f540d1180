"""The test that decides whether a gene is consistent, and its level.

Pages name them, so they are apart from the tests themselves, which need scipy.stats.
"""

from typing import NamedTuple

from stnet.core.tables import FEWEST_PATIENTS, TOO_FEW

# The level the released code (bin/generate_figs.py) gives to Holm for the main result.
HOLM_LEVEL = 0.1
# The binomial test is used only if Holm can reject at this level (ours).
REACHABLE_LEVEL = 0.05
# The level of Benjamini-Hochberg (ours).
BH_LEVEL = 0.05


class Rule(NamedTuple):
    """The test that decides whether a gene is consistent.

    `name` is `holm` or `t`. A gene is consistent if its adjusted p in `column` of the gene table is
    at most `level`. `few` decides for no gene. `reason` explains the choice in words.
    """

    name: str
    column: str
    level: float
    reason: str


def choose_rule(n_patients: int, n_with_r: int, n_genes: int) -> Rule:
    """Holm on the binomial count if it can reject at 0.05, else Benjamini-Hochberg on the t-test.

    The smallest adjusted p, with r > 0 in all n patients, is n_genes / 2^n: with 250 genes at least
    13 patients are needed. The t-test is over the `n_with_r` patients who have an r, of whom at
    least `FEWEST_PATIENTS` are needed (if none has one, of all: no gene is then consistent).
    Source: the paper's test; ours where that has no power.
    """
    n_tested = n_with_r or n_patients
    smallest = min(1.0, n_genes * 0.5**n_patients)
    reach = (
        f"a gene with r > 0 in all of {n_patients} patients has a Holm-adjusted binomial p of "
        f"{smallest:.2g} among {n_genes} genes"
    )
    if smallest > REACHABLE_LEVEL and 0 < n_tested < FEWEST_PATIENTS:
        reason = f"{TOO_FEW}, {n_tested} of the {FEWEST_PATIENTS} that are needed"
        return Rule("few", "p_t_bh", float("nan"), reason)
    if smallest > REACHABLE_LEVEL:
        reason = (
            f"Benjamini–Hochberg ≤ {BH_LEVEL} on a one-sided t-test of Fisher's z over patients. "
            f"The binomial count has no power here: {reach}"
        )
        return Rule("t", "p_t_bh", BH_LEVEL, reason)
    reason = f"Holm ≤ {HOLM_LEVEL} on the binomial count of patients; {reach}"
    return Rule("holm", "p_holm", HOLM_LEVEL, reason)
