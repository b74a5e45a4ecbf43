"""Damaged and hostile files: each is read or refused, and ends neither the run nor the patience.

`make fuzz` tries more damages than the suite does: HPAINT_FUZZ is their number.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import (
    StructureBatch,
    add_sites,
    prepare_hosts,
    read_hosts,
    save_npz,
    write_extxyz,
)
from aiida_hpaint.science.structures.file_limits import MAX_FORMULA, MAX_SITES

ROOT = Path(__file__).parents[2]
BRUCITE = ROOT / "examples" / "hosts" / "brucite.cif"
FILES = ROOT / "tests" / "science" / "structures" / "reading" / "files"
EXAMPLES = int(os.environ.get("HPAINT_FUZZ", "60"))

WORDS = (
    *(b"", b"\0", b"\xff\xfe", b"\xc2\xb2", b"nan", b"-1", b"1e400", b"9" * 5000, b"100000000"),
    *(
        b"'",
        b'"',
        b";",
        b"(",
        b"[" * 2000,
        b"{",
        b"_",
        b"loop_",
        b"?",
        b"\n",
        b"/0",
        b"#",
        b"data_",
    ),
)
"""What numbers, names and syntax are replaced by; a superscript two is a digit, and no number."""


def brucite() -> StructureBatch:
    return add_sites(read_hosts(BRUCITE), "H:2")


def extxyz() -> bytes:
    file = io.StringIO()
    write_extxyz(brucite(), file)
    return file.getvalue().encode()


def npz() -> bytes:
    file = io.BytesIO()
    save_npz(brucite(), file)
    return file.getvalue()


ADDED = HostSettings(trust="add")
POSCAR = b"MgO\n1\n3 0 0\n0 3 0\n0 0 3\nMg O\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
OPTIMADE = {
    "lattice_vectors": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
    "cartesian_site_positions": [[0, 0, 0], [1.5, 1.5, 1.5]],
    "species_at_sites": ["Mg", "O"],
    "species": [{"name": each, "chemical_symbols": [each]} for each in ("Mg", "O")],
}

CORPUS: dict[str, Callable[[], bytes]] = {
    "a.cif": BRUCITE.read_bytes,
    "a.cif.gz": lambda: gzip.compress(BRUCITE.read_bytes(), mtime=0),
    "a.res": next(FILES.glob("*.res")).read_bytes,
    "a.json": lambda: json.dumps({"data": [{"id": "a", "attributes": OPTIMADE}]}).encode(),
    "a.extxyz": extxyz,
    "a.npz": npz,
    "a.vasp": lambda: POSCAR,
}


def check(name: str, content: bytes, folder: Path) -> list[str]:
    """Read a damaged file beside a good one, and return what is wrong with it."""
    path = folder / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the parsers of others
        hosts, problems = prepare_hosts([BRUCITE, path], {"H": 2}, settings=ADDED)
    assert hosts is not None
    assert "brucite" in hosts.labels[0]
    texts = [str(problem) for problem in problems]
    assert all(text.isprintable() for text in texts)
    return texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_itself_is_read(name: str, folder: Path) -> None:
    assert check(name, CORPUS[name](), folder) == []


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="HPAINT_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(sorted(CORPUS)),
    damages=st.lists(
        st.tuples(
            st.sampled_from(["cut", "flip", "replace", "insert", "repeat", "swap"]),
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(WORDS),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_any_damage_is_read_or_refused(
    name: str, damages: list[tuple[str, float, bytes]], folder: Path
) -> None:
    content = CORPUS[name]()
    for kind, where, word in damages:
        place = int(where * len(content))
        stop = next((i for i in range(place, len(content)) if content[i : i + 1].isspace()), place)
        content = {
            "cut": content[:place],
            "flip": content[:place] + bytes(255 - byte for byte in content[place : place + 1]),
            "replace": content[:place] + word,
            "insert": content[:place] + word + content[place:],
            "repeat": content[:stop] + content[place:],
            "swap": content[:place] + word + content[stop:],
        }[kind] + (content[stop:] if kind in ("replace",) else b"")
        if kind == "flip":
            content += CORPUS[name]()[place + 1 :]
    check(name, content, folder)


def zipped(**arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(shape: str, dtype: str) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"shape": (1,), "fortran_order": False, "descr": dtype}
    )
    text = file.getvalue().replace(b"(1,)", shape.encode())
    return text


def encrypted() -> bytes:
    content = bytearray(npz())
    for place in range(len(content) - 4):
        if content[place : place + 4] == b"PK\x03\x04":
            content[place + 6] |= 1
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 8] |= 1
    return bytes(content)


SITE = "Mg{0} Mg {1} 0 0\n"
MANY = "".join(SITE.format(i, i / (MAX_SITES + 1)) for i in range(MAX_SITES + 1))
CELL = "".join(f"_cell_length_{a} 9\n" for a in "abc")
CELL += "_space_group_symop_operation_xyz 'x,y,z'\n"
LOOP = "loop_\n" + "".join(f"_atom_site_{a}\n" for a in ("label", "type_symbol"))
LOOP += "".join(f"_atom_site_fract_{a}\n" for a in "xyz")

CUBIC = b'Lattice="3 0 0 0 3 0 0 0 3"'

HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "a count of 1e8": (
        "a.extxyz",
        b'100000000\nLattice="3 0 0 0 3 0 0 0 3"\nMg 0 0 0\n',
        "at most",
    ),
    "a count of 5000 digits": ("a.extxyz", b"9" * 5000 + b"\n\n", "at most"),
    "a superscript two": ("a.extxyz", "²\n\nMg 0 0 0\n".encode(), "it starts with"),
    "an atomic number of 5000 digits": (
        "a.extxyz",
        b"1\n" + CUBIC + b" Properties=Z:I:1:pos:R:3\n" + b"9" * 5000 + b" 0 0 0\n",
        "cannot be read",
    ),
    "properties that are no numbers": (
        "a.extxyz",
        b"1\n" + CUBIC + b" Properties=species:S:x:pos:R:3\nMg 0 0 0\n",
        "cannot be read",
    ),
    "a forged record": (
        "a.extxyz",
        b"1\n" + CUBIC + b' Properties=species:S:1:pos:R:3 hpaint="_JSON {}"\nMg 0 0 0\n',
        "",
    ),
    "empty strings without number": (
        "a.npz",
        zipped(labels=header("(200000000,)", "<U0")),
        "too short",
    ),
    "an encrypted archive": ("a.npz", encrypted(), "no npz file"),
    "a cut archive": ("a.npz", npz()[:-30], "is damaged"),
    "a formula of 180 kB": (
        "a.cif",
        f"data_a\n_chemical_formula_sum '{'C1 ' * 60000}'\n{CELL}{LOOP}Mg1 Mg 0 0 0\n".encode(),
        "",
    ),
    "brackets in a formula": (
        "a.cif",
        f"data_a\n_chemical_formula_sum '{'(' * MAX_FORMULA}'\n{CELL}{LOOP}Mg1 Mg 0 0 0\n".encode(),
        "",
    ),
    "more sites than are read": ("a.cif", f"data_a\n{CELL}{LOOP}{MANY}".encode(), "at most"),
    "more atoms than are read": ("a.vasp", POSCAR.replace(b"1 1\n", b"100000000 1\n"), "at most"),
    "brackets in JSON": ("a.json", b"[" * 100_000, "it"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_small_files_of_large_cost_are_refused(kind: str, folder: Path) -> None:
    name, content, reason = HOSTILE[kind]
    problems = check(name, content, folder)
    assert not reason or any(reason in problem for problem in problems), problems


def test_a_card_with_a_billion_layers_is_refused() -> None:
    from pydantic import ValidationError

    from aiida_hpaint.science.diffusion.networks.dense import DenseNetworkSettings
    from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings

    for kind, name in ((DenseNetworkSettings, "layers"), (GemNetSettings, "blocks")):
        with pytest.raises(ValidationError, match="less than or equal to 100"):
            kind.model_validate({name: 10**9})
