"""SevenNet models: loading, and the choice between the folded and the original network."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from aiida_hpaint.science.files import find_cache_folder, hash_file
from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.files import (
    find_model_file,
    find_version,
    import_package,
    resolve_device,
)
from aiida_hpaint.science.relaxation.potentials.folded import (
    FoldedNetwork,
    NotFoldableError,
    SparseNetwork,
    load_loops,
    load_weights,
    read_weights,
    save_weights,
)
from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs
from aiida_hpaint.science.relaxation.potentials.precision import default_precision
from aiida_hpaint.science.relaxation.potentials.sevennet_graph import GraphNetwork
from aiida_hpaint.science.relaxation.potentials.standing import StandingHosts
from aiida_hpaint.science.types import HpaintWarning

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.pairs import Pairs
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

_MF_0 = "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth"
BUNDLED = {
    "sevennet-0": ("SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth", None),
    "sevennet-l3i5": ("SevenNet_l3i5/checkpoint_l3i5.pth", None),
    "sevennet-mf-0": (_MF_0, "PBE"),
    "sevennet-mf-0-r2scan": (_MF_0, "R2SCAN"),
}
"""Registry names of the models inside the wheel: (file in its folder of models, modality)."""

_MODALITIES = {"sevennet-omni": "mpa"}
"""Modalities of published models that have several."""

_INSTALL = "pip install 'aiida-hpaint[ml]'"
_LOWEST_ENERGY = -30.0
"""eV per atom; no element binds by more than 15 eV on the scale of the Materials Project."""
LARGEST_FOLDED = 160
"""Sites; the memory of the folded network grows with the square of their number."""
PAIRS_AT_ONCE = {"cpu": 1600, "cuda": 100_000}
"""Pairs of sites in one pass: as many as fit into a CPU's cache or 8 GB of a GPU."""
LARGEST_STANDING = 400
"""Sites of samples whose hosts have their kernels kept, which then take a GB."""
SPARSE_AT_ONCE = 144
"""Sites of each thread in one pass of the compiled loops; more save nothing."""
GRAPH_AT_ONCE = {"cpu": 1, "cuda": 1_000_000}
"""Sites in one pass of the original network; a CPU is fastest with one structure at a time."""


