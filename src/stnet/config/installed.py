"""Architectures of the installed timm and torchvision, which take seconds to import."""

import re
import sys
from functools import cache
from pathlib import Path

from stnet.core.suggest import suggest

# Ours, of torchvision's DenseNet class.
OWN = "densenet"
# What the libraries register: functions after a decorator, with others between.
REGISTERED = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
UNTRAINED = ".untrained"


@cache
def missing_architecture(library: str, name: str, *, pretrained: bool) -> str:
    """What a library lacks of an architecture, with a suggestion, or "".

    It is "" too if the library is not installed here. An architecture of timm may have a tag, as in
    `vit_base_patch16_224.dino`. With `pretrained`, it must have weights that the library downloads.
    Every function and quoted name passes, so that no name is refused that the library may know.
    Source: ours.
    """
    text = _source(library)
    plain, _, tag = name.partition(".")
    if not text or name == OWN:
        return ""
    tags = set(re.findall(rf"['\"]{re.escape(plain)}(\.\w+|)['\"]", text))
    if not tags and f"\ndef {plain}(" not in text:
        return f"no {plain} in {library}{suggest(plain, REGISTERED.findall(text))}"
    if tag and not re.search(rf"\.{re.escape(tag)}['\"]", text):
        return f"no {name} in {library}{suggest(name, [plain + each for each in tags])}"
    if pretrained and tags - {""} == {UNTRAINED}:
        return f"{library} has no weights of {name}; name a file of weights"
    return ""


@cache
def _source(library: str) -> str:
    """The code of a library's architectures; empty if it is not installed."""
    for folder in sys.path:
        if files := sorted(Path(folder, library, "models").glob("**/*.py")):
            return "\n".join(each.read_text(encoding="utf-8") for each in files)
    return ""
