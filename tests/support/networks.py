"""A small network, a plain engine, and a recipe of two quick epochs."""

from stnet.config.recipe import Recipe

PLAIN = {"channels_last": False, "precision": "float32", "compile": False, "prediction_batch": 4}
SMALL = {"growth_rate": 4, "block_config": (1, 1, 1, 1), "num_init_features": 8}


def recipe(**changes):
    keys = {
        "architecture": "densenet",
        "architecture_options": SMALL,
        "weights": None,
        "trained": "all",
        "loss": "sum",
        "learning_rate": 1e-3,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "batch_size": 4,
        "epochs": 2,
        "inner_folds": 0,
        "statistics_batches": 0,
        "seed": 3,
        "engine": PLAIN,
    }
    return Recipe(**{**keys, **changes})
