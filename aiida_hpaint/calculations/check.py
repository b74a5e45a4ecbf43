"""CheckCalculation: a short job that reports what the computer of a code has."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, ExitCode
from aiida.engine.processes.calcjobs.calcjob import CalcJobProcessSpec
from aiida.orm import Dict
from aiida.parsers import Parser

__all__ = ["CheckCalculation", "CheckParser"]

ANSWER = "answer.json"
OUTPUT, ERRORS = "check.out", "check.err"
_STARTER, _PROBE, _QUESTION, _EMPTY = "start.py", "probe.py", "question.json", "empty.in"
_BANNER = re.compile(r"Program\s+\S+\s+v\.?\s*(\S+)\s+starts")
_RESOURCES = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
_LONGEST_REASON = 300
"""Number of characters of an error message that are kept."""


class CheckCalculation(CalcJob):
    """Report what is installed where the interpreter or the program of a code runs.

    The interpreter runs `science/environment/probe.py`, which is sent along and needs no package.
    A program of Quantum ESPRESSO gets an empty input, and prints its version before it fails.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input(
            "question", valid_type=Dict, help="question for the probe, or the name of a program"
        )
        spec.output(
            "answer", valid_type=Dict, help="answer of the probe, or the version of the program"
        )
        options: Any = spec.inputs["metadata"]
        options["options"]["resources"].default = lambda: dict(_RESOURCES)
        options["options"]["parser_name"].default = "hpaint.check"
        spec.exit_code(300, "ERROR_NO_ANSWER", message="the job left no answer: {reason}")
        spec.exit_code(301, "ERROR_UNREADABLE_ANSWER", message="the answer is unreadable: {reason}")
        spec.exit_code(302, "ERROR_NO_BANNER", message="the program did not start: {reason}")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the probe and its question, or an empty input."""
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdout_name, code.stderr_name = OUTPUT, ERRORS
        if _is_program(self.inputs.question):
            _write(folder, _EMPTY, "\n")
            code.stdin_name = _EMPTY
        else:
            for name in (_STARTER, _PROBE):
                source = resources.files("aiida_hpaint.science.environment") / name
                _write(folder, name, source.read_text(encoding="utf-8"))
            _write(folder, _QUESTION, json.dumps(self.inputs.question.get_dict()))
            code.cmdline_params = [_STARTER]
        info = CalcInfo()
        info.codes_info = [code]
        info.retrieve_list = [ANSWER, OUTPUT, ERRORS]
        return info


class CheckParser(Parser):
    """Parser of the answer, or of the reason why there is none."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Attach the answer as output, or return the exit code of the failure."""
        if _is_program(self.node.inputs.question):
            return self._parse_banner()
        text = self._read(ANSWER)
        if text is None:
            return self._failure("ERROR_NO_ANSWER", self._read_last_line())
        try:
            answer = json.loads(text)
        except ValueError as error:
            return self._failure("ERROR_UNREADABLE_ANSWER", str(error))
        if not isinstance(answer, dict):
            return self._failure("ERROR_UNREADABLE_ANSWER", "it is not a mapping")
        self.out("answer", Dict(answer))
        return None

    def _parse_banner(self) -> ExitCode | None:
        found = _BANNER.search(self._read(OUTPUT) or "")
        if found is None:
            return self._failure("ERROR_NO_BANNER", self._read_last_line())
        program = self.node.inputs.question["program"]
        self.out("answer", Dict({"program": program, "version": found[1].rstrip(".")}))
        return None

    def _failure(self, name: str, reason: str) -> ExitCode:
        code: ExitCode = self.exit_codes[name].format(reason=reason[:_LONGEST_REASON])
        return code

    def _read(self, name: str) -> str | None:
        repository = self.retrieved.base.repository
        if name not in repository.list_object_names():
            return None
        content: bytes = repository.get_object_content(name, "rb")
        return content.decode("utf-8", errors="replace")

    def _read_last_line(self) -> str:
        errors = (self._read(ERRORS), self.node.get_scheduler_stderr(), self._read(OUTPUT))
        for text in errors:
            lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return "it printed nothing"


def _is_program(question: Dict) -> bool:
    return "program" in question.get_dict()


def _write(folder: Folder, name: str, text: str) -> None:
    with folder.open(name, "w", encoding="utf-8") as stream:
        stream.write(text)
