"""The image alone: features of a network that never saw expression, as a baseline for subtypes."""

from pathlib import Path

import numpy as np
import torch

from stnet.models.architectures import build_network, keep_features
from stnet.models.weights import load_weights
from stnet.training.engine import Engine
from stnet.training.standardisation import Standardisation

# ImageNet's constants, those of the encoder's own training, in 0 … 255.
MEAN, SD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


class Encoder:
    """A network of torchvision up to its last layer (Methods, "fine-tuning the final layer of a
    Densenet-121 model with pre-trained ImageNet weights").

    `weights` is a file as `load_weights` takes it, or None for random ones; `engine` are the keys
    of `Engine` on the device.
    """

    def __init__(
        self,
        architecture: str,
        options: dict,
        weights: str | Path | None,
        *,
        engine: dict,
        device: str,
    ):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = build_network(architecture, options, 1)
        if weights is not None:
            load_weights(network, weights)
        keep_features(network)
        self.name = Path(weights).stem if weights else "random"
        self._forward = Engine(**engine).place(network.eval(), device)
        self._standardise = Standardisation(MEAN, SD, device)
        self._device = device

    @torch.inference_mode()
    def features(self, patches: np.ndarray, batch: int) -> np.ndarray:
        """Features (n, features) of patches uint8 (n, side, side, 3), `batch` at a time."""
        parts = torch.from_numpy(patches).to(self._device).split(batch)
        found = [self._forward(self._standardise(part))[:, 1:] for part in parts]
        return torch.cat(found).cpu().numpy()
