"""The card of a model's file, read without torch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from stnet.core.checksums import open_sealed_json
from stnet.core.errors import InputError, check_system

# Key of the model card in the file's metadata.
CARD = "card"
# Keys of the card and of each of its members.
KEYS = {"experiment", "model", "genes", "engine", "members"}
MEMBER_KEYS = {"view", "recipe", "mean", "sd", "reference", "tensors_sha256"}


def read_card(path: str | Path) -> dict:
    """The model card. Raises InputError if the file is missing, damaged, old or not a model."""
    try:
        with safe_open(path, framework="numpy") as file:
            card = (file.metadata() or {}).get(CARD)
    except FileNotFoundError:
        raise InputError(f"{path}: no such model; name the .safetensors of a trained one") from None
    except (SafetensorError, OSError, ValueError) as error:
        check_system(error, path)
        raise InputError(f"{path}: not a model ({error}); fetch it again") from error
    if card is None:
        raise InputError(
            f"{path}: no model card: not a model file of this workflow; name a file of"
            " results/{cohort}/models/{experiment}"
        )
    found = open_sealed_json(card, path)
    members = found.get("members") or {"": {}}
    if (
        KEYS - found.keys()
        or any(MEMBER_KEYS - each.keys() for each in members.values())
        # The distance of correlated stains, and that beyond which a patch is abstained from.
        or any({"axes", "limit"} - each["reference"]["stain"].keys() for each in members.values())
        or "trained_low" not in found["genes"]  # the range of each gene in training
    ):
        raise InputError(
            f"{path}: an older version wrote it, without all that predictions need; write it again"
            " with this version"
        )
    return found