class _Network(Protocol):
    """Energies of S structures whose E pairs are known, and their gradient by the vectors."""

    def differentiate(
        self, numbers: torch.Tensor, counts: torch.Tensor, pairs: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies (S,) in eV and gradient (E, 3) in eV/Å."""
        ...


class SevenNet:
    """A SevenNet model (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)).

    Everything is in single precision, as the models were trained. Structures go through the folded
    network: on a CPU with a C compiler all of them, else those of up to `LARGEST_FOLDED` sites,
    structures of equal size together.

    Parameters
    ----------
    card : PotentialCard
        Card of the model.
    build_graph : function
        Returns the network as sevenn builds it, for structures too large to fold; called at the
        first of them, since sevenn takes seconds to import and build it.
    folded : Network or None
        The same network with contracted edges, if its architecture allows that; see `folded`.
    """

    def __init__(
        self,
        card: PotentialCard,
        build_graph: Callable[[], _Network],
        folded: FoldedNetwork | None,
    ) -> None:
        self._card = card
        self._build_graph = build_graph
        self._folded = folded

    @cached_property
    def _sparse(self) -> SparseNetwork | None:
        if self._folded is None or self._card.device != "cpu":
            return None
        loops = load_loops()
        return None if loops is None else SparseNetwork(self._folded.weights, loops)

    @cached_property
    def _hosts(self) -> StandingHosts | None:
        if self._sparse is None or self._card.cutoff is None:
            return None
        return StandingHosts(self._sparse, self._card.cutoff)

    @cached_property
    def _graph(self) -> _Network:
        return self._build_graph()

    @property
    def card(self) -> PotentialCard:
        """Card of the model."""
        return self._card

    @property
    def folded(self) -> FoldedNetwork | None:
        """The folded network, if it is in use."""
        return self._folded

    @property
    def has_stress(self) -> bool:
        """Whether stresses are computed: always."""
        return True

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures at once, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        energies = np.empty(len(site_counts))
        forces = np.empty((len(numbers), 3))
        stresses = np.empty((len(site_counts), 3, 3))
        starts = np.cumsum(site_counts) - site_counts
        for members, network in self._passes(np.asarray(site_counts)):
            sites = np.concatenate(
                [np.arange(starts[i], starts[i] + site_counts[i]) for i in members]
            )
            energies[members], forces[sites], stresses[members] = self._pass(
                network, numbers[sites], cart_positions[sites], cells[members], site_counts[members]
            )
        return Evaluation(energies, forces, stresses if with_stress else None)

    def evaluate_moving(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        moving: BoolArray,
    ) -> Evaluation:
        """Evaluate S structures; see `MovingPotential.evaluate_moving`.

        With the compiled loops, the kernels between sites that stand still are computed once for
        all samples of a host.
        """
        if self._hosts is None or site_counts.max(initial=0) > LARGEST_STANDING or moving.all():
            return self.evaluate(numbers, cart_positions, cells, site_counts)
        self._card.check_elements(numbers)
        return self._hosts.evaluate(numbers, cart_positions, cells, site_counts, moving)

    def _passes(self, counts: IntArray) -> list[tuple[IntArray, _Network]]:
        """Return which structures are evaluated together, and by which network."""
        passes: list[tuple[IntArray, _Network]] = []
        device = self._card.device
        network: _Network
        for size in np.unique(counts):
            members = np.flatnonzero(counts == size)
            if self._sparse is not None:
                most = SPARSE_AT_ONCE * torch.get_num_threads()
                network, portion = self._sparse, most // int(size)
            elif self._folded is not None and size <= LARGEST_FOLDED:
                network, portion = self._folded, PAIRS_AT_ONCE[device] // int(size) ** 2
            else:
                network, portion = self._graph, GRAPH_AT_ONCE[device] // int(size)
            portion = max(1, portion)
            passes.extend(
                (members[i : i + portion], network) for i in range(0, len(members), portion)
            )
        return passes

    def _pass(
        self,
        network: _Network,
        numbers: IntArray,
        positions: FloatArray,
        cells: FloatArray,
        counts: IntArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        device = self._card.device
        assert self._card.cutoff is not None
        pairs = find_pairs(positions, cells, counts, self._card.cutoff, device)
        elements = torch.from_numpy(np.asarray(numbers, dtype=np.int64)).to(device)
        sizes = torch.from_numpy(np.asarray(counts, dtype=np.int64)).to(device)
        with default_precision(torch.float32):
            energies, gradient = network.differentiate(elements, sizes, pairs)
        forces = pairs.forces(gradient, len(numbers))
        volumes = np.abs(np.linalg.det(cells))[:, None, None]
        strained = pairs.strain_derivatives(gradient, sizes).cpu().numpy()
        return energies.double().cpu().numpy(), forces.double().cpu().numpy(), strained / volumes


def load(name: str, model: str | None, device: str) -> SevenNet:
    """Load a bundled SevenNet model, or a checkpoint of the user's ('sevennet').

    The models of `BUNDLED` are files inside the sevenn wheel. sevenn reads checkpoints with
    `torch.load(weights_only=False)`, that is, **a checkpoint can run code**: give only files
    of your own or from someone you trust. Nothing is ever downloaded.

    The folded network is kept in the cache (see `find_cache_folder`), from which it is read
    without sevenn as long as model, versions and code are the same.

    Raises
    ------
    PotentialError
        If sevenn is not installed, or the file is missing or not a SevenNet checkpoint.
    """
    path, modal = _locate(name, model)
    device = resolve_device(name, device)
    stored, facts = _find_stored(path, modal)
    weights = load_weights(stored, facts)
    if weights is None:
        with default_precision(torch.float32):
            potential = _build_potential(name, path, modal, device)
        if potential.folded is not None:
            # Without a cache, the next start takes as long as this one.
            with suppress(OSError):
                save_weights(stored, potential.folded.weights, facts)
        return potential

    def build_graph() -> GraphNetwork:
        with default_precision(torch.float32):
            network = _build(name, path)
            return GraphNetwork(network.to(device), _modality(name, network, modal))

    card = _make_card(name, path, device, weights.table.cutoff, weights.elements)
    return SevenNet(card, build_graph, FoldedNetwork(weights, device))


def _build_potential(name: str, path: Path, modal: str | None, device: str) -> SevenNet:
    """Build the network as sevenn does, fold it, and keep both if they agree."""
    network = _build(name, path)
    modality = _modality(name, network, modal)
    elements = frozenset(int(number) for number in network.type_map)
    card = _make_card(name, path, device, float(network.cutoff), elements)
    folded = _fold(network, modality, device)
    graph = GraphNetwork(network.to(device), modality)
    alone = SevenNet(card, lambda: graph, None)
    if folded is None:
        return alone
    potential = SevenNet(card, lambda: graph, folded)
    if _is_equivalent(potential, alone):
        return potential
    problem = f"{name}: the folded network disagrees and is not used, so that it is slower"
    warnings.warn(problem, HpaintWarning, stacklevel=2)
    return alone


def _make_card(
    name: str, path: Path, device: str, cutoff: float, elements: frozenset[int]
) -> PotentialCard:
    return PotentialCard(
        name=name,
        package="sevenn",
        package_version=find_version("sevenn"),
        model=path.name,
        sha256=hash_file(path),
        device=device,
        cutoff=cutoff,
        elements=elements,
        lowest_energy=_LOWEST_ENERGY,
    )


def _find_stored(path: Path, modal: str | None) -> tuple[Path, dict[str, str | None]]:
    """Return the file that keeps the folded network, and all that the network depends on."""
    code = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("folded/*.py")):
        code.update(source.read_bytes())
    facts = {
        "model": hash_file(path),
        "modality": modal,
        "sevenn": find_version("sevenn"),
        "code": code.hexdigest(),
    }
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    return find_cache_folder() / f"{path.stem}-{key}.safetensors", facts


def _locate(name: str, model: str | None) -> tuple[Path, str | None]:
    """Return the file of a model and its modality, without importing sevenn."""
    if name not in BUNDLED:
        return find_model_file(name, model, (".pth",)), _MODALITIES.get(name)
    if model is not None:
        raise PotentialError(
            f"{name} is a bundled model and takes no model file ({model!r}): "
            "leave `potential.model` out, or use the name 'sevennet' for a checkpoint of your own"
        )
    package = find_spec("sevenn")
    if package is None:
        import_package(name, "sevenn", _INSTALL)  # which says what to do
    file, modal = BUNDLED[name]
    origin = getattr(package, "origin", None) or ""
    path = Path(origin).parent / "pretrained_potentials" / file
    if not path.is_file():
        raise PotentialError(
            f"{name}: sevenn {find_version('sevenn')} does not bring this model's file: "
            f"install the version that aiida-hpaint asks for ({_INSTALL})"
        )
    return path, modal


def _build(name: str, path: Path) -> Any:
    """Build the network as sevenn does, without its force module."""
    checkpoints = import_package(name, "sevenn.checkpoint", _INSTALL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = checkpoints.SevenNetCheckpoint(path).build_model()
    except Exception as error:
        raise PotentialError(
            f"{name}: {path.name} is not a SevenNet checkpoint that sevenn "
            f"{find_version('sevenn')} can read ({type(error).__name__}: {error}): "
            "fetch the file again or reinstall sevenn"
        ) from error
    network.delete_module_by_key("force_output")
    network.set_is_batch_data(True)
    network.requires_grad_(False)
    return network.eval()


def _modality(name: str, network: Any, modal: str | None) -> int | None:
    known = network.modal_map
    if not known:
        return None
    if modal is None and len(known) > 1:
        raise PotentialError(
            f"{name}: this checkpoint has the modalities {', '.join(sorted(known))}; "
            "only the bundled 'sevennet-mf-0' and 'sevennet-mf-0-r2scan' can choose one"
        )
    return int(known[modal] if modal is not None else next(iter(known.values())))


def _fold(network: Any, modality: int | None, device: str) -> FoldedNetwork | None:
    """Return the folded network, or None for an architecture that cannot be folded."""
    try:
        # To double precision and back changes no weight.
        return FoldedNetwork(read_weights(network.double(), modality), device)
    except (NotFoldableError, AttributeError, KeyError):
        return None
    finally:
        network.float()


def _is_equivalent(one: SevenNet, other: SevenNet) -> bool:
    """Return whether both give the same energies and forces for a crystal without symmetry."""
    assert one.card.elements is not None
    known = [number for number in (1, 8, 12, 6, 26) if number in one.card.elements]
    numbers = np.array((known or sorted(one.card.elements)[:3]) * 2)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    wobble = np.sin(np.arange(3 * len(numbers))).reshape(-1, 3)
    cell = np.array([[6.0, 0.0, 0.0], [0.7, 6.3, 0.0], [-0.4, 0.9, 6.6]])
    positions = (grid[: len(numbers)] / 3) @ cell + 0.2 * wobble
    arguments = numbers, positions, cell[None], np.array([len(numbers)])
    mine, theirs = one.evaluate(*arguments), other.evaluate(*arguments)
    return bool(
        np.allclose(mine.energies, theirs.energies, rtol=0, atol=1e-4 * len(numbers))
        and np.allclose(mine.forces, theirs.forces, rtol=1e-4, atol=1e-3)
    )
