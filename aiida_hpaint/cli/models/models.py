"""aiida-hpaint models: list, fetch, convert and show generators and potentials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.completion import complete_generators
from aiida_hpaint.cli.models.potentials import (
    describe_potential,
    fetch_published_potential,
    is_potential,
    make_potential_table,
)
from aiida_hpaint.cli.verbosity import say

if TYPE_CHECKING:
    from rich.table import Table

_HELP = """List, fetch, convert and show generators and potentials.

A generator is a safetensors file with the weights, and a card (JSON) beside it that describes
them. One generator is bundled; published ones can be fetched; checkpoints of MatterGen and
XtalPaint can be converted. Published potentials can be fetched too. Fetched and converted models
are stored in the model folder, and their names work wherever a generator or a potential is
expected. The environment variable AIIDA_HPAINT_MODELS sets the
folder (default: ~/.local/share/aiida-hpaint/models).

\b
Examples:
  aiida-hpaint models list
  aiida-hpaint models fetch xtalpaint/td-pos-only
  aiida-hpaint restore host.cif --generator xtalpaint/td-pos-only
  aiida-hpaint models fetch nequip-oam-l
  aiida-hpaint restore host.cif --potential nequip-oam-l
"""

LIST_HELP = """List generators and potentials.

\b
Examples:
  aiida-hpaint models list
  aiida-hpaint restore host.cif --generator mattergen/base
  aiida-hpaint restore host.cif --potential sevennet-l3i5
  aiida-hpaint restore host.cif --potential mace \\
      --set potential.model=small.model \\
      --set potential.trust=true
"""

FETCH_HELP = """Fetch the published generator or potential NAME.

Nothing in the file is executed. The card records revision and sha256 of the first fetch, and
fetching again gives the same file or an error. Without a network, the error message lists the files
to copy.

Generators come from the Hugging Face hub and are converted; --revision asks for another commit
(main: the newest). Downloads also stay in the cache of the hub's client (HF_HOME; with
HF_HUB_OFFLINE=1 only that cache is used). Potentials come from the servers of their authors, in the
version that `aiida-hpaint models show NAME` names; they run with the package that it names.

\b
Examples:
  aiida-hpaint models fetch xtalpaint/td-pos-only
  aiida-hpaint models fetch mattergen/base --revision main
  HF_HUB_OFFLINE=1 aiida-hpaint models fetch xtalpaint/pos-only
  aiida-hpaint models fetch nequip-oam-l
  aiida-hpaint models fetch nequip-oam-l --file downloaded.nequip.zip
"""

CONVERT_HELP = """Convert CHECKPOINT, of MatterGen or XtalPaint, into a model.

CHECKPOINT is a .ckpt file, or a training folder with config.yaml and checkpoints/last.ckpt.
Nothing in it is executed. Every tensor is compared with the configuration, and mismatches are
listed. Without --output, the model is written to the model folder, under --name.

A checkpoint also works as a generator directly; it is then converted into a cache.

\b
Examples:
  aiida-hpaint models convert outputs/run-1 --name mine
  aiida-hpaint models convert last.ckpt --config config.yaml \\
      --name xtalpaint/pos-only
  aiida-hpaint models convert last.ckpt --output models/mine.safetensors
  aiida-hpaint models convert checkpoints/dft_band_gap \\
      --name tuned --architecture mattergen
"""

SHOW_HELP = """Show the card of MODEL: its kind, source, licence, settings and accuracy.

\b
Examples:
  aiida-hpaint models show bundled
  aiida-hpaint models show xtalpaint/td-pos-only
  aiida-hpaint models show runs/mine/trained.safetensors
  aiida-hpaint models show nequip-oam-l
  aiida-hpaint models show orb-v3-conservative-inf-omat
