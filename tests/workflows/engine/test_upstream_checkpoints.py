"""Checkpoints that libyaml writes and reads are those of aiida-core in pure Python."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.workflows.engine.upstream_checkpoints import shorten_checkpoints

pytestmark = [
    pytest.mark.usefixtures("profile"),
    pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml"),
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["null", "1e3", "- a", "a: b", " lead", "x" * 300, "two\n lines\n\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("a:-#"), inner),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def implementations() -> tuple[Any, Any]:
    """Dumpers and loaders: those of aiida-core, and those with libyaml."""
    from aiida.orm.utils import serialize

    shorten_checkpoints()
    ours = SimpleNamespace(dumper=serialize.AiiDADumper, loader=serialize.AiiDALoader)
    theirs = SimpleNamespace(dumper=ours.dumper.__bases__[1], loader=ours.loader.__bases__[1])
    return theirs, ours


def check_exchange(value: Any, implementations: tuple[Any, Any]) -> None:
    """Whoever writes and whoever reads, the content is that of aiida-core alone."""
    theirs, _ = implementations
    read = [
        # Written again, as NaN is unlike itself.
        yaml.dump(yaml.load(text, Loader=reader.loader), Dumper=theirs.dumper)
        for writer in implementations
        for text in (yaml.dump(value, Dumper=writer.dumper),)
        for reader in implementations
    ]
    assert read == read[:1] * 4


@given(value=VALUES)
def test_values_stay_what_they_are(value: Any, implementations: tuple[Any, Any]) -> None:
    check_exchange(value, implementations)


def make_process() -> Any:
    """Return a graph with one stage, as a process that was created."""
    from aiida.engine.runners import Runner
    from aiida.engine.utils import instantiate_process

    from aiida_hpaint.workflows.engine.durable import DurableEngine, DurableGraph
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    graph = DurableGraph("test")
    graph.add_task(StageWorkChain, name="stage")
    return instantiate_process(Runner(), DurableEngine, **graph.to_engine_inputs())


def test_checkpoints_of_graphs_stay_what_they_are(implementations: tuple[Any, Any]) -> None:
    from plumpy import Bundle

    process = make_process()
    process.setup()
    check_exchange(Bundle(process), implementations)


def test_inputs_are_written_once_and_outputs_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from plumpy import Bundle
    from plumpy.processes import BundleKeys

    from aiida_hpaint.workflows.engine import upstream_checkpoints

    process, encode = make_process(), upstream_checkpoints._encode
    first, written = Bundle(process), []
    monkeypatch.setattr(upstream_checkpoints, "_encode", lambda _, given: written.append(given))
    assert Bundle(process)[BundleKeys.INPUTS_PARSED] == first[BundleKeys.INPUTS_PARSED]
    assert not written, "what was written once is kept"
    process.encode_input_args({"x": 1})
    process.encode_input_args({"x": 2})
    assert written == [{"x": 1}, {"x": 2}]
    assert encode(process, process.inputs) == first[BundleKeys.INPUTS_PARSED]


def test_graphs_that_were_saved_have_a_checkpoint_with_their_inputs_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from aiida.engine.persistence import AiiDAPersister
    from aiida.engine.runners import Runner
    from aiida.orm import Int
    from plumpy.persistence import LoadSaveContext
    from plumpy.processes import BundleKeys
    from small_graph import double

    from aiida_hpaint.workflows.engine import durable

    runner = Runner(persister=AiiDAPersister())
    monkeypatch.setattr(durable, "get_manager", lambda: SimpleNamespace(get_runner=lambda: runner))
    graph = durable.DurableGraph("test")
    graph.add_task(double, name="first", number=Int(3))
    graph.save()
    assert graph.process is not None
    assert graph.state == "CREATED"
    bundle: Any = AiiDAPersister().load_checkpoint(graph.process.pk)
    assert BundleKeys.INPUTS_RAW not in bundle, "`forget_raw_inputs` has no effect"
    process = bundle.unbundle(LoadSaveContext(runner=runner))
    process.setup()
    assert process.wg.tasks["first"].inputs.number.value.value == 3
    assert process.raw_inputs is None


def test_the_dumper_of_aiida_core_is_pure_python(implementations: tuple[Any, Any]) -> None:
    theirs, ours = implementations
    emitter, parser = yaml.CDumper.__bases__[0], yaml.CLoader.__bases__[0]
    assert not issubclass(theirs.dumper, emitter)
    assert not issubclass(theirs.loader, parser)
    assert issubclass(ours.dumper, emitter)
    assert issubclass(ours.loader, parser)


def test_what_aiida_core_registers_later_counts(implementations: tuple[Any, Any]) -> None:
    theirs, ours = implementations
    kind = type("Kind", (), {})
    represent = lambda dumper, _: dumper.represent_scalar("!kind", "x")  # noqa: E731
    yaml.add_representer(kind, represent, Dumper=theirs.dumper)
    assert yaml.dump(kind(), Dumper=ours.dumper).startswith("!kind")


def test_without_libyaml_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, implementations: tuple[Any, Any]
) -> None:
    from aiida.orm.utils import serialize

    theirs, _ = implementations
    monkeypatch.setattr(serialize, "AiiDADumper", theirs.dumper)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    shorten_checkpoints()
    assert serialize.AiiDADumper is theirs.dumper


def test_the_engines_of_this_package_use_it() -> None:
    from aiida_hpaint.workflows.engine import durable, retries

    for module in (durable, retries):
        assert "\nshorten_checkpoints()\n" in inspect.getsource(module)
