"""Protocols: named settings of a restoration, the same for Python, the command line and AiiDA."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from aiida_hpaint.science.settings import DEFAULT_SCORE, RestorationSettings, SearchSettings
from aiida_hpaint.science.wording import suggest

_Model = TypeVar("_Model", bound=BaseModel)

_LONGEST = 80
"""Most characters of a wrong value that a message shows."""

__all__ = [
    "choose_settings",
    "list_protocols",
    "load_protocol",
    "merge_settings",
    "validate_settings",
]


def list_protocols() -> dict[str, str]:
    """List names and descriptions of the protocols, from the fastest to the most thorough."""
    return {name: entry["description"] for name, entry in _restore()["protocols"].items()}


def load_protocol(
    name: str | None = None, overrides: Mapping[str, Any] | None = None
) -> RestorationSettings:
    """Load the settings of a protocol, with some of them replaced.

    Parameters
    ----------
    name
        A name from `list_protocols`; None means the default protocol, `balanced`.
    overrides
        Nested mapping of the settings to replace, like `{"sampling": {"samples": 20}}`. To name
        `candidates` turns scoring on, as `DEFAULT_SCORE`, where the protocol has none.

    Raises
    ------
    ValueError
        If the protocol is unknown, or an override is unknown or out of its range; the message
        names the protocol or the setting and says what there is.
    """
    protocols = _restore()["protocols"]
    name = _restore()["default"] if name is None else name
    if name not in protocols:
        raise ValueError(
            f"there is no protocol {name!r}: choose from {', '.join(protocols)}."
            f"{suggest(name, protocols)}"
        )
    # The defaults come first: a stage of which only one value is named keeps its other ones,
    # `moving` among them, which differs between the two relaxations.
    defaults = RestorationSettings().model_dump()
    merged = defaults
    for layer in (protocols[name]["settings"], overrides or {}):
        merged = merge_settings(_turn_on_stages(merged, layer), layer)
    return validate_settings(RestorationSettings, merged)


def choose_settings(
    settings: _Model | None,
    load: Callable[[str | None, Mapping[str, Any] | None], _Model],
    protocol: str | None,
    overrides: Mapping[str, Any] | None,
) -> _Model:
    """Return the settings that are given, or else those of a protocol.

    Raises
    ------
    ValueError
        If both are given, or `load` finds something unknown or out of its range.
    """
    if settings is None:
        return load(protocol, overrides)
    if protocol is not None or overrides:
        raise ValueError("give either settings, or a protocol with overrides, not both")
    return settings


def validate_settings(model: type[_Model], values: Mapping[str, Any]) -> _Model:
    """Make settings from nested values.

    Raises
    ------
    ValueError
        If a value is unknown or out of its range; the message names the setting and says what
        there is.
    """
    unknown = [f"there is no setting {path}: {hint}" for path, hint in _unknown(model, values)]
    if unknown:
        raise ValueError("\n".join(unknown))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ValueError(_explain(error)) from None


@cache
def _restore() -> dict[str, Any]:
    text = files(__name__).joinpath("restore.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _turn_on_stages(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the defaults of the stages that a layer of overrides turns on."""
    usual = {
        **RestorationSettings().model_dump(),
        "score": DEFAULT_SCORE.model_dump(),
        "search": SearchSettings().model_dump(),
    }
    turned_on = {key for key, value in layer.items() if isinstance(value, Mapping)}
    if "candidates" in layer and "score" not in layer:
        turned_on.add("score")
    return {
        key: usual[key] if value is None and key in turned_on else value
        for key, value in base.items()
    }


def merge_settings(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings with some of their values replaced."""
    merged = dict(base)
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge_settings(merged[key], value) if both else value
    return merged


def _unknown(
    model: type[BaseModel], values: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """List the keys that are no settings: the path of each, and what is meant or known there."""
    for key, value in values.items():
        if key not in model.model_fields:
            yield f"{prefix}{key}", _hint(model, str(key), prefix)
        elif (nested := _find_nested(model, key)) is not None and isinstance(value, Mapping):
            yield from _unknown(nested, value, f"{prefix}{key}.")


def _find_nested(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the model of a setting that has settings itself; None of several, or without one."""
    # What may be null has its settings as one of the arguments of a union.
    annotation = model.model_fields[key].annotation
    kinds = (annotation, *get_args(annotation))
    found = [one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)]
    return found[0] if len(found) == 1 else None


def _hint(model: type[BaseModel], key: str, prefix: str) -> str:
    """Say which setting is meant: of the same name deeper inside, or of a similar one here."""
    deeper = [path for path in _list_paths(model) if path.endswith(f".{key}")]
    close = deeper[:1] or get_close_matches(key, model.model_fields, n=1)
    if close:
        return f"did you mean {prefix}{close[0]}?"
    return f"there is {', '.join(prefix + name for name in model.model_fields)}"


def _list_paths(model: type[BaseModel]) -> Iterator[str]:
    for key in model.model_fields:
        yield key
        if (nested := _find_nested(model, key)) is not None:
            yield from (f"{key}.{path}" for path in _list_paths(nested))


def _explain(error: ValidationError) -> str:
    lines = []
    for entry in error.errors():
        name, reason = ".".join(map(str, entry["loc"])), entry["msg"]
        reason = f"{reason[0].lower()}{reason[1:]}"
        if entry["type"] == "value_error":  # one of ours, about several values
            lines.append(f"setting {name}: {entry['ctx']['error']}" if name else entry["msg"][13:])
        elif entry["type"] == "missing":
            lines.append(f"setting {name} is missing")
        elif entry["type"] == "extra_forbidden":
            lines.append(f"there is no setting {name}")
        else:
            lines.append(f"setting {name}: {reason}, got {_shorten(repr(entry['input']))}")
    return "\n".join(lines)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