"""


@click.group(cls=Group, help=_HELP)
def models() -> None:
    """List, fetch, convert and show generators and potentials."""


@models.command("list", help=LIST_HELP)
@options.add_json_option
def list_(as_json: bool) -> None:
    """List generators and potentials."""
    from aiida_hpaint.cli.console import echo_json, print_table, silence_warnings
    from aiida_hpaint.science.diffusion.models.library import read_cards
    from aiida_hpaint.science.files import models_folder

    silence_warnings()
    cards, errors = read_cards()
    if as_json:
        echo_json(_list_models(cards))
        return
    print_table(_generators(cards))
    print_table(make_potential_table())
    click.echo(f"Model folder: {models_folder()}")
    for error in errors:
        say(f"Note: {error}")


@models.command(help=FETCH_HELP)
@click.argument("name", shell_complete=complete_generators)
@click.option("--revision", metavar="COMMIT", help="Commit, tag or branch to fetch.")
@click.option("--sha256", metavar="HEX", help="Expected sha256 of the file; others are refused.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="File of a potential that was downloaded otherwise; it is copied.",
)
def fetch(name: str, revision: str | None, sha256: str | None, file: Path | None) -> None:
    """Fetch a published generator or potential."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.diffusion.models.hub import fetch_model
    from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS

    silence_warnings()
    if name in PUBLISHED_POTENTIALS:
        if revision:
            raise click.UsageError("--revision is for generators: a potential has one version")
        fetch_published_potential(name, sha256, file)
        return
    if file:
        raise click.UsageError("--file is for potentials: see aiida-hpaint models convert")
    card = fetch_model(name, revision, sha256, report=lambda text: click.echo(text, err=True))
    _echo_summary(card.name)
    click.echo(f"  checkpoint  sha256 {card.data.get('source_sha256', 'unknown')}")
    click.echo(f"  revision    {card.data.get('revision', 'unknown')}")
    click.echo(f"Use it: aiida-hpaint restore host.cif --generator {card.name}")


