"""A checkpoint as mattergen's training leaves it: Lightning's file beside the configuration.

The network is small, only positions are noised (as for XtalPaint's `pos-only`), the training is
two steps long. The TD variant has the same weights and the configuration that XtalPaint documents.
"""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from mattergen.diffusion.run import main as train
from omegaconf import OmegaConf

from parity.crystals import load_cases

from .diffusion import Arrays, chosen
from .networks import PerSiteGemNet, evaluate, precision

WIDTH = 16
SEED = 7
TRAINED_ON = slice(2, 10)


def write_checkpoint(folder: Path) -> Arrays:
    """Train into `folder`, and say what the trained network makes of the chosen crystals."""
    cache, output = Path("cache"), Path("output")
    write_cache(cache)
    _, module = train(OmegaConf.create(configuration(cache, output)), seed=SEED)
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copy(next(output.rglob("last.ckpt")), folder / "checkpoints")
    shutil.copy(next(output.rglob("config.yaml")), folder)
    network = module.diffusion_module.model.eval()
    found = {"checkpoint_structure": _outputs(network, per_site=False)}
    network.gemnet.__class__ = PerSiteGemNet
    return found | {"checkpoint_site": _outputs(network, per_site=True)}


def _outputs(network: torch.nn.Module, per_site: bool) -> np.ndarray:
    with torch.no_grad(), precision(torch.float32):
        rows = [evaluate(network, case, per_site, torch.float32) for case in chosen()]
    return torch.cat(rows).numpy()


