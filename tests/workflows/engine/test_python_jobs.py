"""Inputs of PythonJobs, whose script needs no more than cloudpickle."""

from __future__ import annotations

from typing import Any

import pytest


def add(first: int, second: int) -> dict[str, int]:
    return {"result": first + second}


@pytest.mark.usefixtures("profile")
def test_the_script_of_a_job_imports_no_graphs() -> None:
    from aiida_pythonjob import prepare_pythonjob_inputs

    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.engine.python_jobs import prepare_job

    code: Any = get_default_code()
    given = {"first": 1, "second": 2}
    inputs = prepare_job(add, given, code=code)
    assert set(inputs["function_inputs"]) == set(given)
    assert not inputs["metadata"]["inputs_spec"]
    theirs = prepare_pythonjob_inputs(add, function_inputs=given, code=code)
    assert theirs["metadata"]["inputs_spec"], "aiida-pythonjob leaves it out now: a line can go"
