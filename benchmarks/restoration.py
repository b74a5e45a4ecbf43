"""The command under which model cards name their figures; now it is `aiida-hpaint benchmark`.

python benchmarks/restoration.py references.extxyz --output runs/bundled
"""

from __future__ import annotations

from aiida_hpaint.cli.benchmark import benchmark

if __name__ == "__main__":
    benchmark()
