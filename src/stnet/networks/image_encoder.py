"""The image alone: features by a network that never saw expression."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stnet.config.engine import Engine
from stnet.networks.architectures import check_side
from stnet.networks.encoders import build_encoder
from stnet.networks.engine import place
from stnet.networks.standardisation import Standardisation
from stnet.slides.windows import fit_side

# Patches are bytes, the constants of encoders are of values from 0 to 1.
WHITE = 255


class Encoder:
    """An encoder on a device (Methods, "fine-tuning the final layer of a Densenet-121 model with
    pre-trained ImageNet weights" of TCGA; as a baseline ours).

    `library`, `architecture`, `options` and `weights` are those of `build_encoder`, `engine` the
    keys of `Engine` on the device; `mean` and `sd`, of values from 0 to 1, are in place of the
    encoder's own constants.
    """

    def __init__(
        self,
        library: str,
        architecture: str,
        options: dict,
        weights: str | Path | None,
        *,
        engine: dict,
        device: str,
        mean: Sequence[float] | None = None,
        sd: Sequence[float] | None = None,
    ):
        encoding = build_encoder(library, architecture, options, weights)
        self._network, self._architecture = encoding.network, architecture
        self.name = Path(weights).stem if weights else "random"
        self.mean, self.sd = list(mean or encoding.mean), list(sd or encoding.sd)
        self._side = encoding.side
        self._forward = place(encoding.network, Engine(**engine), device)
        in_bytes = ([WHITE * value for value in each] for each in (self.mean, self.sd))
        self._standardise = Standardisation(*in_bytes, device)
        self._device = device

    def check_side(self, side: int) -> None:
        """Raise InputError where the encoder takes no patches of `side` pixels."""
        check_side(self._network, self._architecture, self._side or side)

    @torch.inference_mode()
    def features(self, patches: np.ndarray, batch: int) -> np.ndarray:
        """Features float32 (n, features) of patches uint8 (n, side, side, 3), `batch` at a time.

        Patches are as they are, under no symmetry; where the encoder takes a side of its own only,
        they are brought to it (`fit_side`).
        """
        found = []
        # At least one, if an empty one, batch: it has as many features as the others.
        for start in range(0, max(1, len(patches)), batch):
            some = patches[start : start + batch]
            if self._side is not None and len(some):
                some = np.stack([fit_side(patch, self._side) for patch in some])
            part = self._standardise(torch.from_numpy(some).to(self._device))
            found.append(self._forward(part).float())
        return torch.cat(found).cpu().numpy()
