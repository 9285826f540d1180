"""The card of a model's file, read without torch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from stnet.core.checksums import open_sealed_json
from stnet.core.errors import InputError, check_system

# Key of the model card in the file's metadata.
CARD = "card"


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
    if "trained_low" not in found["genes"]:
        raise InputError(
            f"{path}: an older version wrote it, without the range of each gene in training; write"
            " it again with this version"
        )
    return found
