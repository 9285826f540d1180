"""Names of a vision transformer's layers in the libraries transformers and timm."""

import re

import torch

# transformers' names, of ViTModel and of Dinov2Model, and timm's, in the order of replacement.
NAMES = {
    r"^embeddings\.cls_token$": "cls_token",
    r"^embeddings\.position_embeddings$": "pos_embed",
    r"^embeddings\.patch_embeddings\.projection\.": "patch_embed.proj.",
    r"^layernorm\.": "norm.",
    r"^encoder\.layer\.": "blocks.",
    r"\.layernorm_before\.": ".norm1.",
    r"\.layernorm_after\.": ".norm2.",
    r"\.attention\.output\.dense\.": ".attn.proj.",
    r"\.intermediate\.dense\.": ".mlp.fc1.",
    r"\.output\.dense\.": ".mlp.fc2.",
    r"\.layer_scale([12])\.lambda1$": r".ls\1.gamma",
    r"\.attention\.attention\.query\.": ".attn.qkv.",
}
# Layers without a part in the features (what replaces masked patches in training, and a second
# head), and those that join the queries in one layer of timm.
LEFT_OUT = re.compile(r"embeddings\.mask_token$|pooler\.|.*\.attention\.attention\.(key|value)\.")
PARTS = ("query", "key", "value")


def with_names_of_timm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict of transformers' ViTModel or Dinov2Model with timm's names of layers.

    Queries, keys and values become one layer. Layers with other names keep them.
    """
    found = {}
    for name, value in state.items():
        if LEFT_OUT.match(name):
            continue
        if ".attention.attention.query." in name:
            parts = [state.get(name.replace("query", part)) for part in PARTS]
            # An incomplete file is refused for the layers that it lacks.
            if any(part is None for part in parts):
                continue
            value = torch.cat(parts)
        for of_transformers, of_timm in NAMES.items():
            name = re.sub(of_transformers, of_timm, name)
        found[name] = value
    return found
