"""Pickles read for their data alone: nothing that they name is imported or called.

A pickle is a program: it says which functions to call with which arguments. Here each name in it
stands for something of ours, either one of the few builders that the caller offers or an `Inert`,
which keeps what it is given and does nothing. So a file may hold objects of packages that are not
installed, and a harmful one harms nobody.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from aiida_hpaint.science.diffusion.models.cards import CheckpointError

Builders = Mapping[str, Callable[..., Any]]
"""What to call for a name, such as `torch._utils._rebuild_tensor_v2`."""

_HARMLESS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
}
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # as Python 2 and protocol 2 say
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
    """Stands for an object that is not rebuilt.

    Attributes
    ----------
    path
        Of its class, such as `omegaconf.dictconfig.DictConfig`.
    state
        What its `__setstate__` would have been given.
    """

    path = ""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.state: Any = None

    def __call__(self, *arguments: Any, **keywords: Any) -> InertObject:
        """Calling it gives nothing new."""
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Objects that behave like a mapping are filled this way."""

    def append(self, item: Any) -> None:
        """Objects that behave like a list are filled this way."""

    def add(self, item: Any) -> None:
        """Objects that behave like a set are filled this way."""


class InertUnpickler(pickle.Unpickler):
    """Rebuilds plain data, and by `builders` what the caller knows to be harmless.

    Parameters
    ----------
    stream
        The pickle.
    builders
        Called for the names that they are listed under.
    load_record
        Called for references to data outside of the pickle.
    """

    def __init__(
        self, stream: BinaryIO, builders: Builders, load_record: Callable[[Any], Any]
    ) -> None:
        super().__init__(stream)
        self._builders = {**_HARMLESS, **builders}
        self._load_record = load_record
        self.inert: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Our own stand-in for a name; it is never looked up.

        Raises
        ------
        CheckpointError
            For names that only a program would have a use for.
        """
        module = _RENAMED.get(module, module)
        path = f"{module}.{name}"
        if path in self._builders:
            return self._builders[path]
        if _alarming(module, name):
            raise CheckpointError(
                f"it wants {path} called while it is read, which no checkpoint needs. It was not "
                "called; do not use this file, and tell those you have it from"
            )
        self.inert.add(path)
        return type(name, (InertObject,), {"path": path})

    def persistent_load(self, reference: Any) -> Any:
        """What a reference to data outside of the pickle stands for."""
        return self._load_record(reference)


def _alarming(module: str, name: str) -> bool:
    if module == "builtins":
        return name in _ALARMING_BUILTINS
    return module.partition(".")[0] in _ALARMING_MODULES


def to_plain_data(value: Any) -> Any:
    """Dictionaries, lists and plain values, those inside OmegaConf containers as well.

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
