"""Settings from YAML files and from options of commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from aiida_hpaint.cli.yaml_text import parse_yaml, read_yaml
from aiida_hpaint.science.protocols import merge_settings, validate_settings
from aiida_hpaint.science.settings import HostSettings, Settings

AnySettings = TypeVar("AnySettings", bound=Settings)

_PATHS = {
    "samples": "sampling.samples",
    "seed": "sampling.seed",
    "generator": "sampling.generator",
    "potential": "potential.name",
    "scheme": "sampling.scheme",
    "steps": "sampling.steps",
    "candidates": "candidates",
    "disorder": "hosts.disorder",
    "trust": "hosts.trust",
    "replace": "hosts.replace",
    "dilute": "hosts.dilute",
}
"""Options that replace one setting, and its path."""


def read_settings_file(path: Path, kind: type[AnySettings]) -> AnySettings:
    """Read settings of one kind from a YAML file.

    Raises
    ------
    ValueError
        If the file cannot be read, or a setting is unknown or wrong; the message names its key.
    """
    values = read_mapping(path, "key: value")
    try:
        return validate_settings(kind, values)
    except ValueError as error:
        raise ValueError(f"{path}: {'; '.join(str(error).splitlines())}") from None


def read_mapping(path: Path, example: str) -> dict[str, Any]:
    """Read the keys and values of a YAML file.

    Raises
    ------
    ValueError
        If the file cannot be read, is not YAML, or holds no mapping such as `example`.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path}: keys and values are needed, such as `{example}`")
    return {str(key): value for key, value in values.items()}


def collect_overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options such as --samples and --set stage.name=value replace.

    Raises
    ------
    ValueError
        If a --set has no key or no value, or --budget cannot be read.
    """
    pairs = [(path, flags[key]) for key, path in _PATHS.items() if flags.get(key) is not None]
    if flags.get("budget"):
        pairs.append(("hosts.budget", parse_budget(flags["budget"])))
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


def make_host_settings(flags: Mapping[str, Any]) -> HostSettings:
    """Return the settings of reading hosts: --disorder, --budget, --trust and --replace.

    Raises
    ------
    ValueError
        If one of them is wrong.
    """
    given = {key: flags.get(key) for key in ("disorder", "trust", "budget", "replace", "dilute")}
    return validate_settings(HostSettings, collect_overrides(given).get("hosts", {}))


def parse_budget(text: str) -> dict[str, int]:
    """Read the numbers of H by site from text such as `O1:1,Wat:2`.

    Raises
    ------
    ValueError
        If a part has another form.
    """
    found = {}
    for part in text.split(","):
        label, _, number = part.strip().rpartition(":")
        if not label or not number.isdecimal():
            raise ValueError(f"--budget {part.strip()}: write SITE:N, like O1:1,Wat:2")
        found[label] = int(number)
    return found


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
        yaml.safe_load(value)
    except (yaml.YAMLError, RecursionError):
        return key.strip(), value
    return key.strip(), parse_yaml(value, text)
