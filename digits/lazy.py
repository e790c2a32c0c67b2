"""Heavy modules, imported at first use: `--help` and a usage error answer at once."""

import importlib
import os
import sys

from digits.quiet import native_stderr_silenced


class LazyModule:
    """Stands for a module, which is imported when one of its names is first used."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        if self._name not in sys.modules:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            with native_stderr_silenced():
                importlib.import_module(self._name)
        return getattr(sys.modules[self._name], attribute)
