"""Heavy modules, imported at first use: `--help` and a usage error answer at once."""

import importlib
import os
import sys

from digits import UserError
from digits.quiet import native_stderr_silenced


class LazyModule:
    """Stands for a module, which is imported when one of its names is first used.

    Raises UserError if its package is not installed.
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        if self._name not in sys.modules:
            self._import()
        return getattr(sys.modules[self._name], attribute)

    def _import(self):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with native_stderr_silenced():
                importlib.import_module(self._name)
        except ModuleNotFoundError as error:
            raise UserError(
                f"the package {error.name} is missing; pip install -r requirements.txt"
            ) from error
