"""References inside a Hydra configuration, as OmegaConf writes them: ${a.b} and ${..b}."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_LINK = re.compile(r"\$\{(\.*)([\w.-]+)\}")
_DEEPEST = 20

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Unresolved:
    """A value that only the program that wrote the configuration can compute."""

    place: str
    text: str


def resolve(config: Any) -> Any:
    """The configuration with its references filled in.

    References to the value at another key are followed, absolute ones and relative ones. What
    computes (`${eval:...}`), asks the environment, is missing (`???`) or leads nowhere becomes
    an `Unresolved`, which harms only those who need it.
    """
    return _filled(config, config, (), 0)


def _filled(value: Any, root: Any, place: Place, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _filled(entry, root, (*place, key), depth) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, root, (*place, index), depth) for index, entry in enumerate(value)]
    if isinstance(value, str) and ("${" in value or value == "???"):
        return _followed(value, root, place, depth)
    return value


def _followed(text: str, root: Any, place: Place, depth: int) -> Any:
    unresolved = Unresolved(".".join(map(str, place)), text)
    if depth > _DEEPEST or "${" in _LINK.sub("", text) or text == "???":
        return unresolved
    whole = _LINK.fullmatch(text)
    if whole:
        found = _target(whole, root, place, depth)
        return unresolved if isinstance(found, Unresolved) else found
    parts = {match[0]: _target(match, root, place, depth) for match in _LINK.finditer(text)}
    if any(isinstance(part, Unresolved | dict | list) for part in parts.values()):
        return unresolved
    for link, part in parts.items():
        text = text.replace(link, str(part))
    return text


def _target(link: re.Match[str], root: Any, place: Place, depth: int) -> Any:
    """The value that a reference leads to; one dot means the mapping that the reference is in."""
    dots, path = link.groups()
    start = place[: max(len(place) - len(dots), 0)] if dots else ()
    target: Place = (*start, *path.split("."))
    value = root
    for key in target:
        if isinstance(value, list) and str(key).isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return Unresolved("", "")
    return _filled(value, root, target, depth + 1)
