"""Download torchvision's ImageNet weights."""

from pathlib import Path

import torch

from stnet.core.atomic import writing
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.core.locks import held
from stnet.networks.tensors import write_tensors
from stnet.networks.vision import models
from stnet.sources.download import download


def imagenet_weights(architecture: str) -> models.WeightsEnum:
    """torchvision's ImageNet weights of an architecture; raises InputError if there are none."""
    try:
        return models.get_model_weights(architecture)["IMAGENET1K_V1"]
    except (ValueError, KeyError) as error:
        raise InputError(f"weights: no ImageNet weights of {architecture} ({error})") from error


def download_imagenet(architecture: str, output: str | Path) -> None:
    """Write torchvision's ImageNet weights (IMAGENET1K_V1) of an architecture as safetensors.

    torchvision's own download has no limit of time or length, so the file is put where torchvision
    looks for it. Its name has the beginning of its SHA-256. Layer names are torchvision's; the
    ImageNet classifier is included.

    Args:
        architecture: torchvision's name.
        output: safetensors.

    Raises:
        InputError: there are no such weights, or the download fails.

    Source: ours.
    """
    weights = imagenet_weights(architecture)
    path = Path(torch.hub.get_dir(), "checkpoints", weights.url.rpartition("/")[2])
    begin = path.stem.rpartition("-")[2]

    def check(found: Path) -> None:
        sha256 = file_sha256(found)
        if not sha256.startswith(begin):
            raise InputError(f"{found}: its sha256 is {sha256}, which does not begin with {begin}")

    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # All runs of a user share this folder.
            with held(path.parent, wait=True):
                if not (path.is_file() and file_sha256(path).startswith(begin)):
                    download(weights.url, path, expected=None, size=None, check=check)
    except InputError as error:
        raise InputError(
            f"weights: the ImageNet weights of {architecture} cannot be downloaded ({error});"
            " download the file elsewhere and give its path as the experiment's weights"
        ) from error
    write_tensors(output, models.get_model(architecture, weights=weights).state_dict())
