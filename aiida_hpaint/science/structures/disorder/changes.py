"""Sentences that say what ordering assumed, for tables, files and provenance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from aiida_hpaint.science.structures.disorder.arrangements import Arrangement
from aiida_hpaint.science.structures.disorder.composition import Change
from aiida_hpaint.science.structures.disorder.fragments import (
    Fragment,
    FragmentImages,
    is_full,
)
from aiida_hpaint.science.structures.disorder.hydrogen import SetAside
from aiida_hpaint.science.structures.disorder.images import Images, is_placed
from aiida_hpaint.science.structures.disorder.majority import find_rivals
from aiida_hpaint.science.types import IntArray

LARGE_CHANGE = 0.05
"""Part of the atoms whose change is a caution."""

_TIE = 0.01  # occupancies closer than that decide nothing
_MOST_LABELS = 8
_MOST_SITES = 12
_MIXED = 0.1  # Å between elements that share a site


def describe_choice(images: Images, fragments: FragmentImages, chosen: IntArray) -> list[str]:
    """Say for each fragment whether it is taken, and instead of what."""
    neighbours = fragments.neighbours()
    shares, _ = find_rivals(fragments, neighbours)
    kept = {int(fragments.owners[image]) for image in chosen}
    rivals: dict[int, set[int]] = defaultdict(set)
    for image, others in neighbours.items():
        rivals[int(fragments.owners[image])] |= {int(fragments.owners[v]) for v in others}
    sentences: list[str] = []
    told: set[int] = set()
    for owner in sorted(kept):
        fragment = fragments.fragments[owner]
        lost = [other for other in sorted(rivals[owner] - kept) if other not in told]
        told.update(lost)
        instead = [fragments.fragments[other] for other in lost]
        sentences.append(_describe_kept(images, fragment, instead, owner in rivals[owner]))
        if any(shares[other] > shares[owner] - _TIE for other in lost):
            is_first = owner < min(lost)
            sentences[-1] += " (a tie: the one listed first)" if is_first else " (a tie)"
    blocked = {int(fragments.owners[image]) for image in fragments.blocked}
    for owner, fragment in enumerate(fragments.fragments):
        if owner not in kept | told:
            why = (
                "it overlaps a fully occupied site"
                if owner in blocked
                else "others that exclude it are taken"
                if rivals[owner] & kept
                else "its place is empty as often as not, and others like it are taken"
                if any(_is_alike(fragment, fragments.fragments[other]) for other in kept)
                else "its place is empty at least as often as not"
            )
            sentences.append(f"{_name(images, fragment)} is left out: {why}")
    return sentences


def describe_arrangement(
    images: Images, arrangement: Arrangement, rank: int, count: int
) -> list[str]:
    """Say which arrangement it is, and how many atoms of each partly occupied site it has."""
    if arrangement.is_electrostatic:
        energy = f"{arrangement.energy:.3f} eV per cell above the lowest by electrostatics"
    else:
        energy = (
            f"{arrangement.energy:.3f} above the lowest by close contacts, in arbitrary units "
            "(oxidation numbers are not known, or the cell is large)"
        )
    present = set(arrangement.atoms.tolist())
    taken = []
    for index, site in enumerate(images.record.sites):
        if is_placed(site) and not is_full(site):
            own = images.of_site(index).tolist()
            taken.append(f"{site.label} {len(present & set(own))} of {len(own)}")
    more = f" and {len(taken) - _MOST_SITES} more" if len(taken) > _MOST_SITES else ""
    return [
        f"Ordered arrangement {rank} of {count} in the given cell: {energy}",
        f"Positions taken of each site: {', '.join(taken[:_MOST_SITES])}{more}",
    ]


def describe_hydrogen(aside: Sequence[SetAside], dropped: Sequence[str]) -> list[str]:
    """Say which partly occupied H is to be restored, and which is left out."""
    sentences = []
    for each in aside:
        carriers = ", ".join(f"{n:.3g} on {label}" for label, n in each.carriers.items())
        sentences.append(
            f"H sites {_list(each.labels)} are partly occupied and equivalent by symmetry: "
            f"{each.count} H atoms in the cell{f' ({carriers})' if carriers else ''} count as "
            "missing and are to be restored, as one ordered representative"
        )
    if dropped:
        sentences.append(
            f"H sites {_list(dropped)} are left out: "
            "other positions of these H are occupied as much or more"
        )
    return sentences


def describe_contents(change: Change) -> list[str]:
    """Say how the contents of the cell and its charge changed."""
    if change.is_none:
        return []
    before, after = (
        " ".join(f"{e}{n:.6g}" for e, n in sorted(contents.items()) if n > 1e-6)
        for contents in (change.before, change.after)
    )
    sentence = f"The cell holds {after} without H, instead of {before} on average"
    if change.replaced > LARGE_CHANGE:
        part = f"{100 * change.replaced:.0f} % of the atoms"
        sentence = f"Caution, ordering changes {part}: {sentence[0].lower()}{sentence[1:]}"
    sentences = [sentence]
    if change.hydrogen is None:
        sentences.append(
            "The formula does not tell how many H the ordered cell has: other evidence has to"
        )
    elif abs(change.hydrogen - round(change.hydrogen)) > 0.02:
        sentences.append(
            f"Its number of H is {change.hydrogen:.2f} by the formula, taken as "
            f"{round(change.hydrogen)}"
        )
    if change.charge is not None and abs(change.charge) >= 0.5:
        sentences.append(f"The charge of the cell is off by {change.charge:+.3g} e")
    return sentences


def _describe_kept(
    images: Images, fragment: Fragment, others: list[Fragment], is_symmetric: bool
) -> str:
    mixed = [other for other in others if _share_site(images, fragment, other)]
    rest = [other for other in others if other not in mixed]
    sites = images.record.sites
    name = _name(images, fragment)
    if mixed:
        site = sites[fragment.sites[0]]
        rows = [site, *(sites[other.sites[0]] for other in mixed)]
        parts = ", ".join(f"{row.label} {row.symbol} {row.occupancy:.3g}" for row in rows)
        sentence = f"The mixed site {site.label} ({parts}) is taken as {site.symbol}"
    elif rest:
        sentence = f"{name} is taken"
    else:
        sentence = f"{name} is taken as fully occupied"
    if is_symmetric:
        sentence += ", one of the images that exclude each other"
    if rest:
        sentence += f", instead of {_join([_name(images, other) for other in rest])}"
    return sentence


def _is_alike(first: Fragment, second: Fragment) -> bool:
    return first.symbols == second.symbols and first.occupancy == second.occupancy == 0.5


def _share_site(images: Images, first: Fragment, second: Fragment) -> bool:
    if len(first.sites) > 1 or len(second.sites) > 1:
        return False
    own = set(images.of_site(first.sites[0]).tolist())
    other = set(images.of_site(second.sites[0]).tolist())
    pairs = images.pairs(_MIXED)
    return any((i in own and j in other) or (i in other and j in own) for i, j, _ in pairs)


def _name(images: Images, fragment: Fragment) -> str:
    sites = [images.record.sites[index] for index in fragment.sites]
    group, assembly = sites[0].group, sites[0].assembly
    where, detail = f" of disorder group {assembly}{group}", ""
    if images.record.format == "shelx":
        where, detail = f" of PART {group}", f"free variable {assembly}, " if assembly else ""
    labels = _list([site.label for site in sites])
    return f"{labels}{where if group else ''} ({detail}occupancy {fragment.occupancy:.3g})"


def _list(labels: Sequence[str]) -> str:
    if len(labels) <= _MOST_LABELS:
        return " ".join(labels)
    return f"{' '.join(labels[:_MOST_LABELS])} and {len(labels) - _MOST_LABELS} more"


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
