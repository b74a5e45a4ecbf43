from __future__ import annotations

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import BFGS, FIRE
from ase.stress import voigt_6_to_full_3x3_stress
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.files import CACHE_VARIABLE
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.relaxation.potentials import sevennet as sevennet_module
from aiida_hpaint.science.relaxation.potentials.folded import messages
from aiida_hpaint.science.relaxation.potentials.folded.native import load_loops
from aiida_hpaint.science.relaxation.potentials.sevennet import SevenNet, load
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings

from .crystals import (
    arguments,
    batch_of,
    brucite,
    magnesium_hydride,
    rattled,
    sodium_alanate,
)

pytest.importorskip("sevenn")
torch = pytest.importorskip("torch")

MODELS = [
    ("sevennet-0", "7net-0", None),
    pytest.param("sevennet-mf-0", "7net-mf-0", "PBE", marks=pytest.mark.slow),
    pytest.param("sevennet-mf-0-r2scan", "7net-mf-0", "R2SCAN", marks=pytest.mark.long),
    pytest.param("sevennet-l3i5", "7net-l3i5", None, marks=pytest.mark.slow),
]


def oracle(model, modal=None):
    from sevenn.calculator import SevenNetCalculator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SevenNetCalculator(model, device="cpu", modal=modal)


def structures():
    return [rattled(brucite(), 0.1, 1), rattled(magnesium_hydride(), 0.2, 2), sodium_alanate()]


@pytest.mark.parametrize(("name", "model", "modal"), MODELS)
def test_energies_forces_and_stresses_equal_those_of_sevenn(name, model, modal):
    potential = get_potential(PotentialSettings(name=name, device="cpu"))
    assert potential.folded is not None
    ours = potential.evaluate(*arguments(structures()), with_stress=True)
    calculator, start = oracle(model, modal), 0
    for index, atoms in enumerate(structures()):
        calculator.calculate(atoms)
        sites = slice(start, start := start + len(atoms))
        assert abs(ours.energies[index] - calculator.results["energy"]) < 2e-6 * len(atoms)
        np.testing.assert_allclose(ours.forces[sites], calculator.results["forces"], atol=1e-4)
        stress = voigt_6_to_full_3x3_stress(calculator.results["stress"])
        # A force of 1e-4 eV/Å at 5 Å, in a cell of more than 50 Å³.
        np.testing.assert_allclose(ours.stresses[index], stress, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["sevennet-0", pytest.param("sevennet-l3i5", marks=pytest.mark.long)]
)
def test_the_cache_returns_the_same_network(name, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    first = load(name, None, "cpu")
    (stored,) = tmp_path.glob("*.safetensors")
    monkeypatch.setattr(sevennet_module, "_build", None)
    again = load(name, None, "cpu")
    assert again.card == first.card
    # Sums of the same numbers may differ where memory is aligned in another way.
    assert again.folded.weights.readout.data_ptr() % 64 == 0
    mine, theirs = (one.evaluate(*arguments(structures())) for one in (again, first))
    np.testing.assert_array_equal(mine.energies, theirs.energies)
    np.testing.assert_array_equal(mine.forces, theirs.forces)
    stored.write_bytes(stored.read_bytes()[:-1000])
    with pytest.raises(TypeError, match="not callable"):
        load(name, None, "cpu")


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    assert load("sevennet-0", None, "cpu").folded is not None


def test_a_network_from_the_cache_builds_what_it_cannot_fold(sevennet, monkeypatch):
    monkeypatch.setattr(sevennet_module, "LARGEST_FOLDED", 1)
    monkeypatch.setattr(sevennet_module, "load_loops", lambda: None)
    graph = SevenNet(sevennet.card, lambda: sevennet._graph, None)
    expected = graph.evaluate(*arguments(structures()))
    again = load("sevennet-0", None, "cpu").evaluate(*arguments(structures()))
    np.testing.assert_array_equal(again.energies, expected.energies)


def test_without_a_compiler_the_dense_form_gives_the_same(sevennet, monkeypatch):
    assert load_loops() is not None, "no C compiler is here"
    sparse = sevennet.evaluate(*arguments(structures()), with_stress=True)
    monkeypatch.setattr(sevennet_module, "load_loops", lambda: None)
    dense = SevenNet(sevennet.card, sevennet._build_graph, sevennet.folded)
    found = dense.evaluate(*arguments(structures()), with_stress=True)
    # Sums of single precision in another order.
    np.testing.assert_allclose(sparse.energies, found.energies, atol=1e-5)
    np.testing.assert_allclose(sparse.forces, found.forces, atol=1e-5)
    np.testing.assert_allclose(sparse.stresses, found.stresses, atol=1e-6)


def test_hosts_that_stand_still_change_neither_energies_nor_forces(sevennet):
    hosts = [brucite(), sodium_alanate(), magnesium_hydride()]
    samples = [rattled(host, 0.1, seed) for seed in (1, 2) for host in hosts]
    for host, sample in zip(hosts * 2, samples, strict=True):
        sample.positions[host.numbers != 1] = host.positions[host.numbers != 1]
    inputs = arguments(samples)
    moving = inputs[0] == 1
    expected = sevennet.evaluate(*inputs)
    for _ in range(2):  # the second time with kernels that were kept
        found = sevennet.evaluate_moving(*inputs, moving)
        # Sums of single precision in another order.
        np.testing.assert_allclose(found.energies, expected.energies, atol=1e-5)
        np.testing.assert_allclose(found.forces[moving], expected.forces[moving], atol=1e-5)
        assert np.isnan(found.forces[~moving]).all()


def test_threads_share_out_structures_without_changing_any(sevennet, monkeypatch):
    host = magnesium_hydride()
    samples = [rattled(host, 0.1, seed) for seed in range(5)]
    for sample in samples:
        sample.positions[host.numbers != 1] = host.positions[host.numbers != 1]
    inputs = arguments(samples)
    moving = inputs[0] == 1
    alone = sevennet.evaluate(*inputs), sevennet.evaluate_moving(*inputs, moving)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    shared = sevennet.evaluate(*inputs), sevennet.evaluate_moving(*inputs, moving)
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one.energies, other.energies)
        np.testing.assert_array_equal(one.forces, other.forces)


