"""Expressions of coordinates: Python's arithmetic is the oracle, and pw.x itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from espresso import missing, pseudo_folder, read_printed_sites
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.hosts import iter_hosts
from aiida_hpaint.science.structures.reading.expressions import evaluate

NUMBERS = st.sampled_from(["1", "2.", ".25", "0.3333", "3e0", "12.5E-1", "007"])
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.builds("{}{}{}".format, inner, st.sampled_from("+-*/^"), inner),
        st.builds("({})".format, inner),
        st.builds("{}{}".format, st.sampled_from("+-"), inner),
    ),
    max_leaves=8,
)
OF_PW = [
    *("1/4", "1/3+0.01", "-2^2/16", "2^-1", "2^3^2/1024", "1/(2/(1/2))", "(1+2/2*3)/8", "1-1"),
    *("2*(1/8)", "1d-1+1.5E-1", "1--1/2", "8/4/8", "1/2-1/4-1/8", "2*-3^2/36", "((.3))", "-(1/7)"),
    *("-.1+.25^(1/2)", "3*-(-1/9)"),
]


@given(EXPRESSIONS)
def test_values_are_those_of_python(text: str) -> None:
    plain = text.replace("^", "**").replace("007", "7.0")
    try:
        expected = eval(plain, {"__builtins__": {}})
        expected = float(expected) if not isinstance(expected, complex) else math.nan
    except ArithmeticError:
        expected = math.nan
    found = evaluate(text)
    assert (found is None) == (not math.isfinite(expected))
    assert found is None or found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "1/0",
            "1+",
            "(1",
            "1)",
            "1 2",
            "2**3",
            "()",
            "1.2.3",
            "nan",
            "inf",
            "1_0",
            "1j",
        ),
        *(
            "sqrt(2)",
            "(-8)^(1/3)",
            "9^9^9",
            "1e400",
            "2e",
            "*1",
            "__import__",
            "(" * 200 + ")" * 200,
        ),
        "1" * 257,
    ],
)
def test_what_has_no_value_is_none(text: str) -> None:
    assert evaluate(text) is None


def test_a_long_expression_is_read() -> None:
    assert evaluate("(" * 100 + "1/2" + ")" * 100) == 0.5
    assert evaluate("+".join(["1"] * 128)) == 128


@pytest.mark.dft
@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_expressions_mean_what_pw_reads(tmp_path: Path) -> None:
    places = [OF_PW[start : start + 3] for start in range(0, len(OF_PW), 3)]
    rows = "\n".join("H " + " ".join(row) for row in places)
    text = f"""&CONTROL pseudo_dir='{pseudo_folder()}', outdir='.' /
&SYSTEM ibrav=1, A=20, nat={len(places)}, ntyp=1, ecutwfc=5 /
&ELECTRONS /
ATOMIC_SPECIES
H 1.0 H.upf
ATOMIC_POSITIONS alat
{rows}
K_POINTS gamma
"""
    (tmp_path / "host.in").write_text(text, "utf-8")
    (host,) = iter_hosts(tmp_path / "host.in")
    assert isinstance(host, StructureBatch)
    printed = read_printed_sites(tmp_path / "host.in")
    np.testing.assert_allclose(host.cart_coords / 20, printed, atol=1e-7)