@models.command(help=CONVERT_HELP)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--config", type=click.Path(path_type=Path), help="Configuration of the checkpoint (YAML)."
)
@click.option("--name", help="Name of the model; default: the name of its folder.")
@click.option("--output", type=click.Path(path_type=Path), help="safetensors file to write.")
@click.option(
    "--architecture",
    type=click.Choice(["gemnet", "mattergen"]),
    default="gemnet",
    show_default=True,
    help="Network of the model. gemnet: our own. mattergen: that of the package mattergen, for "
    "models fine-tuned to properties; samples then need that package.",
)
@click.option("--all-weights", is_flag=True, help="Keep output heads that sampling does not need.")
@click.option("--licence", help="Licence of the weights, for the card.")
def convert(
    checkpoint: Path,
    config: Path | None,
    name: str | None,
    output: Path | None,
    architecture: Any,
    all_weights: bool,
    licence: str | None,
) -> None:
    """Convert a checkpoint into a model."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.diffusion.models.conversion import convert_checkpoint
    from aiida_hpaint.science.diffusion.models.library import to_weights_path

    silence_warnings()
    card = convert_checkpoint(
        checkpoint,
        config,
        output,
        name=name,
        architecture=architecture,
        all_weights=all_weights,
        provenance={"licence": licence} if licence else None,
    )
    path = to_weights_path(output) if output else None
    _echo_summary(str(path) if path else card.name)
    for note in (*card.data.get("notes", ()), card.data.get("config_note")):
        if note:
            say(f"Note: {note}")
    click.echo(f"Use it: aiida-hpaint restore host.cif --generator {path or card.name}")


@models.command(help=SHOW_HELP)
@click.argument("model", shell_complete=complete_generators)
@options.add_json_option
def show(model: str, as_json: bool) -> None:
    """Show the card of a model."""
    from rich.table import Table

    from aiida_hpaint.cli.console import echo_json, print_table, silence_warnings
    from aiida_hpaint.science.structures import escape_control_characters

    silence_warnings()
    if as_json:
        echo_json(_read_model(model))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in _describe(model):
        table.add_row(*map(escape_control_characters, row))
    print_table(table)


def _list_models(cards: list[Any]) -> dict[str, Any]:
    """Return generators and potentials as values of JSON."""
    from aiida_hpaint.science.diffusion.models.published import PUBLISHED
    from aiida_hpaint.science.diffusion.sampling.generators import list_generators
    from aiida_hpaint.science.relaxation.potentials import list_potentials

    here = {card.name for card in cards}
    generators = [
        *({"name": c.name, "description": c.description, "sha256": c.sha256} for c in cards),
        *({"name": g.name, "package": g.package} for g in list_generators()),
        *(
            {"name": name, "description": model.about, "fetched": False}
            for name, model in PUBLISHED.items()
            if name not in here
        ),
    ]
    potentials = [
        {
            "name": info.name,
            "description": info.description,
            "installed": info.is_installed,
            "needs_file": info.needs_file,
        }
        for info in list_potentials()
    ]
    return {"generators": generators, "potentials": potentials}


def _read_model(model: str) -> dict[str, Any]:
    """Return the card of a model, or what is known of a published one, as values of JSON."""
    from dataclasses import asdict

    from aiida_hpaint.science.diffusion.models.cards import read_card
    from aiida_hpaint.science.diffusion.models.library import find_model
    from aiida_hpaint.science.diffusion.models.published import PUBLISHED

    if is_potential(model):
        return dict(describe_potential(model))
    try:
        path = find_model(model)
    except ValueError:
        if model in PUBLISHED:
            return {"name": model, **asdict(PUBLISHED[model])}
        raise
    return {"weights": str(path), **read_card(path).model_dump(mode="json")}


def _generators(cards: list[Any]) -> Table:
    from rich.table import Table

    from aiida_hpaint.science.diffusion.models.published import PUBLISHED
    from aiida_hpaint.science.diffusion.sampling.generators import (
        BUILT_IN,
        get_generator,
        list_generators,
    )
    from aiida_hpaint.science.structures import escape_control_characters

    table = Table("generator", "what it is", "sha256 or version", title="Generators (--generator)")
    for card in cards:
        row = (card.name, card.description, card.sha256[:12])
        table.add_row(*map(escape_control_characters, row))
    for one in list_generators():
        # Those of other packages are not imported for a list.
        about = get_generator(one.name).about if one.name in BUILT_IN else f"from {one.package}"
        table.add_row(one.name, about, "" if one.name in BUILT_IN else one.package_version)
    here = {card.name for card in cards}
    for name in [name for name in PUBLISHED if name not in here]:
        table.add_row(name, PUBLISHED[name].about, "not fetched", style="dim")
    return table


def _echo_summary(model: str) -> None:
    from aiida_hpaint.science.diffusion.models.cards import read_card
    from aiida_hpaint.science.diffusion.models.library import count_parameters, find_model

    path = find_model(model)
    card = read_card(path)
    size = f"{count_parameters(path):,} parameters"
    click.echo(
        f"{card.name}: {card.architecture}, {size}, inpainting scheme '{card.sampling.scheme}'"
    )
    click.echo(f"  weights     {path}")
    click.echo(f"              sha256 {card.sha256}")


def _describe(model: str) -> list[tuple[str, str]]:
    """Return names and values of a model's card, line by line."""
    from aiida_hpaint.science.diffusion.models.cards import read_card
    from aiida_hpaint.science.diffusion.models.library import count_parameters, find_model
    from aiida_hpaint.science.diffusion.models.published import PUBLISHED

    if is_potential(model):
        return describe_potential(model)
    try:
        path = find_model(model)
    except ValueError:
        if model in PUBLISHED:
            return _published(model)
        raise
    card = read_card(path)
    return [
        ("name", card.name),
        ("what it is", card.description),
        ("weights", str(path)),
        ("sha256", card.sha256),
        ("parameters", f"{count_parameters(path):,}"),
        ("architecture", card.architecture),
        *_lines("  ", card.network),
        ("noise", ""),
        *_lines("  ", card.noise.model_dump()),
        ("cell", "fixed: not learned" if card.cell is None else "noise, where it is sampled"),
        *(_lines("  ", card.cell.model_dump()) if card.cell is not None else ()),
        ("sampling", "recommended; explicit settings override these"),
        *_lines("  ", card.sampling.model_dump()),
        *_section("provenance", card.data),
        *_section("training", card.training),
        *(line for row in card.accuracy for line in _section("accuracy", row)),
    ]


def _published(name: str) -> list[tuple[str, str]]:
    from aiida_hpaint.science.diffusion.models.published import PUBLISHED

    model = PUBLISHED[name]
    return [
        ("name", f"{name}, not on this machine"),
        ("to get it", f"aiida-hpaint models fetch {name}"),
        ("what it is", model.about),
        ("source", model.page),
        ("files", f"{model.checkpoint}, {model.config}"),
        ("revision", model.revision),
        ("licence", model.licence),
        ("citation", model.citation),
    ]


def _section(title: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(title, ""), *_lines("  ", values)] if values else []


def _lines(indent: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return keys and values as text, nested ones indented."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and {"value", "error", "n"} <= {*value}:
            lines.append((f"{indent}{key}", "{value} ± {error} (of {n})".format(**value)))
        elif isinstance(value, dict):
            lines += [(f"{indent}{key}", ""), *_lines(f"{indent}  ", value)]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append((f"{indent}{key}", text))
    return lines
