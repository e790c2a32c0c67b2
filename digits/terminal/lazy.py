"""Heavy modules that are imported at first use, so that `--help` answers at once."""

import importlib
import os
import sys
from typing import Any

from digits import UserError
from digits.terminal.quiet import native_stderr_silenced


class LazyModule:
    """Stands for the module `name`, which is imported when an attribute is first used.

    Raises UserError then, with the command that installs it, if its package is missing.
    """

    def __init__(self, name: str, install: str = "pip install -r requirements.txt"):
        self._name, self._install = name, install

    def __getattr__(self, attribute: str) -> Any:
        if self._name not in sys.modules:
            self._import()
        return getattr(sys.modules[self._name], attribute)

    def _import(self):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fatal errors only
        try:
            with native_stderr_silenced():
                importlib.import_module(self._name)
        except ModuleNotFoundError as error:
            raise UserError(
                f"the package {error.name} is missing; {self._install}"
            ) from error
