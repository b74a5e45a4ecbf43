from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("aiida")

from aiida_hpaint.publication import Archive, format_readme
from aiida_hpaint.queries import JobRecord

JOB = JobRecord(
    pk=1,
    uuid="u",
    stage="relax",
    code="pw",
    computer="cluster",
    exit_status=0,
    cached_from=None,
    settings={"CONTROL": {}},
    identity={},
    pseudopotentials={"H": {"element": "H", "filename": "H.upf", "md5": "0a"}},
)


def archive(*jobs: JobRecord) -> Archive:
    return Archive(Path("archive.aiida"), jobs, (), ())


def test_dft_is_cited_and_its_pseudopotentials_are_named() -> None:
    text = format_readme(archive(JOB), {"a": ("restoration", "u")}, "CC0", "T")
    assert "- pseudopotential: `H: H.upf MD5 0a`" in text
    assert "Quantum ESPRESSO" in text
    assert "Quantum ESPRESSO" not in format_readme(
        archive(replace(JOB, pseudopotentials={})), {}, "", ""
    )


@given(text=st.text())
def test_untrusted_text_stays_in_one_line(text: str) -> None:
    job = replace(JOB, code=text, computer=text)
    lines = format_readme(archive(job), {}, text, text).splitlines()
    plain = format_readme(archive(JOB), {}, "t", "t").splitlines()
    assert len(lines) <= len(plain)
    assert headings(lines)[1:] == headings(plain)[1:]
    bare = [line for line in lines if "`" not in line]
    assert not any("<" in line.replace("\\<", "") for line in bare)


def headings(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("#")]


def test_a_licence_is_asked_for_and_not_assumed() -> None:
    text = format_readme(archive(JOB), {}, None, "T")
    assert "No licence has been chosen yet" in text
    assert "CC-BY" not in text
