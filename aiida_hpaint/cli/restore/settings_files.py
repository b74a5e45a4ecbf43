"""Settings in YAML files that commands are given."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click

from aiida_hpaint.science.settings import Settings

AnySettings = TypeVar("AnySettings", bound=Settings)


def read_settings(config: Path, kind: type[AnySettings]) -> AnySettings:
    """The settings of some kind in a YAML file.

    Raises
    ------
    ClickException
        If it is no YAML.
    ValueError
        If it does not hold such settings; the message names the key.
    """
    import yaml

    try:
        values = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{config} is no YAML: {error}") from error
    return kind.model_validate(values)
