"""Image features from a network that was not trained on expression."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stnet.config.engine import Engine
from stnet.config.memory import prediction_batch
from stnet.networks.architectures import check_side
from stnet.networks.encoders import build_encoder
from stnet.networks.engine import place
from stnet.networks.standardisation import Standardisation
from stnet.slides.windows import fit_side


class Encoder:
    """An encoder on a device.

    `library`, `architecture`, `options` and `weights` are those of `build_encoder`; `engine` has
    the keys of the device's `Engine`. `mean` and `sd`, for values from 0 to 1, replace the
    encoder's own constants.

    Source: Methods, "fine-tuning the final layer of a Densenet-121 model with pre-trained ImageNet
    weights", for TCGA; its use as a baseline is ours.
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
        self._standardise = Standardisation.of_unit(self.mean, self.sd, device)
        self._device = device

    def check_side(self, side: int) -> None:
        """Raise InputError if the encoder does not accept patches of `side` pixels."""
        check_side(self._network, self._architecture, self._side or side)

    @torch.inference_mode()
    def features(self, patches: np.ndarray, batch: int) -> np.ndarray:
        """Features float32 (n, features) of patches uint8 (n, side, side, 3), `batch` at a time.

        Large patches are taken fewer at a time (`prediction_batch`).

        There is no averaging over symmetries. If the encoder requires a certain side, patches are
        resized to it (`fit_side`).
        """
        found = []
        batch = prediction_batch(batch, self._side or patches.shape[1])
        # Without patches, one empty batch gives an array with the right number of features.
        for start in range(0, max(1, len(patches)), batch):
            some = patches[start : start + batch]
            if self._side is not None:
                fitted = np.empty((len(some), self._side, self._side, 3), dtype=np.uint8)
                for number, patch in enumerate(some):
                    fitted[number] = fit_side(patch, self._side)
                some = fitted
            part = self._standardise(torch.tensor(some, device=self._device))
            found.append(self._forward(part).float())
        return torch.cat(found).cpu().numpy()
