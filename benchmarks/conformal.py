"""How often intervals for new patients cover, and how wide they are: tables for docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py simulated [--cohorts 100]
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py shifted [--cohorts 3]
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py measured PREDICTIONS...

`simulated`: expression of 20 genes in 60 spots of a patient is a linear function of 10 features, a
shift of the patient (s.d. 0.5) and noise of the patient's own s.d. (0.5 to 1.5). Ridge regression
is fitted without each patient, for the errors, and to all patients, for the predictions of 200 new
ones. `shifted` draws images of 23 patients and of 20 new ones, and ridge regression predicts from
colours and structure of their patches. Then the new patients' images are stained as 30 other
laboratories might, and what is measured stays. Expression depends `strength` times as much on the
stain as on structure. Stains of patients are causes of it, or, `mixed`, differ for no reason in the
tissue. `measured` has half-widths from all but one patient of an experiment's held-out predictions,
and what they cover in that one.
"""

import argparse
import itertools

import anndata as ad
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from stnet.config.levels import LEVELS
from stnet.evaluation.conformal import column, half_widths
from stnet.evaluation.held_out import read_predictions
from stnet.inference.training_distance import PatchStatistics, stain
from stnet.networks.recolouring import recolour
from stnet.simulation.fields import CELL, Tissue, composition, stream
from stnet.simulation.histology import draw
from stnet.slides.colours import STAINS

N_PATIENTS = [3, 5, 9, 15, 23]
N_NEW, SPOTS, FEATURES, GENES = 200, 60, 10, 20
# Of `shifted`: patients, patches of each in a square of so many, and their side in pixels.
N_TRAINED, N_UNSEEN, GRID, SIDE, SEED = 23, 20, 6, 64, 11
N_PATCHES = GRID**2