@pytest.mark.parametrize("threads", [1, 3])
def test_kernels_in_portions_change_no_result(sevennet, monkeypatch, threads):
    samples = [rattled(brucite(), 0.1, 1), rattled(magnesium_hydride(), 0.1, 2)]
    inputs = arguments(samples)
    moving = inputs[0] == 1
    whole = sevennet.evaluate(*inputs), sevennet.evaluate_moving(*inputs, moving)
    monkeypatch.setattr(messages, "KEPT", 3)
    monkeypatch.setattr(messages, "AT_ONCE", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    parts = sevennet.evaluate(*inputs), sevennet.evaluate_moving(*inputs, moving)
    for one, other in zip(whole, parts, strict=True):
        # Products of matrices of other sizes may be rounded otherwise.
        np.testing.assert_allclose(other.energies, one.energies, atol=1e-5)
        np.testing.assert_allclose(other.forces, one.forces, atol=1e-5)


def test_large_cells_agree_with_small_ones(sevennet):
    small = rattled(brucite(), 0.1, 3)
    large = small.repeat((6, 6, 3))
    assert len(large) > sevennet_module.LARGEST_STANDING
    one, many = (sevennet.evaluate(*arguments([atoms])) for atoms in (small, large))
    times = len(large) // len(small)
    np.testing.assert_allclose(many.energies / times, one.energies, atol=1e-5)
    np.testing.assert_allclose(many.forces, np.tile(one.forces, (times, 1)), atol=1e-4)
    moving = large.numbers == 1
    found = sevennet.evaluate_moving(*arguments([large]), moving)
    np.testing.assert_array_equal(found.forces[moving], many.forces[moving])


def test_hosts_that_differ_share_no_kernels(sevennet):
    host = brucite()
    other = rattled(host, 0.05, 4)
    other.positions[host.numbers == 1] = host.positions[host.numbers == 1]
    inputs = arguments([host, other])
    moving = inputs[0] == 1
    found = sevennet.evaluate_moving(*inputs, moving)
    expected = sevennet.evaluate(*inputs)
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-5)
    np.testing.assert_allclose(found.forces[moving], expected.forces[moving], atol=1e-5)


@pytest.mark.parametrize("moving", [[True, False], [False, False], [True, True]])
@pytest.mark.parametrize("length", [2.8, 20.0])
def test_sites_without_neighbours_and_hosts_in_which_none_or_all_move(sevennet, length, moving):
    far = Atoms("HPd", scaled_positions=[[0.5] * 3, [0.0] * 3], cell=[length] * 3, pbc=True)
    inputs = arguments([far, far])
    expected = sevennet.evaluate(*inputs)
    if length > 10:
        atoms = [sevennet.evaluate(*arguments([far[[site]]])) for site in (0, 1)]
        apart = sum(float(atom.energies[0]) for atom in atoms)
        np.testing.assert_allclose(expected.energies, apart, atol=1e-5)
        assert (expected.forces == 0).all()
    found = sevennet._hosts.evaluate(*inputs, np.array(moving * 2))
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-5)
    np.testing.assert_allclose(found.forces[moving * 2], expected.forces[moving * 2], atol=1e-5)


