"""Draw the figures of the documentation: `python docs/figures.py` in the top folder of a checkout.

The restored crystals come from the recipe itself, so that the figures show what the package does.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import ase
import matplotlib.pyplot as plt
import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from aiida_hpaint import restore
from aiida_hpaint.science.structures import to_ase
from aiida_hpaint.science.types import FloatArray

ROOT = Path(__file__).parents[1]
OUTPUT = Path(__file__).parent / "_static"

LONGEST_HYDROGEN_BOND = 2.1
"""Largest distance between H and an acceptor in Å that is drawn as a hydrogen bond."""


def draw_before_and_after(
    name: str, formulas: tuple[str, str], repeat: tuple[int, int, int], turn: str
) -> Path:
    """Draw an example host as its file has it, and restored; return the file of the figure.

    Parameters
    ----------
    name
        Name of a CIF in `examples/hosts`.
    formulas
        Formulas before and after.
    repeat
        Cells that are shown along each axis.
    turn
        Rotation of the view, as ASE takes it.
    """
    restoration = restore(str(ROOT / "examples" / "hosts" / f"{name}.cif"), settings="fast")
    after = to_ase(restoration.best)[0]
    before = after[after.numbers != 1]
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 3.3), layout="constrained", sharex=True, sharey=True
    )
    titles = (f"{formulas[0]}: what X-rays saw", f"{formulas[1]}: with its hydrogen")
    for axis, crystal, title in zip(axes, (before, after), titles, strict=True):
        draw_crystal(axis, crystal, repeat, turn)
        axis.set_title(title, fontsize=11)
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def draw_crystal(axis: Axes, crystal: ase.Atoms, repeat: tuple[int, int, int], turn: str) -> None:
    """Draw balls, bonds and dashed hydrogen bonds of some cells, the nearest last."""
    cells = crystal.repeat(repeat)
    cells.rotate(float(turn[:-1]), turn[-1])
    positions, numbers = cells.positions, cells.numbers
    bonds = _list_bonds(positions, numbers)
    # What lies at the edge of the cells, without a neighbour in them, would only distract.
    shown = sorted({atom for pair in bonds for atom in pair})
    for first, second in bonds:
        ends = positions[[first, second]]
        is_weak = np.linalg.norm(ends[1] - ends[0]) > 1.3 and 1 in numbers[[first, second]]
        style = {"ls": ":", "lw": 1.2} if is_weak else {"ls": "-", "lw": 2.0}
        axis.plot(ends[:, 0], ends[:, 1], color="0.55", zorder=ends[:, 2].min() - 0.1, **style)
    for position, number in zip(positions[shown], numbers[shown], strict=True):
        radius = 0.28 if number == 1 else 0.45 * covalent_radii[number]
        colour = "white" if number == 1 else jmol_colors[number]
        ball = Circle(position[:2], radius, fc=colour, ec="0.2", lw=0.8, zorder=position[2])
        axis.add_patch(ball)
    axis.set_aspect("equal")
    axis.autoscale_view()
    axis.axis("off")


def _list_bonds(positions: FloatArray, numbers: FloatArray) -> list[tuple[int, int]]:
    """Return the pairs of atoms that are bonded, or connected by a hydrogen bond."""
    radii = covalent_radii[numbers]
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    limits = 1.15 * (radii[:, None] + radii)
    is_h, is_o = numbers == 1, numbers == 8
    accepts = (is_h[:, None] & is_o) | (is_o[:, None] & is_h)
    limits = np.where(accepts, LONGEST_HYDROGEN_BOND, limits)
    # Atoms of one kind touch in drawings of oxides without being bonded.
    bonded = (distances < limits) & (is_o[:, None] != is_o)
    return [(i, j) for i, j in product(*map(range, bonded.shape)) if i < j and bonded[i, j]]


if __name__ == "__main__":
    print(draw_before_and_after("diaspore", ("AlO₂", "AlO(OH)"), (3, 1, 2), "8x"))