def simulate(
    random: np.random.Generator, n_patients: int, effects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features and expression of the patients, (patients, spots, features or genes)."""
    shape = n_patients, SPOTS
    features = random.normal(size=(*shape, FEATURES)) + random.normal(size=(n_patients, 1, 1)) / 2
    noise = random.uniform(0.5, 1.5, size=(n_patients, 1, 1)) * random.normal(size=(*shape, GENES))
    shift = 0.5 * random.normal(size=(n_patients, 1, GENES))
    return features, features @ effects + shift + noise


def fit_predict(features: np.ndarray, expression: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predictions of `new` by ridge regression on the patients' spots."""
    model = Ridge(10).fit(features.reshape(-1, FEATURES), expression.reshape(-1, GENES))
    return model.predict(new.reshape(-1, FEATURES))


def held_out(features: np.ndarray, expression: np.ndarray) -> ad.AnnData:
    """Held-out predictions of each patient by a regression on the others."""
    n = len(features)
    predicted = [
        fit_predict(np.delete(features, i, 0), np.delete(expression, i, 0), features[i])
        for i in range(n)
    ]
    names = np.repeat(np.arange(n), SPOTS).astype(str)
    obs = pd.DataFrame({"patient": names}, [str(i) for i in range(n * SPOTS)])
    spots = ad.AnnData(np.concatenate(predicted), obs=obs)
    spots.layers["observed"] = expression.reshape(-1, GENES)
    return spots


def simulated(n_cohorts: int) -> pd.DataFrame:
    """Coverage and half-width of each cohort, level and number of patients."""
    rows = []
    for n_patients in N_PATIENTS:
        random = np.random.default_rng([2, n_patients])
        for _ in range(n_cohorts):
            effects = random.normal(size=(FEATURES, GENES)) / 3
            cohort = simulate(random, n_patients, effects)
            half = half_widths(held_out(*cohort))
            new, truth = simulate(random, N_NEW, effects)
            error = np.abs(truth.reshape(-1, GENES) - fit_predict(*cohort, new))
            rows += [(f"{n_patients} patients", *row) for row in covered(error, half)]
    return pd.DataFrame(rows, columns=["of", "level", "coverage", "half_width"])


def shifted(n_cohorts: int) -> pd.DataFrame:
    """Shares covered, abstained from and either, without a shift and under the worst; width."""
    own, common = (torch.from_numpy(np.stack(each)) for each in draw_patients())
    patients = np.repeat(np.arange(N_TRAINED + N_UNSEEN), N_PATCHES)
    trained = patients < N_TRAINED
    training = PatchStatistics.of(stain(own[trained]), patients[trained], correlated=True)
    images = {"none": own[~trained], **planted(own[~trained])}
    away = {}
    for name, patches in images.items():
        image, patch = training.relative(stain(patches))
        far = np.median(image.reshape(N_UNSEEN, N_PATCHES), axis=1) > 1
        away[name] = (patch > 1) | np.repeat(far, N_PATCHES)
    seen, as_common = features(own), features(common)
    recoloured = features(recolour(own[trained], np.random.default_rng(0)))
    new = {name: features(patches) for name, patches in images.items()}
    rows = []
    for strength, mixed in itertools.product((1, 3), (False, True)):
        causes = as_common if mixed else seen
        of = strength, ("mixed" if mixed else "")
        for cohort in range(n_cohorts):
            measurement = measure(np.random.default_rng([9, cohort]), causes, patients, strength)
            half = half_widths_of(seen[trained], recoloured, measurement[trained], patients)
            model = fit(seen[trained], measurement[trained])
            for (name, values), level in itertools.product(new.items(), (0.9, 0.8)):
                error = np.abs(measurement[~trained] - model.predict(values))
                for method, widths in half.items():
                    covered = error <= widths[column(level)].to_numpy()
                    either = (covered | away[name][:, None]).mean()
                    found = (
                        covered.mean(),
                        away[name].mean(),
                        either,
                        widths[column(level)].median(),
                    )
                    rows.append((level, *of, method, name, *found))
    values = ["covered", "left", "either", "half_width"]
    keys = ["level", "strength", "stains", "errors"]
    table = pd.DataFrame(rows, columns=[*keys, "shift", *values])
    table = table.groupby([*keys, "shift"], sort=False).mean().reset_index()
    worst = table.loc[table.groupby(keys, sort=False)["either"].idxmin()].drop(columns="half_width")
    clean = table[table["shift"] == "none"].drop(columns="shift")
    return clean.merge(worst, on=keys, suffixes=("", "_worst"))


def draw_patients() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Patches (64, 64, 3) of all patients in their own stain, and the same tissue in one stain."""
    own, common = [], []
    for number in range(N_TRAINED + N_UNSEEN):
        name = f"P{number}"
        size = GRID * SIDE
        cells = [-(-size // CELL)] * 2
        fields = composition(stream(SEED, "tissue", name), stream(SEED, "patient", name), cells)
        tissue = Tissue((size, size), np.full(cells, np.float32(size)), **fields)
        for patches, patient in ((own, name), (common, "common")):
            image = draw(SEED, patient, name, tissue).reshape(GRID, SIDE, GRID, SIDE, 3)
            patches.extend(image.swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3))
    return own, common


def planted(patches: torch.Tensor) -> dict[str, torch.Tensor]:
    """The patches in the stain of 30 other laboratories."""
    density = -torch.log((patches.float() + 1) / 256)

    def stained(mixing: np.ndarray) -> torch.Tensor:
        light = torch.exp(-density @ torch.from_numpy(mixing).float())
        return (256 * light - 1).round().clamp(0, 255).byte()

    found = {}
    dyes = {"both dyes": [0, 1, 2], "haematoxylin": [0], "eosin": [1]}
    for (name, which), factor in itertools.product(dyes.items(), (0.5, 0.7, 0.85, 1.3, 2)):
        factors = np.ones((3, 1))
        factors[which] = factor
        found[f"{name} x {factor}"] = stained(np.linalg.inv(STAINS) @ (factors * STAINS))
    for change in (-0.2, -0.1, 0.05, 0.1, 0.15):
        found[f"hue {change}"] = stained(np.diag([1 + change, 1, 1 - change]))
    for (name, channel), factor in itertools.product(
        (("red", 0), ("blue", 2)), (0.6, 0.7, 0.8, 0.9, 0.95)
    ):
        gains = torch.ones(3)
        gains[channel] = factor
        found[f"{name} x {factor}"] = (gains * patches).round().byte()
    return found


def features(patches: torch.Tensor) -> np.ndarray:
    """Stain (6) of each patch, and quantiles and roughness of the amounts of both dyes (10)."""
    parts = []
    for some in patches.split(500):
        density = -np.log((some.numpy() + np.float32(1)) / 256)
        amounts = density @ np.linalg.inv(STAINS)[:, :2].astype(np.float32)
        quantiles = np.quantile(amounts, [0.1, 0.5, 0.9, 0.98], axis=(1, 2))
        rough = np.abs(np.diff(amounts, axis=1)).mean(axis=(1, 2))
        parts.append(np.concatenate([stain(some), *quantiles, rough], axis=1))
    return np.concatenate(parts)


def measure(
    random: np.random.Generator, causes: np.ndarray, patients: np.ndarray, strength: float
) -> np.ndarray:
    """Expression (spots, genes): linear in the causes, with a patient's own shift and noise."""
    effects = random.normal(size=(causes.shape[1], GENES)) / np.sqrt(causes.shape[1])
    effects[:6] *= strength
    n_patients = patients.max() + 1
    shift = 0.5 * random.normal(size=(n_patients, GENES))
    noise = random.uniform(0.5, 1.5, size=(n_patients, 1))
    scaled = (causes - causes.mean(axis=0)) / causes.std(axis=0)
    random_part = noise[patients] * random.normal(size=(len(patients), GENES))
    return scaled @ effects + shift[patients] + random_part


def fit(values: np.ndarray, measurement: np.ndarray) -> Pipeline:
    """Ridge regression on standardised features."""
    return make_pipeline(StandardScaler(), Ridge(10)).fit(values, measurement)


def half_widths_of(
    values: np.ndarray, recoloured: np.ndarray, measurement: np.ndarray, patients: np.ndarray
) -> dict[str, pd.DataFrame]:
    """Half-widths by errors in held-out patches as they are, and in recoloured ones, too."""
    patients = patients[: len(values)]
    obs = pd.DataFrame({"patient": patients.astype(str)}, map(str, range(len(values))))
    spots = ad.AnnData(np.empty_like(measurement), obs=obs)
    spots.layers["observed"], spots.layers["recoloured"] = measurement, spots.X.copy()
    for patient in range(N_TRAINED):
        own = patients == patient
        model = fit(values[~own], measurement[~own])
        spots.X[own] = model.predict(values[own])
        spots.layers["recoloured"][own] = model.predict(recoloured[own])
    wider = half_widths(spots)
    del spots.layers["recoloured"]
    return {"plain": half_widths(spots), "recoloured": wider}


def measured(paths: list[str]) -> pd.DataFrame:
    """Coverage in each patient of an experiment by half-widths from the others."""
    spots = read_predictions(paths)
    patients = spots.obs["patient"].astype(str)
    error = np.abs(spots.layers["observed"] - spots.X)
    rows = []
    for name in sorted(set(patients)):
        own = (patients == name).to_numpy()
        rows += [(name, *row) for row in covered(error[own], half_widths(spots[~own]))]
    return pd.DataFrame(rows, columns=["of", "level", "coverage", "half_width"])


def covered(error: np.ndarray, half: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Level, coverage and median half-width of the genes; NaN without intervals."""
    rows = []
    for level in LEVELS:
        widths = half[column(level)].to_numpy()
        some = np.isfinite(widths).all()
        share = float((error <= widths).mean()) if some else np.nan
        rows.append((level, share, float(np.median(widths))))
    return rows


def main() -> None:
    """Print the table of the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["simulated", "shifted", "measured"])
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--cohorts", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.part == "shifted":
        print(shifted(arguments.cohorts).to_string(index=False, float_format="%.3f"))
        return
    is_simulated = arguments.part == "simulated"
    table = simulated(arguments.cohorts) if is_simulated else measured(arguments.paths)
    means = table.groupby(["of", "level"], sort=False).mean().unstack("level")
    print(means.to_string(float_format="%.3f"))
    print(table.groupby("level")[["coverage", "half_width"]].mean().to_string())


if __name__ == "__main__":
    main()
