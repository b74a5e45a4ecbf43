"""Settings from YAML files and from options of commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from aiida_hpaint.science.protocols import merge_settings
from aiida_hpaint.science.settings import Settings

AnySettings = TypeVar("AnySettings", bound=Settings)

_PATHS = {
    "samples": "sampling.samples",
    "seed": "sampling.seed",
    "generator": "sampling.generator",
    "potential": "potential.name",
    "scheme": "sampling.scheme",
    "steps": "sampling.steps",
    "candidates": "candidates",
}
"""Options that replace one setting, and its path."""


def read_settings_file(path: Path, kind: type[AnySettings]) -> AnySettings:
    """Read settings of one kind from a YAML file.

    Raises
    ------
    ClickException
        If the file is not YAML.
    ValueError
        If a setting is unknown or wrong; the message names its key.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} is not YAML: {error}") from error
    return kind.model_validate(values)


def read_mapping(path: Path, example: str) -> dict[str, Any]:
    """Read the keys and values of a YAML file.

    Raises
    ------
    ValueError
        If the file cannot be read, is not YAML, or holds no mapping such as `example`.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: keys and values are needed, such as `{example}`")
    return {str(key): value for key, value in values.items()}


def collect_overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options such as --samples and --set stage.name=value replace.

    Raises
    ------
    ValueError
        If a --set has no key or no value.
    """
    pairs = [(path, flags[key]) for key, path in _PATHS.items() if flags.get(key) is not None]
    pairs += [("sampling.record", 1)] if flags.get("record") else []
    pairs += [
        parse_key_value(text, f"--set {text}: write key=value, like relax_all.fmax=0.02")
        for text in flags.get("set_", ())
    ]
    merged: dict[str, Any] = {}
    for path, value in pairs:
        nested: Any = value
        for key in reversed(path.split(".")):
            nested = {key: nested}
        merged = merge_settings(merged, nested)
    return merged


def parse_key_value(text: str, message: str) -> tuple[str, Any]:
    """Split KEY=VALUE, reading the value as YAML.

    Raises
    ------
    ValueError
        With this message, if there is no key or no equals sign.
    """
    import yaml

    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ValueError(message)
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        return key.strip(), value


def describe_validation_errors(error: ValidationError) -> list[str]:
    """Return one line for each wrong setting: its key and the reason."""
    lines = []
    for one in error.errors():
        reason = one["msg"].removeprefix("Value error, ")
        key = ".".join(map(str, one["loc"]))
        lines.append(f"{key}: {reason[0].lower()}{reason[1:]}" if key else reason)
    return lines
