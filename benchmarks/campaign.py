"""Overhead of a campaign: database, memory and time for thousands of hosts.

    python benchmarks/campaign.py --hosts 10000 --output runs/campaign_10000.json

Writes CIFs of different crystals (fcc metals and alloys with four sites, to which one H is added)
and restores them with `aiida-hpaint submit` in a new profile with a real daemon. Random placement
replaces the network, and the harmonic well of the tests of faults the potential; relaxations have
two steps. Then the script measures the database, the status command, the same submission again, and
the results command. Besides the wall time it measures the CPU time of client, daemon and jobs; the
seconds of sampling and relaxation in the history of the samples are no overhead.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from itertools import product
from pathlib import Path
from typing import Any

import psutil
from postgresql import Server

CHEAP = Path(__file__).parents[1] / "tests" / "faults" / "plugins"
"""Folder of a package that registers the potential `harmonic`, as any package can."""

METALS = ("Pd", "Ni", "Cu", "Ag", "Pt", "Al", "Rh", "Ir", "Au", "Co")

SETTINGS = """
campaign: bench
hosts: [hosts]
add: H:1
settings:
  sampling: {{generator: random, samples: 1, device: cpu}}
  symmetry: {{symmetrised: false, wyckoff: 0, refine: null}}
  filter: {{plausible: false}}
  score: null
  search: null
  potential: {{name: harmonic, device: cpu}}
  relax_inserted: {{max_steps: 2}}
  relax_all: {{max_steps: 2}}
  keep: 1
options:
  sample: {{append_text: "times > times.txt", environment_variables: {{{environment}}}}}
  relax: {{append_text: "times > times.txt", environment_variables: {{{environment}}}}}
