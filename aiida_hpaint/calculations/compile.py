"""CompileCalculation: a job that compiles a potential for the computer that it runs on."""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO
from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, ExitCode
from aiida.engine.processes.calcjobs.calcjob import CalcJobProcessSpec
from aiida.orm import AbstractCode, QueryBuilder, SinglefileData, Str
from aiida.parsers import Parser

from aiida_hpaint.science.relaxation.potentials.compilation import REPORT

__all__ = ["CompileCalculation", "CompileParser", "find_compiled"]

COMPILED = "compiled.nequip.pt2"
OUTPUT, ERRORS = "compile.out", "compile.err"
_MODULE = "aiida_hpaint.science.relaxation.potentials.compilation"
_RESOURCES = {"num_machines": 1, "num_mpiprocs_per_machine": 1}


class CompileCalculation(CalcJob):
    """Compile a NequIP package where a Python with aiida-hpaint runs.

    The result is tied to the torch and the device there, which its attributes name.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and exit codes."""
        super().define(spec)
        spec.input("potential", valid_type=SinglefileData, help="NequIP package")
        spec.input("device", valid_type=Str, default=lambda: Str("auto"), help="cpu, cuda or auto")
        spec.output("compiled", valid_type=SinglefileData, help="compiled for batches")
        options: Any = spec.inputs["metadata"]
        options["options"]["resources"].default = lambda: dict(_RESOURCES)
        options["options"]["parser_name"].default = "hpaint.compile"
        spec.exit_code(300, "ERROR_NOT_COMPILED", message="nothing was compiled: {reason}")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Send the package along."""
        package = self.inputs.potential
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.stdout_name, code.stderr_name = OUTPUT, ERRORS
        code.cmdline_params = ["-m", _MODULE, package.filename, COMPILED, self.inputs.device.value]
        info = CalcInfo()
        info.codes_info = [code]
        info.local_copy_list = [(package.uuid, package.filename, package.filename)]
        info.retrieve_list = [COMPILED, REPORT, OUTPUT, ERRORS]
        return info


class CompileParser(Parser):
    """Parser of the compiled file, or of the reason why there is none."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Attach the compiled file with what it is tied to, or return an exit code."""
        repository = self.retrieved.base.repository
        if not {COMPILED, REPORT} <= set(repository.list_object_names()):
            code: ExitCode = self.exit_codes.ERROR_NOT_COMPILED.format(reason=self._read_reason())
            return code
        report = json.loads(repository.get_object_content(REPORT, "r"))
        package: SinglefileData = self.node.inputs.potential
        name = f"{package.filename.removesuffix('.nequip.zip')}.nequip.pt2"
        content: bytes = repository.get_object_content(COMPILED, "rb")
        node = SinglefileData(BytesIO(content), filename=name)
        node.base.attributes.set("compiled_for", report)
        node.base.attributes.set("sha256", sha256(content).hexdigest())
        node.label = f"{package.label} for {report['architecture']}"
        self.out("compiled", node)
        return None

    def _read_reason(self) -> str:
        repository = self.retrieved.base.repository
        for name in (ERRORS, OUTPUT):
            if name not in repository.list_object_names():
                continue
            text = repository.get_object_content(name, "r")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1][:300]
        return "the job printed nothing"


def find_compiled(
    package: SinglefileData, code: AbstractCode, device: str
) -> SinglefileData | None:
    """Return the newest compiled file of a package for the jobs of a code; None if there is none.

    Parameters
    ----------
    device
        'cpu' or 'cuda'; with 'auto', that of the newest compilation with `auto`.
    """
    query = QueryBuilder().append(SinglefileData, filters={"uuid": package.uuid}, tag="package")
    query.append(CompileCalculation, with_incoming="package", tag="job")
    query.append(AbstractCode, with_outgoing="job", filters={"uuid": code.uuid})
    query.append(Str, with_outgoing="job", filters={"attributes.value": device})
    query.append(
        SinglefileData, with_incoming="job", edge_filters={"label": "compiled"}, tag="compiled"
    )
    query.order_by({"compiled": {"ctime": "desc"}})
    query.add_projection("compiled", "*")
    found: SinglefileData | None = query.first(flat=True)
    return found
