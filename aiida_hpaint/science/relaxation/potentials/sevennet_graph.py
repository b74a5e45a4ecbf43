"""A SevenNet as sevenn builds it, evaluated on one graph for the whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.pairs import Pairs


class GraphNetwork:
    """The modules of a sevenn model one after the other, and the gradient by the edge vectors.

    Parameters
    ----------
    model : sevenn AtomGraphSequential
        For batches, without its force module (which would compute stresses too).
    modality : integer or None
        Index of the modality, for multi-modal models.
    """

    def __init__(self, model: Any, modality: int | None) -> None:
        self._model = model
        self._modality = modality

    def differentiate(
        self, numbers: torch.Tensor, counts: torch.Tensor, pairs: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies (S,) in eV of S structures, and the gradient (E, 3) by the vectors."""
        vectors = pairs.vectors.float().requires_grad_(True)
        data = self._graph(numbers, counts, pairs, vectors)
        for module in self._model:
            data = module(data)
        energies = data["inferred_total_energy"]
        (gradient,) = torch.autograd.grad(energies.sum(), [vectors])
        return energies.detach(), gradient

    def _graph(
        self, numbers: torch.Tensor, counts: torch.Tensor, pairs: Pairs, vectors: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        structures = torch.arange(len(counts), device=counts.device)
        graph = {
            "atomic_numbers": numbers,
            "x": self._model.z_to_onehot_tensor.to(numbers.device)[numbers],
            "edge_index": torch.stack([pairs.first, pairs.second]),
            "edge_vec": vectors,
            "batch": torch.repeat_interleave(structures, counts),
            "num_atoms": counts,
        }
        if self._modality is not None:
            graph["modal_type"] = torch.full_like(counts, self._modality)
        return graph