chunk_sites: {chunk_sites}
max_jobs: {max_jobs}
"""


def main() -> None:
    """Measure, print and write."""
    options = parse_options()
    folder = Path(tempfile.mkdtemp(prefix="hpaint-campaign-"))
    server = Server(folder) if options.postgresql else None
    os.environ |= {"AIIDA_PATH": str(folder), "OMP_NUM_THREADS": "1"}
    os.environ.pop("AIIDA_PROFILE", None)
    try:
        if server is not None:
            server.start()
            verdi = Path(sys.executable).parent / "verdi"
            server.make_profile("campaign", verdi, folder / "repository")
        found = run_campaign(folder, options)
    finally:
        run_command(folder, "daemon", "stop", program="verdi")
        if server is not None:
            server.stop()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(found, indent=2)
    print(text)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--chunk-sites", type=int, default=5000)
    parser.add_argument("--max-jobs", type=int, default=2)
    parser.add_argument("--output", type=Path)
    parser.add_argument(
        "--postgresql", action="store_true", help="store in PostgreSQL, not in SQLite"
    )
    parser.add_argument("--keep", action="store_true", help="keep the profile")
    return parser.parse_args()


def run_campaign(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the campaign and return all figures."""
    write_hosts(folder / "hosts", options.hosts)
    path = os.pathsep.join(filter(None, [str(CHEAP), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONPATH"] = path
    settings = SETTINGS.format(
        chunk_sites=options.chunk_sites,
        max_jobs=options.max_jobs,
        environment=f"PYTHONPATH: '{path}'",
    )
    (folder / "campaign.yaml").write_text(settings, encoding="utf-8")
    run_command(folder, "setup")
    before = measure_sizes(folder)
    watcher = Watcher()
    begun = time.perf_counter()
    submitted = run_command(folder, "submit", "campaign.yaml")
    asked = [wait(folder)]
    wall = time.perf_counter() - begun
    watcher.stop()
    asked += [run_command(folder, "status", "bench") for _ in range(2)]
    again = run_command(folder, "submit", "campaign.yaml")
    results = run_command(folder, "results", "bench", "--output", "found")
    database = inspect_database(folder)
    after = measure_sizes(folder)
    jobs = measure_jobs(folder)
    return {
        "command": " ".join(["python", "benchmarks/campaign.py", *sys.argv[1:]]),
        "hosts": options.hosts,
        "chunks": database["chunks"],
        "wall_s": round(wall, 1),
        **database,
        "database_bytes": {name: after[name] - before[name] for name in after},
        "client_submit": submitted,
        "client_status": asked[-1],
        "client_submit_again": again,
        "client_results": results,
        "daemon": watcher.get_figures(),
        "jobs": jobs,
        **compute_costs_per_host(
            options, wall, submitted, watcher.get_figures(), jobs, after, before, database
        ),
    }


def compute_costs_per_host(
    options: argparse.Namespace,
    wall: float,
    client: dict[str, Any],
    daemon: dict[str, Any],
    jobs: dict[str, Any],
    after: dict[str, int],
    before: dict[str, int],
    database: dict[str, Any],
) -> dict[str, Any]:
    """Return the costs per host."""
    n = options.hosts
    at_once = min(options.max_jobs, database["chunks"])
    cpu = client["cpu_s"] + daemon["cpu_s"]
    total = sum(after.values()) - sum(before.values())
    return {
        "per_host": {
            "wall_ms": round(1e3 * wall / n, 2),
            "science_ms": round(1e3 * jobs["science_s"] / n, 2),
            "overhead_wall_ms": round(1e3 * (wall - jobs["science_s"] / at_once) / n, 2),
            "client_cpu_ms": round(1e3 * client["cpu_s"] / n, 2),
            "daemon_cpu_ms": round(1e3 * daemon["cpu_s"] / n, 2),
            "client_and_daemon_cpu_ms": round(1e3 * cpu / n, 2),
            "job_cpu_ms": round(1e3 * jobs["cpu_s"] / n, 2),
            "all_cpu_ms": round(1e3 * (cpu + jobs["cpu_s"]) / n, 2),
            "bytes": round(total / n),
            "nodes": round(database["nodes"] / n, 4),
            "links": round(database["links"] / n, 4),
        }
    }


def write_hosts(folder: Path, count: int, shift: float = 0.0) -> None:
    """Write CIFs of fcc crystals of two metals, all different; a shift (Å) makes other ones."""
    import numpy as np

    from aiida_hpaint.science.structures import StructureBatch, write_cif
    from aiida_hpaint.science.structures.elements import get_atomic_number

    folder.mkdir(parents=True)
    pairs = list(product(METALS, METALS))
    sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    for index in range(count):
        first, second = pairs[index % len(pairs)]
        constant = 3.7 + shift + 0.5 * (index // len(pairs)) / max(1, count // len(pairs))
        host = StructureBatch(
            labels=(f"{first}{second}-{index:05d}",),
            cells=constant * np.eye(3)[None],
            site_counts=np.array([4]),
            numbers=np.array([get_atomic_number(first)] * 2 + [get_atomic_number(second)] * 2),
            frac_coords=sites,
            inserted=np.zeros(4, dtype=bool),
        )
        write_cif(host, folder / f"{host.labels[0]}.cif")


def run_command(folder: Path, *words: str, program: str = "aiida-hpaint") -> dict[str, Any]:
    """Run a command and return its time and memory."""
    begun = time.perf_counter()
    path = Path(sys.executable).parent / program
    process = subprocess.Popen(
        [path, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    print(f"$ {program} {' '.join(words)}  ({wall:.1f} s)\n{output}", flush=True)
    if status and program != "verdi":
        raise SystemExit(f"{' '.join(words)} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "max_rss_mb": round(usage.ru_maxrss / 1024),
    }


def wait(folder: Path) -> dict[str, Any]:
    """Wait for the end of the campaign, by its status."""
    script = (
        "from aiida import load_profile; load_profile()\n"
        "import time\n"
        "from aiida.orm import QueryBuilder, WorkChainNode\n"
        "while True:\n"
        "    query = QueryBuilder().append(WorkChainNode, project='attributes.process_state',\n"
        "        filters={'attributes.process_label': 'CampaignWorkChain'})\n"
        "    states = query.all(flat=True)\n"
        "    if states and set(states) <= {'finished', 'excepted', 'killed'}: break\n"
        "    time.sleep(2)\n"
    )
    return run_command(folder, "-c", script, program="python")


class Watcher:
    """Thread that records memory and CPU time of the processes of the daemon."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._rss: dict[str, float] = {}
        self._cpu: dict[int, float] = {}
        self._begun: dict[int, float] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()
        self._thread.join()

    def get_figures(self) -> dict[str, Any]:
        """Return memory (MB) by role, and the CPU time (s) of all since the start."""
        cpu = sum(self._cpu[pid] - self._begun[pid] for pid in self._cpu)
        rss = {name: round(value) for name, value in self._rss.items()}
        return {"max_rss_mb": rss, "cpu_s": round(cpu, 2)}

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            for process in psutil.process_iter(["pid", "cmdline"]):
                words = " ".join(process.info["cmdline"] or ())
                role = _role(words)
                if role is None or not _is_ours(process):
                    continue
                try:
                    times = process.cpu_times()
                    rss = process.memory_info().rss / 2**20
                except psutil.Error:
                    continue
                cpu = times.user + times.system
                self._begun.setdefault(process.pid, cpu)
                self._cpu[process.pid] = cpu
                self._rss[role] = max(self._rss.get(role, 0), rss)


def _role(words: str) -> str | None:
    if "verdi" not in words:
        return None
    roles = {"daemon worker": "worker", "broker": "broker", "start-circus": "circus"}
    return next((role for part, role in roles.items() if part in words), None)


def _is_ours(process: psutil.Process) -> bool:
    try:
        path = str(process.environ().get("AIIDA_PATH", ""))
        return path.startswith(os.environ["AIIDA_PATH"])
    except psutil.Error:
        return False


def measure_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of the database and of the repository."""
    kinds = ("database.sqlite*", "postgresql/base/*/*", "postgresql/pg_wal/*")
    paths = [path for kind in kinds for path in folder.rglob(kind) if path.is_file()]
    database = sum(path.stat().st_size for path in paths)
    containers = [path for path in folder.rglob("container") if path.is_dir()]
    files = [p for container in containers for p in container.rglob("*") if p.is_file()]
    return {"database": database, "repository": sum(path.stat().st_size for path in files)}


def inspect_database(folder: Path) -> dict[str, Any]:
    """Count nodes and links, and measure attributes of the processes, in either database."""
    script = (
        "from aiida import load_profile; load_profile()\n"
        "import json\n"
        "from aiida.manage import get_manager\n"
        "from sqlalchemy import text\n"
        "session = get_manager().get_profile_storage().get_session()\n"
        "def one(query): return int(session.execute(text(query)).scalar() or 0)\n"
        "size = 'max(length(cast({} as text)))'\n"
        "attributes, extras = size.format('attributes'), size.format('extras')\n"
        "graphs = \"from db_dbnode where node_type like 'process.workflow.work%graph%'\"\n"
        "control = \"from db_dbnode where cast(attributes as text) like '%CampaignWorkChain%'\"\n"
        "kinds = 'select node_type, count(*) from db_dbnode group by 1 order by 2 desc'\n"
        "print('FOUND', json.dumps({\n"
        "    'chunks': one(f'select count(*) {graphs}'),\n"
        "    'nodes': one('select count(*) from db_dbnode'),\n"
        "    'links': one('select count(*) from db_dblink'),\n"
        "    'kinds': {k.strip('.').split('.')[-1]: n for k, n in session.execute(text(kinds))},\n"
        "    'graph_attributes_bytes': one(f'select {attributes} {graphs}'),\n"
        "    'controller_attributes_bytes': one(f'select {attributes} {control}'),\n"
        "    'largest_attributes_bytes': one(f'select {attributes} from db_dbnode'),\n"
        "    'largest_extras_bytes': one(f'select {extras} from db_dbnode'),\n"
        "}))\n"
    )
    python = Path(sys.executable)
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.split("FOUND")[1])
    chunks = max(1, found["chunks"])
    found["nodes_per_chunk"] = round(found["nodes"] / chunks, 1)
    found["links_per_chunk"] = round(found["links"] / chunks, 1)
    return found


def measure_jobs(folder: Path) -> dict[str, Any]:
    """Return the CPU time of the jobs, from their shells, and the share of the science."""
    cpu = 0.0
    count = 0
    for path in folder.glob(".aiida/scratch/**/times.txt"):
        count += 1
        for word in path.read_text().split():
            minutes, _, seconds = word.rstrip("s").partition("m")
            cpu += 60 * float(minutes) + float(seconds)
    script = (
        "from aiida import load_profile; load_profile()\n"
        "from aiida.orm import QueryBuilder, CalcFunctionNode\n"
        "from aiida_hpaint.data.structure_batch import StructureBatchData\n"
        "query = QueryBuilder().append(CalcFunctionNode, tag='rank')\n"
        "label = {'label': 'samples'}\n"
        "query.append(StructureBatchData, with_incoming='rank', edge_filters=label)\n"
        "stages = [r for node in query.all(flat=True) for r in node.batch.history]\n"
        "print('SCIENCE', sum(float(r.get('seconds', 0)) for r in stages))\n"
    )
    python = Path(sys.executable)
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    science = float(done.stdout.split("SCIENCE")[1])
    return {"jobs": count, "cpu_s": round(cpu, 1), "science_s": round(science, 1)}


if __name__ == "__main__":
    main()