def write_td_configuration(folder: Path) -> None:
    """The configuration of the TD variant, with XtalPaint's classes where it has its own."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    module = config["lightning_module"]["diffusion_module"]
    own = "xtalpaint.time_dependent"
    module |= {
        "_target_": f"{own}.diffusion_module.TDDiffusionModule",
        "p_replace": 0.2,
        "t_replace": 0.001,
    }
    noise = "TDNumAtomsVarianceAdjustedWrappedVESDE"
    module["corruption"]["sdes"]["pos"]["_target_"] = f"{own}.corruption.{noise}"
    module["loss_fn"]["_target_"] = f"{own}.loss.TDMaterialsLoss"
    module["model"]["gemnet"]["_target_"] = f"{own}.gemnet.TDGemNetT"
    target = folder.with_name("oracle-td-pos-only")
    target.mkdir(exist_ok=True)
    (target / "config.yaml").write_text(yaml.safe_dump(config))


def write_cache(folder: Path) -> None:
    """A few crystals in the files of mattergen's data sets."""
    cases = load_cases()[TRAINED_ON]
    folder.mkdir(parents=True)
    arrays = {
        "pos": np.concatenate([case.frac for case in cases]),
        "cell": np.stack([case.cell for case in cases]),
        "atomic_numbers": np.concatenate([case.numbers for case in cases]),
        "num_atoms": np.array([len(case.numbers) for case in cases]),
        "structure_id": np.array([case.label for case in cases]),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def configuration(cache: Path, output: Path) -> dict[str, Any]:
    """A configuration in the shape of those beside published checkpoints."""
    return {
        "auto_resume": False,
        "checkpoint_path": None,
        "data_module": _data(cache),
        "lightning_module": {
            "_target_": "mattergen.diffusion.lightning_module.DiffusionLightningModule",
            "diffusion_module": _diffusion_module(),
            "optimizer_partial": {
                "_target_": "torch.optim.Adam",
                "_partial_": True,
                "lr": 1e-4,
            },
            "scheduler_partials": [
                {
                    "scheduler": {
                        "_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau",
                        "_partial_": True,
                        "factor": 0.6,
                        "patience": 100,
                        "min_lr": 1e-6,
                    },
                    "interval": "epoch",
                    "frequency": 1,
                    "monitor": "loss_train",
                    "strict": True,
                }
            ],
        },
        "load_original": False,
        "params": {},
        "trainer": _trainer(output),
    }


def _data(cache: Path) -> dict[str, Any]:
    data = {
        "_target_": "mattergen.common.data.dataset.CrystalDataset.from_cache_path",
        "cache_path": str(cache),
        "properties": [],
        "transforms": [
            {
                "_target_": "mattergen.common.data.transform.symmetrize_lattice",
                "_partial_": True,
            },
            {
                "_target_": "mattergen.common.data.transform.set_chemical_system_string",
                "_partial_": True,
            },
        ],
    }
    return {
        "_target_": "mattergen.common.data.datamodule.CrystDataModule",
        "_recursive_": True,
        "batch_size": {"train": 4, "val": 4},
        "num_workers": {"train": 0, "val": 0},
        "max_epochs": 1,
        "properties": [],
        "train_dataset": data,
        "val_dataset": deepcopy(data),
    }


def _diffusion_module() -> dict[str, Any]:
    return {
        "_target_": "mattergen.diffusion.diffusion_module.DiffusionModule",
        "corruption": {
            "_target_": "mattergen.diffusion.corruption.multi_corruption.MultiCorruption",
            "sdes": {
                "pos": {
                    "_target_": "mattergen.common.diffusion.corruption."
                    "NumAtomsVarianceAdjustedWrappedVESDE",
                    "limit_info_key": "num_atoms",
                    "sigma_max": 5.0,
                    "wrapping_boundary": 1.0,
                }
            },
        },
        "loss_fn": {
            "_target_": "mattergen.common.loss.MaterialsLoss",
            "d3pm_hybrid_lambda": 0.01,
            "include_atomic_numbers": False,
            "include_cell": False,
            "include_pos": True,
            "reduce": "sum",
            "weights": {"pos": 1.0},
        },
        "model": _denoiser(),
        "pre_corruption_fn": {
            "_target_": "mattergen.property_embeddings.SetEmbeddingType",
            "dropout_fields_iid": False,
            "p_unconditional": 0.2,
        },
    }


def _denoiser() -> dict[str, Any]:
    return {
        "_target_": "mattergen.denoiser.GemNetTDenoiser",
        "atom_type_diffusion": "mask",
        "denoise_atom_types": False,
        "gemnet": {
            "_target_": "mattergen.common.gemnet.gemnet.GemNetT",
            "atom_embedding": {
                "_target_": "mattergen.common.gemnet.layers.embedding_block.AtomEmbedding",
                "emb_size": WIDTH,
                "with_mask_type": True,
            },
            "cutoff": 7.0,
            "emb_size_atom": WIDTH,
            "emb_size_bil_trip": 8,
            "emb_size_edge": WIDTH,
            "emb_size_trip": 8,
            "latent_dim": WIDTH,
            "max_cell_images_per_dim": 5,
            "max_neighbors": 50,
            "num_blocks": 2,
            "num_targets": 1,
            "otf_graph": True,
            "regress_stress": True,
            "scale_file": "mattergen/common/gemnet/gemnet-dT.json",
        },
        "hidden_dim": WIDTH,
        "property_embeddings": {},
        "property_embeddings_adapt": {},
    }


def _trainer(output: Path) -> dict[str, Any]:
    return {
        "_target_": "pytorch_lightning.Trainer",
        "accelerator": "cpu",
        "callbacks": [
            {
                "_target_": "pytorch_lightning.callbacks.ModelCheckpoint",
                "every_n_epochs": 1,
                "filename": "{epoch}-{loss_val:.2f}",
                "mode": "min",
                "monitor": "loss_val",
                "save_last": True,
                "save_top_k": 1,
            },
            {"_target_": "mattergen.common.data.callback.SetPropertyScalers"},
        ],
        "default_root_dir": str(output),
        "devices": 1,
        "enable_progress_bar": False,
        "gradient_clip_algorithm": "value",
        "gradient_clip_val": 0.5,
        "logger": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": str(output)},
        "max_epochs": 1,
        "precision": 32,
    }