def test_a_host_without_sites_to_insert_has_an_energy(sevennet):
    batch = batch_of([brucite()[:1]])
    assert not batch.inserted.any()
    result = relax(batch, RelaxationSettings(moving="inserted"), sevennet)
    assert list(result.scalars["status"]) == ["converged"]


@pytest.mark.numerics
def test_the_graph_network_agrees_too(sevennet):
    graph = SevenNet(sevennet.card, lambda: sevennet._graph, None)
    ours, theirs = (
        p.evaluate(*arguments(structures()), with_stress=True) for p in (sevennet, graph)
    )
    np.testing.assert_allclose(ours.energies, theirs.energies, atol=1e-4)
    np.testing.assert_allclose(ours.forces, theirs.forces, atol=1e-4)
    np.testing.assert_allclose(ours.stresses, theirs.stresses, atol=1e-5)


def test_double_precision_as_the_default_of_torch_changes_nothing(sevennet):
    expected = sevennet.evaluate(*arguments(structures()))
    torch.set_default_dtype(torch.float64)
    try:
        again = load("sevennet-0", None, "cpu")
        found = again.evaluate(*arguments(structures()))
    finally:
        torch.set_default_dtype(torch.float32)
    assert again.folded is not None
    np.testing.assert_array_equal(found.energies, expected.energies)
    np.testing.assert_array_equal(found.forces, expected.forces)


def test_forces_are_the_gradient_of_the_energy(sevennet):
    atoms = rattled(magnesium_hydride(), 0.1, 3)
    forces = sevennet.evaluate(*arguments([atoms])).forces
    step = 0.02
    for site, axis in [(0, 2), (3, 0), (5, 1)]:
        energies = []
        for sign in (-2, -1, 1, 2):
            moved = atoms.copy()
            moved.positions[site, axis] += sign * step
            energies.append(sevennet.evaluate(*arguments([moved])).energies[0])
        slope = (energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
        assert abs(slope + forces[site, axis]) < 2e-3


@pytest.mark.numerics
def test_alone_or_in_a_batch(sevennet):
    together = sevennet.evaluate(*arguments(structures() * 3))
    start = 0
    for index, atoms in enumerate(structures()):
        alone = sevennet.evaluate(*arguments([atoms]))
        sites = slice(start, start := start + len(atoms))
        np.testing.assert_allclose(together.energies[index], alone.energies, atol=1e-5)
        np.testing.assert_allclose(together.forces[sites], alone.forces, atol=2e-5)


@pytest.mark.numerics
def test_another_frame_changes_nothing_but_the_frame(sevennet):
    atoms = rattled(magnesium_hydride(), 0.1, 4)
    turn = Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
    order = np.random.default_rng(0).permutation(len(atoms))
    other = atoms[order]
    other.set_cell(atoms.cell[:] @ turn.T)
    other.positions = (atoms.positions[order] + [0.4, 7.0, -3.0]) @ turn.T
    here, there = (sevennet.evaluate(*arguments([a])) for a in (atoms, other))
    np.testing.assert_allclose(there.energies, here.energies, atol=1e-5)
    np.testing.assert_allclose(there.forces, here.forces[order] @ turn.T, atol=5e-5)


@pytest.mark.parametrize(("name", "theirs"), [("bfgs", BFGS), ("fire", FIRE)])
def test_relaxations_follow_those_of_ase(name, theirs):
    samples = [rattled(brucite(), 0.15, 5), rattled(magnesium_hydride(), 0.1, 6)]
    settings = RelaxationSettings(optimizer=name, curvature="unit", fmax=0.05, max_steps=7)
    result = relax(batch_of(samples), settings, PotentialSettings(device="cpu"))
    calculator = oracle("7net-0")
    for index, atoms in enumerate(samples):
        expected = atoms.copy()
        expected.set_constraint(FixAtoms(np.flatnonzero(atoms.numbers != 1)))
        expected.calc = calculator
        run = theirs(expected, logfile=None)
        run.run(fmax=settings.fmax, steps=settings.max_steps)
        assert result.scalars["steps"][index] == run.nsteps + 1
        energy = expected.get_potential_energy()
        assert abs(result.scalars["energy"][index] - energy) < 1e-4
        ours = result[index].cart_coords
        np.testing.assert_allclose(ours, expected.positions, atol=1e-4)
