"""What aiida-core and aiida-workgraph lack: a test that fails marks a workaround to remove."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("profile")


@pytest.fixture
def graph() -> Any:
    """A graph of one task, a work chain, which has not run."""
    from aiida_workgraph import WorkGraph

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    graph = WorkGraph("test")
    graph.add_task(StageWorkChain, name="stage")
    return graph


def set_up(graph: Any, engine: type) -> Any:
    """The engine of a graph that was set up, and saved before it submitted anything."""
    from aiida.engine.runners import Runner
    from aiida.engine.utils import instantiate_process
    from plumpy import Bundle

    process: Any = instantiate_process(Runner(), engine, **graph.to_engine_inputs())
    process.setup()
    return process, Bundle(process)


def load(saved: Any) -> Any:
    from aiida.engine.runners import Runner
    from plumpy import LoadSaveContext

    runner = Runner()
    return saved.unbundle(LoadSaveContext(runner=runner, loop=runner.loop))


def add_child(process: Any, state: str) -> Any:
    from aiida.common.links import LinkType
    from aiida.engine import ProcessState
    from aiida.orm import WorkChainNode

    node = WorkChainNode()
    node.base.links.add_incoming(process.node, LinkType.CALL_WORK, "stage")
    node.set_process_state(ProcessState(state))
    return node.store()


def test_an_engine_does_not_look_for_children_that_its_checkpoint_lacks(graph: Any) -> None:
    from aiida_workgraph.engine.workgraph import WorkGraphEngine

    from aiida_hpaint.workflows.engine.durable import DurableEngine
    from aiida_hpaint.workflows.engine.upstream_graphs import get_submitted_tasks, is_set_up

    for engine, expected in ((WorkGraphEngine, []), (DurableEngine, ["stage"])):
        process, saved = set_up(graph, engine)
        add_child(process, "running")
        loaded = load(saved)
        assert is_set_up(loaded)
        assert get_submitted_tasks(loaded) == expected


def test_a_task_whose_process_still_runs_counts_as_failed_after_set_up(graph: Any) -> None:
    from aiida_workgraph.engine.workgraph import WorkGraphEngine

    from aiida_hpaint.workflows.engine.upstream_graphs import keep_task_states

    process, _ = set_up(graph, WorkGraphEngine)
    states = process.task_manager.state_manager
    states.set_task_runtime_info("stage", "process", add_child(process, "running"))
    with keep_task_states(process):
        process.setup()
    assert states.get_task_runtime_info("stage", "state") == "PLANNED"
    process.setup()
    assert states.get_task_runtime_info("stage", "state") == "FAILED"


def test_the_class_and_the_engine_of_a_graph_cannot_be_chosen() -> None:
    from aiida_workgraph import WorkGraph, task

    assert not [name for name in inspect.signature(task.graph).parameters if "class" in name]
    for method in (WorkGraph.run, WorkGraph.save, WorkGraph.submit):
        assert not [name for name in inspect.signature(method).parameters if "engine" in name]


def test_the_outputs_of_a_graph_have_no_public_values(graph: Any) -> None:
    assert not hasattr(graph.outputs, "value")


def test_a_work_chain_waits_for_all_processes() -> None:
    from aiida.engine import ProcessState, WorkChain
    from aiida.orm import WorkChainNode

    first, second = (
        SimpleNamespace(pk=WorkChainNode().store().pk, outputs=False) for _ in range(2)
    )
    resumed: list[bool] = []
    waiting: Any = SimpleNamespace(
        logger=SimpleNamespace(info=lambda *args: None),
        state=ProcessState.WAITING,
        resume=lambda: resumed.append(True),
    )
    waiting._awaitables = [first, second]
    waiting._resolve_awaitable = lambda awaitable, value: waiting._awaitables.remove(awaitable)
    WorkChain._on_awaitable_finished(waiting, first)
    assert not resumed
    WorkChain._on_awaitable_finished(waiting, second)
    assert resumed


def test_a_daemon_that_left_its_file_counts_as_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida.engine.daemon.client import DaemonClient, get_daemon_client

    from aiida_hpaint.workflows.engine.upstream import is_daemon_alive

    file = tmp_path / "daemon.pid"
    file.write_text(str(2**22 + 1))  # larger than any process id of Linux
    monkeypatch.setattr(DaemonClient, "circus_pid_file", str(file))
    client = get_daemon_client()
    assert client.is_daemon_running
    assert not is_daemon_alive(client)


def test_the_environment_of_a_daemon_has_no_public_name() -> None:
    from aiida.engine.daemon.client import DaemonClient

    names = [name for name in dir(DaemonClient) if not name.startswith("_")]
    assert not [name for name in names if "env_info" in name or "package" in name]


def test_one_package_is_found_as_among_all(profile: Any) -> None:
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.plugins import entry_point

    from aiida_hpaint.workflows.engine.upstream import get_installed_package

    client, search = get_daemon_client(), entry_point.eps
    found = get_installed_package(client)
    assert found
    assert found == client._get_package_version_snapshot()["aiida-hpaint"]
    assert entry_point.eps is search


def test_the_address_of_a_killed_broker_is_still_used(tmp_path: Path) -> None:
    from aiida.brokers.zeromq.broker import ZeromqBroker

    from aiida_hpaint.workflows.engine.upstream import remove_broker_files

    broker: Any = SimpleNamespace(
        _service_sockets_file=tmp_path / "sockets", _service_pid_file=tmp_path / "pid"
    )
    broker._service_sockets_file.write_text(str(tmp_path))
    assert ZeromqBroker._get_sockets_path(broker) == tmp_path
    remove_broker_files(broker)
    assert ZeromqBroker._get_sockets_path(broker) is None


def test_a_broker_deletes_its_folder_where_the_path_of_its_sockets_is_empty(
    tmp_path: Path,
) -> None:
    """When this fails, aiida-core is mended, and the daemon may start anywhere again."""
    script = (
        "import sys; from aiida.brokers.zeromq.service import ZeromqBrokerService\n"
        "service = ZeromqBrokerService(sys.argv[1])\n"
        "service.start()\n"
        "service.stop()\n"
    )
    folder, service = tmp_path / "folder", tmp_path / "service"
    folder.mkdir()
    service.mkdir()
    (folder / "thesis.tex").write_text("")
    (service / "broker.sockets").write_text("")
    subprocess.run([sys.executable, "-c", script, str(service)], cwd=folder, check=True)
    assert not list(folder.iterdir())


def test_the_daemon_starts_in_an_empty_folder(
    profile: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.workflows.engine.upstream import has_own_folder, start_daemon

    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis.tex").write_text("")

    class Client:
        def start_daemon(self, timeout: int) -> None:
            assert not list(Path.cwd().iterdir())
            assert has_own_folder(self)

        def get_daemon_pid(self) -> int:
            return os.getpid()

    client: Any = Client()
    assert not has_own_folder(client)  # as if an older version had started it
    start_daemon(client, 1)
    assert Path.cwd() == tmp_path
    assert not has_own_folder(client)


def test_to_look_into_the_queue_takes_from_it(tmp_path: Path) -> None:
    from aiida.brokers.zeromq.broker import ZeromqBroker
    from aiida.brokers.zeromq.queue import PersistentQueue
    from plumpy.process_comms import create_continue_body

    from aiida_hpaint.workflows.engine.upstream import get_queued_processes

    broker: Any = SimpleNamespace(_storage_path=tmp_path)
    assert get_queued_processes(broker) == set()
    queue = PersistentQueue(tmp_path / "tasks")
    for pk in (7, 8):
        queue.push(f"task-{pk}", {"body": create_continue_body(pid=pk)})
    assert queue.pop() is not None
    queue.push("another", {"body": {"task": "launch"}})
    (tmp_path / "tasks" / "pending" / "1_torn.json").write_text("{")
    assert get_queued_processes(broker) == {7, 8}
    assert queue.processing_count() == 1

    (tmp_path / "tasks" / "pending" / "1_torn.json").unlink()
    assert len(list(ZeromqBroker.iterate_tasks(broker))) == 3
    assert not list((tmp_path / "tasks" / "processing").iterdir())


def test_the_tests_of_computers_are_private() -> None:
    from aiida.cmdline.commands import cmd_computer

    public = [name for name in dir(cmd_computer) if not name.startswith("_")]
    assert not [name for name in public if "temp_file" in name or "get_jobs" in name]


def test_the_daemon_client_does_not_find_orphans() -> None:
    from aiida.engine.daemon.client import DaemonClient

    assert not [name for name in dir(DaemonClient) if "orphan" in name or "leftover" in name]
