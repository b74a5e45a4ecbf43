"""The adapter of the installed mattergen; only in an environment that has it (`make parity`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aiida_hpaint.science.diffusion import generate  # noqa: E402
from aiida_hpaint.science.diffusion.models.cards import CheckpointError  # noqa: E402
from aiida_hpaint.science.diffusion.models.checkpoints import load_model  # noqa: E402
from aiida_hpaint.science.diffusion.models.conversion import convert_checkpoint  # noqa: E402
from aiida_hpaint.science.diffusion.networks.mattergen import (  # noqa: E402
    MattergenNetwork,
    MattergenSettings,
)
from aiida_hpaint.science.settings import SamplingSettings  # noqa: E402

from .crystals import DATA, load_cases, per_case  # noqa: E402
from .ours import NOISE, evaluate, levels_at, to_crystals  # noqa: E402
from .references import load  # noqa: E402

CHECKPOINT = DATA / "oracle-pos-only" / "checkpoints" / "last.ckpt"
WIDTH = 16


def convert(folder: str, target: Path, architecture: Any) -> str:
    config = DATA / folder / "config.yaml"
    path = target / f"{architecture}.safetensors"
    convert_checkpoint(CHECKPOINT, config, path, architecture=architecture)
    return str(path)


@pytest.mark.parametrize("kind", ["structure", "site"])
def test_gives_what_the_oracle_gave(kind: str, tmp_path: Path) -> None:
    folder = {"structure": "oracle-pos-only", "site": "oracle-td-pos-only"}[kind]
    model = load_model(convert(folder, tmp_path, "mattergen"))
    cases = [load_cases()[index] for index in load("diffusion")["chosen"]]
    expected = per_case(load("checkpoint")[f"checkpoint_{kind}"].astype(float), cases)
    found = evaluate(model.network, cases, kind == "site", torch.float32)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("folder", "scheme"),
    [
        ("oracle-pos-only", "pos-only"),
        ("oracle-pos-only", "baseline"),
        ("oracle-td-pos-only", "td"),
        ("oracle-td-pos-only", "pos-only"),
    ],
)
def test_samples_like_our_own_network(
    folder: str, scheme: Any, tmp_path: Path, brucite: Any
) -> None:
    settings = SamplingSettings(scheme=scheme, steps=4, samples=2, corrector_steps=0)
    found = [
        generate(
            brucite,
            settings.model_copy(update={"generator": convert(folder, tmp_path, architecture)}),
        )
        for architecture in ("mattergen", "gemnet")
    ]
    assert list(found[0].scalars["status"]) == ["sampled", "sampled"]
    if scheme != "baseline":  # there rounding moves all sites, and may exchange neighbours
        difference = found[0].frac_coords - found[1].frac_coords
        assert np.abs(difference - np.round(difference)).max() < 2e-3


def test_cells_are_those_of_our_own_network(tmp_path: Path) -> None:
    cases = [load_cases()[index] for index in load("diffusion")["chosen"]]
    crystals = to_crystals(cases, torch.float32)
    levels = levels_at([np.full(len(case.numbers), case.time) for case in cases], crystals)
    paths = [tmp_path / f"{name}.safetensors" for name in ("mattergen", "gemnet")]
    for path in paths:
        # The training of this checkpoint left the head as it was made, which is enough here.
        convert_checkpoint(
            CHECKPOINT, DATA / "oracle-pos-only" / "config.yaml", path,
            architecture=path.stem, all_weights=True,
        )  # fmt: skip
    with torch.no_grad():
        found = [
            load_model(str(path), "cpu", "float32").estimate_with_cells(crystals, levels)
            for path in paths
        ]
    for theirs, ours in zip(*found, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def conditional(**more: Any) -> MattergenSettings:
    """A network with two conditions, as fine-tuning makes them."""
    package = "mattergen.property_embeddings"
    blind = {"_target_": f"{package}.EmbeddingVector", "hidden_dim": WIDTH}

    def embedding(name: str, module: dict[str, Any], scaler: str) -> dict[str, Any]:
        return {
            "_target_": f"{package}.PropertyEmbedding",
            "name": name,
            "conditional_embedding_module": module,
            "unconditional_embedding_module": dict(blind),
            "scaler": {"_target_": scaler},
        }

    gap = {"_target_": "mattergen.diffusion.model_utils.NoiseLevelEncoding", "d_model": WIDTH}
    system = {"_target_": f"{package}.ChemicalSystemMultiHotEmbedding", "hidden_dim": WIDTH}
    gemnet = {
        "_target_": "mattergen.common.gemnet.gemnet_ctrl.GemNetTCtrl",
        "atom_embedding": {
            "_target_": "mattergen.common.gemnet.layers.embedding_block.AtomEmbedding",
            "emb_size": WIDTH,
            "with_mask_type": True,
        },
        "condition_on_adapt": ["dft_band_gap"],
        "cutoff": 7.0,
        "emb_size_atom": WIDTH,
        "emb_size_edge": WIDTH,
        "latent_dim": 2 * WIDTH,
        "max_cell_images_per_dim": 5,
        "max_neighbors": 50,
        "num_blocks": 2,
        "num_targets": 1,
        "otf_graph": True,
        "regress_stress": True,
    }
    return MattergenSettings(
        denoiser={
            "_target_": "mattergen.adapter.GemNetTAdapter",
            "gemnet": gemnet,
            "hidden_dim": WIDTH,
            "denoise_atom_types": False,
            "element_mask_func": {
                "_target_": "mattergen.denoiser.mask_disallowed_elements",
                "_partial_": True,
            },
            "property_embeddings": {
                "chemical_system": embedding("chemical_system", system, "torch.nn.Identity")
            },
            "property_embeddings_adapt": {
                "dft_band_gap": embedding(
                    "dft_band_gap", gap, "mattergen.common.utils.data_utils.StandardScalerTorch"
                )
            },
        },
        **more,
    )


def estimate(settings: MattergenSettings) -> Any:
    network = MattergenNetwork(settings, NOISE).eval()
    state = torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if name.endswith("stds"):
            tensor.fill_(1.0)
        elif "offset" not in name and "scale_factor" not in name:
            tensor.copy_(0.2 * torch.randn(tensor.shape, generator=state))
    crystals = to_crystals([load_cases()[4], load_cases()[0]], torch.float32)
    with torch.no_grad():
        return network(crystals, 0.1 * crystals.present, network.prepare(crystals))


def test_conditions_matter_and_guidance_goes_beyond_them() -> None:
    wanted: dict[str, float | str] = {"dft_band_gap": 2.5, "chemical_system": "own"}
    free, bound = estimate(conditional()), estimate(conditional(conditions=wanted))
    beyond = estimate(conditional(conditions=wanted, guidance=3.0))
    assert (free - bound).abs().max() > 1e-4
    torch.testing.assert_close(beyond, free + 3 * (bound - free), rtol=1e-4, atol=1e-5)


def test_fractions_in_conditions_count() -> None:
    one, other = (estimate(conditional(conditions={"dft_band_gap": gap})) for gap in (2.0, 2.5))
    assert (one - other).abs().max() > 1e-5


def test_conditions_that_the_model_does_not_know_are_errors() -> None:
    with pytest.raises(CheckpointError, match=r"hhi_score.*knows chemical_system, dft_band_gap"):
        MattergenNetwork(conditional(conditions={"hhi_score": 1.0}), NOISE)


def test_double_precision_is_refused() -> None:
    network = MattergenNetwork(conditional(), NOISE).double()
    crystals = to_crystals(load_cases()[:1], torch.float64)
    with pytest.raises(CheckpointError, match="float32"):
        network(crystals, 0.1 * crystals.present, None)
