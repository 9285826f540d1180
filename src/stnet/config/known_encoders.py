"""Encoders that the project knows, and rows that use their weights in another way."""

from pathlib import Path
from typing import Any

import yaml

from stnet.config.base import Row
from stnet.config.faults import fault, show
from stnet.config.features import EncoderFeatures
from stnet.config.names import IMAGENET, RANDOM
from stnet.core.checkout import CHECKOUT

RECIPES = CHECKOUT / "config/encoders.yaml"
# The option that is a choice of the user.
POOLING = "global_pool"


def read_recipes() -> dict[str, EncoderFeatures]:
    """The rows of `config/encoders.yaml`."""
    rows = yaml.safe_load(RECIPES.read_text(encoding="utf-8"))["features"]
    return {name: EncoderFeatures.model_validate(row) for name, row in rows.items()}


def check_encoders(rows: dict[str, Row]) -> None:
    """Compare the rows of features that use a known encoder's weights with its recipe.

    A row does so if it has the recipe's `model_card`, or if its file or the folder of that file has
    the encoder's name, unless `model_card` is null. Further options are allowed. Raises InputError
    naming the key that differs. Source: ours.
    """
    own = {
        name: keys
        for name, keys in rows.items()
        if keys.kind == "encoder" and keys.weights not in (IMAGENET, RANDOM)
    }
    # Only configurations with such rows pay for reading the recipes.
    known = read_recipes() if own else {}
    for name, keys in own.items():
        stated = {recipe for recipe, of in known.items() if keys.model_card == of.model_card}
        named = {recipe for recipe, of in known.items() if _is_named(keys, recipe, of)}
        # A folder may be named after another encoder than the file in it.
        for recipe in stated if stated & named else stated | named:
            _compare(f"features.{name}", keys, recipe, known[recipe])


def _is_named(keys: EncoderFeatures, recipe: str, of: EncoderFeatures) -> bool:
    """Whether the path of the weights names an encoder, and the row does not deny it."""
    if "model_card" in keys.model_fields_set and keys.model_card is None:
        return False
    path = Path(keys.weights)
    # The cache of Hugging Face has folders like models--MahmoodLab--UNI2-h.
    cached = (part.split("--")[-1] for part in path.parts if part.startswith("models--"))
    names = {name.casefold() for name in (path.stem, path.parent.name, *cached)}
    return not names.isdisjoint({recipe, Path(of.model_card).name.casefold()})


def _compare(where: str, keys: EncoderFeatures, recipe: str, of: EncoderFeatures) -> None:
    found = _facts(keys)
    for key, expected in _facts(of).items():
        if found.get(key) != expected:
            raise fault(
                f"{where}.{key}",
                f"{show(found.get(key))} is not that of {of.model_card}, {show(expected)}; inherit"
                f" from {recipe} of config/encoders.yaml and leave it out, or set model_card: null",
            )


def _facts(keys: EncoderFeatures) -> dict[str, Any]:
    """What the weights were trained with, by dotted key. timm ignores the case of a layer's name.

    A wrong value of these may load, and gives other features.
    """
    facts = {key: getattr(keys, key) for key in ("library", "architecture", "mean", "sd")}
    facts |= {f"options.{key}": each for key, each in keys.options.items() if key != POOLING}
    return {key: each.casefold() if isinstance(each, str) else each for key, each in facts.items()}
