"""Words for the columns and quantities of tables: what pages call them, and what they mean.

Tables for programs keep their names; no page shows those.
"""

from typing import NamedTuple


class Word(NamedTuple):
    """What pages call a column or quantity, what it means and in which unit, and its decimals.

    Without `digits`, numbers have three significant digits. `of_genes` says that it names genes.
    """

    heading: str
    explanation: str
    digits: int | None = None
    of_genes: bool = False


# How `stnet.evaluation.bootstrap.interval` makes intervals.
INTERVALS = (
    "Intervals are 95% and over patients: Student's t, with the standard error of a bootstrap."
)
# Begins the names of the paper's values.
PAPER = "paper_"
ABOUT = {
    # What a row is about
    "gene": (
        "Gene",
        "Symbol, or Ensembl id if there is none. With [A+B]: reads that fit both, as in the paper.",
    ),
    "patient": ("Patient", "Whose tissue it is."),
    "section": ("Section", "One slice of tissue on an array."),
    "experiment": ("Experiment", "What predicts, by its title in the configuration."),
    "of": ("Predicts from", "Way of predicting, and the network or features that it is built on."),
    "targets": ("Targets", "What is predicted, as the configuration calls it."),
    "quantity": ("Quantity", "What was measured or counted."),
    "estimate": ("Value", "Value in this run, with its 95% interval if it has one."),
    "meaning": ("What it is", "Explanation of the quantity."),
    "follows": ("What the genes follow", "By the record of the simulation."),
    "found": ("Found", "Genes that are consistent over patients."),
    "missed": ("Not found", "The other genes, if they carry signal."),
    "number": ("Number", "How many there are."),
    "paper": ("Paper", "Value in the paper."),
    "note": ("Note", "What to know of this row."),
    # What is evaluated
    "n_patients": ("Patients", "Number of patients that are evaluated."),
    "n_patients_with_r": ("Patients with an r", "Patients in whom at least one gene has an r."),
    "n_sections": ("Sections", "Number of sections that are evaluated."),
    "n_spots": ("Spots", "Number of spots that are evaluated."),
    "n_genes": ("Genes", "Number of genes that are evaluated."),
    "n_shared": ("Shared patients", "Patients on whom both experiments are evaluated."),
    "transform": (
        "Unit of the targets",
        "Log expression is ln((1 + c) / (G + Σc)) of a gene's counts c, the spot's total Σc and the"
        " number of genes G; log CP10k is ln(1 + 10⁴ c / Σc).",
    ),
    "initial_weights": ("First weights", "The weights from which training starts, as configured."),
    "origin": ("Origin", "Where the predictions are from."),
    # Consistency
    "consistent": ("Consistent", "Whether the gene is predicted consistently over patients."),
    "n_consistent": ("Patients with r > 0", "Number of patients in whom r is positive."),
    "p_holm": (
        "P of the count",
        "One-sided binomial P of the number of patients with r > 0, adjusted by Holm–Bonferroni "
        "over genes.",
    ),
    "p_t_bh": (
        "P of r",
        "One-sided P of a t-test of Fisher's z over patients, adjusted by Benjamini–Hochberg over "
        "genes.",
    ),
    "consistency_rule": (
        "Rule",
        "Test of consistency: of the count of patients with r > 0, adjusted by Holm–Bonferroni, or "
        "a t-test over patients, adjusted by Benjamini–Hochberg.",
    ),
    "consistency_reason": ("Rule in words", "Test that makes a gene consistent, and why."),
    "consistent_genes": ("Consistent genes", "Number of genes that are consistent by the rule."),
    "consistent_genes_holm": (
        "Holm on the count",
        "Genes whose count of patients with r > 0 is significant by Holm–Bonferroni.",
    ),
    "consistent_genes_bh": (
        "BH on the count",
        "Genes whose count of patients with r > 0 is significant by Benjamini–Hochberg.",
    ),
    "consistent_genes_t": (
        "BH on the t-test",
        "Genes whose r over patients is significant by a t-test and Benjamini–Hochberg.",
    ),
    "consistent_genes_partial": (
        "Consistent given depth",
        "Number of genes whose r given depth is consistent by the same rule.",
    ),
    "genes_at_threshold": (
        "At the fixed count",
        "Genes with r > 0 in at least as many patients as the least consistent gene of the main "
        "experiment.",
    ),
    "fdr": ("Largest adjusted P", "The largest adjusted P among the consistent genes."),
    "fewest_consistent_patients": (
        "Fewest patients with r > 0",
        "The fewest patients with r > 0 that a consistent gene has.",
    ),
    # Against the main experiment
    "genes_compared": ("Genes with both r", "Genes in which both methods have an r."),
    "genes_ahead": ("Genes ahead", "Genes in which the main experiment has the higher median r."),
    "genes_ahead_shared": (
        "Genes ahead, same patients",
        "As genes ahead, over the patients in whom both r are defined.",
    ),
    "threshold": ("The paper's threshold", "Number of patients with r > 0 that the paper asks."),
    "threshold_genes": ("Genes at the threshold", "Genes with r > 0 in as many patients."),
    "threshold_fdr": ("Largest Holm P there", "Largest Holm-adjusted P among these genes."),
    "threshold_fdr_excused": (
        "Largest Holm P, excused",
        "The same, counting patients without such spots as consistent.",
    ),
    "top_genes": ("Top genes", "Genes with the highest median r."),
    # Cohorts
    "patients": ("Patients", "Number of patients."),
    "sections": ("Sections", "Number of sections."),
    "sections_with_warnings": ("Sections with warnings", "They come first below."),
    "spots": ("Spots", "Number of spots that are used."),
    "genes": ("Genes", "Number of genes that are measured."),
    "genes_united": ("United genes", "Genes that sections call by different names, made one."),
    "genes_unsure": (
        "Unsure genes",
        "Genes that may be one of several of other sections; they are not predicted.",
    ),
    "spots_per_section_min": ("Fewest spots", "Spots of the section with the fewest."),
    "spots_per_section_max": ("Most spots", "Spots of the section with the most."),
    "positions": ("Spots in files", "Rows of the spot file."),
    "counts": ("Count rows", "Rows of the count table."),
    "no_position": ("No position", "Rows of the count table without a position."),
    "unselected": ("Outside tissue", "Spots dropped: outside the tissue selection."),
    "no_counts": ("No counts", "Spots dropped: without counts."),
    "off_image": ("Off the image", "Spots dropped: outside the image."),
    "no_label": ("No label", "Spots dropped: without a label, which the cohort requires."),
    "kept": ("Kept", "Spots that are left."),
    "near_edge": ("Near the edge", "Kept spots that are not used: their window leaves the image."),
    "used": ("Used", "Spots that are used."),
    "median_counts": ("Median counts", "Median over spots of the total counts."),
    "median_genes": ("Median genes", "Median over spots of the number of genes with a count."),
    "without_share": (
        "Genes without a signal",
        "They are not consistent, or their ceiling is what noise gives: left out of the share.",
    ),
    "without_share_partial": ("Genes without a signal given depth", "Likewise, given depth."),
    "pct_on_tissue": ("On tissue (%)", "Share of the spots that lie on tissue, in percent.", 1),
    "warnings": ("Warnings", "What is odd about the section's files."),
    "median_pct_mt": ("Mitochondrial (%)", "Median share of mitochondrial counts, in percent."),
    "other_annotations": ("Other annotations", "Annotations that are in no class, with spots."),
    "width": ("Width (px)", "Width of the image, in pixels."),
    "height": ("Height (px)", "Height of the image, in pixels."),
    "um_per_px": ("Scale (µm/px)", "Size of a pixel, in micrometres."),
    # Nuclei
    "stratum": ("Spots", "The spots evaluated: all, tumour or normal."),
    "feature": ("Feature", "Measure of the nuclei in a patch."),
    "p": ("P", "P of the row, before adjustment for the number of tests."),
    "p_bh": ("P, adjusted", "P adjusted by Benjamini–Hochberg."),
    "p_partial": ("P given depth", "As P, of r given depth."),
    "direction": ("Direction", "Sign of the mean r."),
    # Pathways
    "group": ("Group", "Union of gene sets, as configured."),
    "gene_set": ("Pathway", "A gene set of the file."),
    "gene_sets": ("Gene sets", "What the group is the union of."),
    "predicted": ("Predicted", "Genes of the set among the consistently predicted genes."),
    "rest": ("Rest", "Genes of the set among the other target genes."),
    "file": ("Source", "File of gene sets."),
    "odds_ratio": ("Odds ratio", "Odds of predicted genes in the set against outside it."),
    "ease": ("EASE", "DAVID's score: the P with one predicted gene removed."),
    "ease_bh": ("EASE, adjusted", "EASE adjusted by Benjamini–Hochberg."),
    "enriched": ("Enriched", "Whether the adjusted P is low enough."),
    "predicted_genes": ("Predicted genes", "The predicted genes of the set."),
    # External data
    "by": ("Match", "How a target gene was found among the genes of a section."),
    "reason": ("Reason", "Why the genes have no match."),
    "in_sections": ("In sections", "Sections in which it is so."),
    "lost_genes": ("Genes", "Which genes."),
    "features": ("Features", "What the subtypes are predicted from."),
    "n_features": ("Number of features", "How many features the classifier has."),
    "n_train": ("Training patients", "Patients on whom the classifier is fitted."),
    "n_test": ("Test patients", "Patients on whom it is tested."),
    "C": ("C", "Inverse strength of the regularisation, chosen on training patients."),
    "problem": ("Problem", "What to look at before the slides are trusted."),
    "first_slides": ("Slides", "Names of the first of them."),
    "slides": ("Slides with tiles", "Slides in which tiles have enough tissue."),
    "patients_with_bulk": ("Patients with bulk RNA-seq", "Patients with tiles who have it too."),
    "positive_genes": ("Genes with r > 0", "Number of genes whose r is positive."),
    "significant_genes": ("Genes with significant r > 0", "Adjusted P of at most 0.05."),
    "significant_negative_genes": ("Genes with significant r < 0", "Adjusted P of at most 0.05."),
    "significant_positive": ("Positive", "Whether r is significantly positive."),
    "significant_negative": ("Negative", "Whether r is significantly negative."),
    "draws": ("Divisions", "Random divisions of the counts."),
    # What a network sees
    "label": ("Label", "The pathologist's label of the spot."),
    "prediction": ("Predicted", "The prediction, in the unit of the targets."),
    "at_baseline": ("At the baseline", "The prediction for the baseline."),
    "difference": ("Difference", "The first minus the second."),
    "attributed": ("Attributed", "Sum of the attributions; should be the difference."),
    "completeness_error": ("Gap", "Share of the difference by which the sum is off."),
    "steps": ("Steps", "Between the baseline and the patch."),
    "complete": ("Adds up", "The gap is at most 5%; do not rely on other patches."),
    "patches": ("Patches", "Number of patches."),
    "patches_with_ratio": ("Patches with a ratio", "Patches with pixels on and off nuclei."),
    "patches_above_1": ("Ratio above 1", "Patches with more attribution on nuclei than off."),
    "nuclear_share": ("Nuclear pixels", "Share of the pixels that lie on nuclei."),
    "attributed_share": (
        "Attribution on nuclei",
        "Share of the total attribution, positive and negative, that lies on nuclei. Above 1 if "
        "that off nuclei is negative in total.",
    ),
    "ratio": (
        "Ratio",
        "Positive attribution per pixel on nuclei divided by that off nuclei; median over patches.",
    ),
    "ratio_negative": ("Ratio, negative", "The same of negative attribution."),
    "ratio_lowest": ("Lowest ratio", "Of any patch."),
    "ratio_highest": ("Highest ratio", "Of any patch."),
    "null": ("By chance", "Mean, with the 95% range, of what chance gives."),
    "split_alone": (
        "Held out, alone",
        "What each run alone holds out together, or in how many parts.",
    ),
    "split_together": ("Held out, together", "The same of the run for all genes."),
    # Protocols
    "users": ("Used by", "Publications with this protocol."),
    "normalisation": ("Measurement", "How counts are normalised before r; c are the counts."),
    "measurement": (
        "Smoothed",
        "Whether measurements are averaged over a spot and its neighbours.",
    ),
    "unit": ("Spots of", "The spots over which r is computed."),
    "over_units": ("Over these", "How r is summarised over patients or sections."),
    "over_genes": ("Over genes", "How r is summarised over genes."),
    "published": ("Published r", "r of ST-Net as the source reports it."),
    "source": ("Source", "Where it stands."),
    "data": ("Data", "The cohort that it is about."),
    "stated": ("Protocol, as stated", "What the source says of it."),
    "here": ("r here", "r of this run's main experiment under the same protocol, if it is known."),
    "one": ("First method", "One of two methods."),
    "other": ("Second method", "The other of them."),
    "first_ahead": (
        "First ahead",
        "Protocols under which the first is surely ahead, of those under which both have an r.",
    ),
    "second_ahead": ("Second ahead", "As first ahead, of the second."),
    "at_paper": ("Ahead in the paper's", "Which is surely ahead under the paper's protocol."),
    "as_compared": (
        "With the mean over genes",
        "The same with the mean over genes in place of the median, as in comparison.html.",
    ),
    "choice": ("Choice", "What protocols differ in."),
    "option": ("Option", "What is chosen; all other choices vary, alike for all options."),
    "at_least": ("k", "Number of patients."),
}
# Correlations, errors and the like: numbers with three decimals.
MEASURES = {
    "r": ("r", "Pearson's correlation."),
    "median_pearson": (
        "Median r",
        "Pearson's r over the spots of a patient; median over patients, and over genes if there "
        "are several.",
    ),
    "mean_pearson": ("Mean r", "Mean of Pearson's r over patients, and over genes."),
    "median_pearson_section": (
        "Median r by section",
        "As median r, within sections and over sections in place of patients.",
    ),
    "median_pearson_smooth": (
        "Median r, smoothed",
        "As median r, with measurements averaged over a spot and its neighbours.",
    ),
    "median_pearson_gain": ("Gain by smoothing", "Median r, smoothed, minus median r."),
    "median_spearman": ("Median Spearman", "As median r, of ranks."),
    "median_partial": (
        "r given depth",
        "As median r, of what is left of prediction and measurement after regression on the ln of "
        "each spot's total counts and its square.",
    ),
    "median_depth": (
        "r of depth",
        "As median r, between the measurement and the ln of the spot's total counts, without a "
        "prediction.",
    ),
    "mean_auroc": (
        "Mean AUROC",
        "Area under the ROC curve of the prediction, for the spots in the top against those in the "
        "bottom quarter of the measurement; mean over patients, and over genes.",
    ),
    "mean_auroc_partial": ("AUROC given depth", "As mean AUROC, of what is left given depth."),
    "mean_auroc_depth": ("AUROC of depth", "As mean AUROC, of the total counts alone."),
    "rmse": (
        "RMSE",
        "Root of the mean squared error over spots and genes, in the unit of the targets.",
    ),
    "mean_r_gain": (
        "Mean r gain",
        "Mean over genes of the median r of the main experiment minus that of this one, over the "
        "same patients.",
    ),
    "lead_pearson": ("Ahead in r", "Median r of the main experiment minus that of this one."),
    "lead_partial": ("Ahead in r given depth", "As ahead in r, of r given depth."),
    **{
        f"{name}_difference": (f"Difference in {of}", "This experiment minus the reference.")
        for name, of in {
            "median_pearson": "median r",
            "median_partial": "r given depth",
            "median_pearson_smooth": "median r, smoothed",
            "median_spearman": "median Spearman",
            "mean_auroc": "mean AUROC",
            "rmse": "RMSE",
        }.items()
    },
    # Ceilings
    "ceiling": ("Ceiling", "Highest r that counts as few as these allow, median over patients."),
    "ceiling_min": ("Lowest ceiling", "Ceiling of the patient in whom it is lowest."),
    "ceiling_max": ("Highest ceiling", "Ceiling of the patient in whom it is highest."),
    "ceiling_error": ("Error of the ceiling", "Standard error by the random division of counts."),
    "share": ("Share", "Median r divided by the ceiling."),
    "median_ceiling": ("Median ceiling", "Median over genes of the ceiling."),
    "signal": ("Signal", "Consistent, with a ceiling above what noise gives."),
    "signal_partial": ("Signal given depth", "The same, given depth."),
    "median_share": (
        "Median share",
        "Median of the share of the ceiling, over genes with a signal.",
    ),
    "largest_error": ("Largest error", "The largest error of a gene's ceiling."),
    "median_ceiling_partial": ("Median ceiling given depth", "As median ceiling, given depth."),
    "median_share_partial": ("Median share given depth", "As median share, given depth."),
    "largest_error_partial": ("Largest error given depth", "As largest error, given depth."),
    "ceiling_partial": ("Ceiling given depth", "As ceiling, of r given depth."),
    "share_partial": ("Share given depth", "r given depth divided by its ceiling."),
    # Latent space
    "ari_mean": ("Adjusted Rand index", "Agreement of clusters and labels; mean over patients."),
    "purity_mean": ("Purity", "Share of spots with their cluster's main label; mean."),
    "purity_sd": ("S.d. of purity", "Sample standard deviation over patients."),
    "majority_mean": ("Larger class", "Share of the spots of the larger class; mean."),
    "purity_gain": ("Purity gained", "Purity minus the share of the larger class; mean."),
    "nearest_r": ("r of the most similar", "Median over genes of the median r over patients."),
    "farthest_r": ("r of the most distinct", "The same of the most distinct neighbour."),
    "neighbour_gain": ("Gain in r", "Most similar minus most distinct; mean over genes."),
    "neighbour_gain_partial": ("Gain given depth", "As gain in r, of r given depth."),
    "neighbour_gain_median": ("Median gain in r", "As gain in r; median over genes."),
    "distance": ("Distance", "On the array to the nearest in latent space, in spot pitches."),
    "random_distance": ("Random distance", "To a random other spot, in spot pitches."),
    "not_adjacent": ("Not adjacent", "Share of nearest in latent space that are not adjacent."),
    # Single genes
    "median_pearson_together": ("r together", "Median r, predicted together with all genes."),
    "median_pearson_alone": ("r alone", "Median r, predicted by a network of its own."),
    "together_minus_alone": ("Difference", "r together minus r alone, over the same patients."),
    "mean_together": ("Mean r together", "Mean over genes of the r together."),
    "mean_difference": ("Mean difference", "Mean over genes of r together minus r alone."),
    # Others
    "mean_r": ("Mean r", "Mean over patients of Pearson's r, with its 95% interval."),
    "mean_partial": ("Mean r given depth", "As mean r, given the spot's total counts."),
    "within_class": (
        "Variance within classes",
        "Share of a patient's variance over spots that remains within tumour and within normal.",
    ),
    "sd_all": ("S.d., all spots", "Standard deviation of log expression over all spots."),
    "sd_tumour": ("S.d., tumour", "The same over tumour spots."),
    "sd_normal": ("S.d., normal", "The same over normal spots."),
    "r_10x": ("r on 10x data", "Pearson's r over the spots of external Visium sections."),
    "pearson": ("r", "Pearson's r over patients, of pseudo-bulk and bulk RNA-seq."),
    "auroc": ("AUROC", "Area under the ROC curve on test patients, with its 95% interval."),
}
# Names that stand in the cells of columns, or are the values of quantities.
VALUES = {
    "transform": {"log_fraction": "log expression", "log_cp10k": "log CP10k"},
    "consistency_rule": {
        "holm": "Holm on the count",
        "t": "BH on the t-test",
        "few": "too few patients",
        "none": "no spots",
    },
}
WORDS = {name: Word(*each) for name, each in ABOUT.items()}
WORDS |= {name: Word(*each, 3) for name, each in MEASURES.items()}
for name in ("gene", "found", "missed", "top_genes", "predicted_genes", "lost_genes"):
    WORDS[name] = WORDS[name]._replace(of_genes=True)

# Tables that are made for pages only may have headings from the start.
BY_HEADING = {each.heading: each for each in WORDS.values()}


def word(name: str) -> Word:
    """Words for a column or quantity. One without words keeps its name, and has no explanation."""
    if name.startswith(PAPER):
        own = word(name.removeprefix(PAPER))
        return own._replace(heading=f"{own.heading}, paper", explanation="The same in the paper.")
    return WORDS.get(name) or BY_HEADING.get(name) or Word(name.replace("_", " "), "")


def said(name: str, value: object) -> object:
    """A value of a column or quantity in words, if it has any."""
    return VALUES.get(name, {}).get(value, value)
