"""What is read from files of pymatgen is what its modules have."""

from __future__ import annotations

from collections import Counter, defaultdict

from pymatgen.analysis.bond_valence import BV_PARAMS, PRIOR_PROB

from aiida_hpaint.science.structures import bond_lengths, oxidation_states
from aiida_hpaint.science.structures.pymatgen_tables import read_pymatgen_table


def test_parameters_of_bonds_are_those_of_pymatgen() -> None:
    theirs = {str(element): dict(values) for element, values in BV_PARAMS.items()}
    assert bond_lengths._read_parameters() == theirs


def test_ions_are_counted_as_in_pymatgen() -> None:
    theirs: dict[str, Counter[int]] = defaultdict(Counter)
    for ion, count in PRIOR_PROB.items():
        theirs[ion.element.symbol][round(ion.oxi_state or 0)] += count
    assert oxidation_states._count_ions() == theirs
    assert theirs["Fe"][3] > theirs["Fe"][2] > 0 > min(theirs["O"])


def test_a_table_that_this_version_lacks_is_none() -> None:
    assert read_pymatgen_table("no_such_table.yaml") is None
