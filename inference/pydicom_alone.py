"""Imported before pydicom, which then does without GDCM: that runs in a process of its own (`gdcm_frame`).

pydicom imports every decoder that is installed, and of the process that serves GDCM takes 16 MiB for nothing.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_modules: dict[str, Any] = sys.modules
if "gdcm" not in _modules:
    _modules["gdcm"] = None  # importing it raises ImportError, as if it were not installed
    try:
        import_module("pydicom.pixels")
    finally:
        del _modules["gdcm"]

#: The transfer syntaxes that GDCM decodes; none where it is not installed.
GDCM_SYNTAXES: frozenset[str] = frozenset(
    import_module("pydicom.pixels.decoders.gdcm").DECODER_DEPENDENCIES if find_spec("gdcm") else ()
)
