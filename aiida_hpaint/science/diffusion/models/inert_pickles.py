"""Reader of the plain data in pickles: nothing that a pickle names is imported or called.

A pickle is a program that says which functions to call with which arguments. Here each name in it
is mapped either to one of the few builders of the caller, or to an `InertObject`, which stores its
state and does nothing. Files may therefore contain objects of packages that are not installed, and
malicious files do no harm.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from aiida_hpaint.science.diffusion.models.cards import CheckpointError

Builders = Mapping[str, Callable[..., Any]]
"""Function to call for each name, such as `torch._utils._rebuild_tensor_v2`."""

_HARMLESS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
}
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # names of Python 2 and of protocol 2
# fmt: off
_ALARMING_MODULES = {
    "_pickle", "_posixsubprocess", "asyncio", "bdb", "cProfile", "code", "codeop", "commands",
    "ctypes", "ftplib", "http", "imp", "importlib", "marshal", "multiprocessing", "nt", "os",
    "pdb", "pickle", "platform", "posix", "profile", "pty", "pydoc", "runpy", "shutil",
    "smtplib", "socket", "subprocess", "sys", "tempfile", "timeit", "trace", "urllib",
    "webbrowser", "zipimport",
}
# fmt: on
_ALARMING_BUILTINS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open"}


class InertObject:
    """Placeholder of an object that is not rebuilt.

    Attributes
    ----------
    path
        Name of its class, such as `omegaconf.dictconfig.DictConfig`.
    state
        Argument of its `__setstate__`.
    """

    path = ""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.state: Any = None

    def __call__(self, *arguments: Any, **keywords: Any) -> InertObject:
        """Return the object itself."""
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore an entry of an object that behaves like a mapping."""

    def append(self, item: Any) -> None:
        """Ignore an item of an object that behaves like a list."""

    def add(self, item: Any) -> None:
        """Ignore an item of an object that behaves like a set."""


class InertUnpickler(pickle.Unpickler):
    """Unpickler of plain data, and of the names that have a builder.

    Parameters
    ----------
    stream
        Stream with the pickle.
    builders
        Functions for names that the caller knows to be harmless.
    load_record
        Function for references to data outside the pickle.
    """

    def __init__(
        self, stream: BinaryIO, builders: Builders, load_record: Callable[[Any], Any]
    ) -> None:
        super().__init__(stream)
        self._builders = {**_HARMLESS, **builders}
        self._load_record = load_record
        self.inert: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Return the builder or placeholder for a name, which is never imported.

        Raises
        ------
        CheckpointError
            For names that no checkpoint needs, such as `os.system`.
        """
        module = _RENAMED.get(module, module)
        path = f"{module}.{name}"
        if path in self._builders:
            return self._builders[path]
        if _alarming(module, name):
            raise CheckpointError(
                f"it tries to call {path} when it is read, which no checkpoint needs. It was not "
                "called; do not use this file, and inform its source"
            )
        self.inert.add(path)
        return type(name, (InertObject,), {"path": path})

    def persistent_load(self, reference: Any) -> Any:
        """Return the data that a reference points to, outside the pickle."""
        return self._load_record(reference)


def _alarming(module: str, name: str) -> bool:
    if module == "builtins":
        return name in _ALARMING_BUILTINS
    return module.partition(".")[0] in _ALARMING_MODULES


def to_plain_data(value: Any) -> Any:
    """Reduce a value to dictionaries, lists and plain values, also inside OmegaConf containers.

    Objects of other classes become None.
    """
    if isinstance(value, InertObject):
        return _plain_omegaconf(value)
    if isinstance(value, dict):
        return {key: to_plain_data(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_data(entry) for entry in value]
    return value if value is None or isinstance(value, str | int | float | bool) else None


def _plain_omegaconf(value: InertObject) -> Any:
    if not value.path.startswith("omegaconf.") or not isinstance(value.state, dict):
        return None
    return to_plain_data(value.state.get("_content", value.state.get("_val")))
