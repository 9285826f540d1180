"""torchvision's networks, imported without torch's compiler, which takes as long as torch itself.

torchvision imports the compiler for one function, which layers of its detection networks call.
"""

import sys
from types import ModuleType

COMPILER = "torch._dynamo.utils"


def _is_compile_supported(device: str) -> bool:
    from torch._dynamo import utils

    return utils.is_compile_supported(device)


_stand_in = ModuleType(COMPILER)
_stand_in.is_compile_supported = _is_compile_supported
_is_needed = sys.modules.setdefault(COMPILER, _stand_in) is _stand_in
try:
    from torchvision import models
finally:
    if _is_needed:
        del sys.modules[COMPILER]

__all__ = ["models"]
