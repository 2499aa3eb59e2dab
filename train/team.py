"""One training on several GPUs, a process each, as torchrun starts them; alone it is a team of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

_PATIENCE = timedelta(hours=1)
"How long the others wait while the first process judges."


@dataclass(frozen=True)
class Team:
    """Which process this is, of how many."""

    rank: int
    size: int
    device: str

    @classmethod
    @contextmanager
    def join(cls, device: str) -> Iterator[Team]:
        """Join what torchrun started; without torchrun, be alone. The team ends with the context.

        Args:
            device: as asked for; of several `cuda` devices each process takes its own.
        """
        if "WORLD_SIZE" not in os.environ:
            yield cls(0, 1, device)
            return
        cuda = device.startswith("cuda")
        if cuda:
            device = f"cuda:{os.environ['LOCAL_RANK']}"
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if cuda else "gloo", timeout=_PATIENCE)
        try:
            yield cls(distributed.get_rank(), distributed.get_world_size(), device)
        finally:
            distributed.destroy_process_group()

    @property
    def leads(self) -> bool:
        """True for the one process that judges and writes."""
        return self.rank == 0

    def spread(self, model: nn.Module) -> nn.Module:
        """Return the model as the team trains it: every process with the mean of all gradients."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, [self.device] if self.device.startswith("cuda") else None)

    def agree(self, stop: bool) -> bool:
        """Return what the first process says; all wait for it."""
        if self.size == 1:
            return stop
        said = torch.tensor([int(stop)], device=self.device)
        distributed.broadcast(said, 0)
        return bool(said.item())
