"""Weights in safetensors files, with a checksum in the metadata."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stnet.core.atomic import atomic_path
from stnet.core.checksums import Damaged

# Key of the checksum in the metadata.
KEY = "tensors_sha256"


def tensors_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, types, shapes and values of tensors on the CPU."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def write_tensors(path: str | Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write tensors, which must be contiguous and on the CPU, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(state), {KEY: tensors_sha256(state)}))


def read_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises Damaged if it is none, or if `write_tensors` wrote it and a tensor has changed since.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise Damaged(path, error) from error
    if KEY in metadata and metadata[KEY] != tensors_sha256(state):
        raise Damaged(path, "its checksum does not match its content")
    return state


def are_finite(state: Mapping[str, torch.Tensor]) -> bool:
    """Whether no tensor has an infinite or undefined value."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in state.values())
