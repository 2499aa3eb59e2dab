"""One training on several GPUs, a process each, as torchrun starts them; alone it is a team of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import torch
from torch import distributed, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

_PATIENCE = timedelta(hours=1)
"How long the others wait while the first process judges."


@dataclass(frozen=True)
class Team:
    """Which process this is, of how many."""

    rank: int
    size: int
    device: str
    store: Store | None = None
    "Where the first process writes what it decides; None for a team of one."
    turns: Iterator[int] = field(default_factory=count)
    "Decisions, counted by every process alike."

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
        store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
        backend = "nccl" if cuda else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE, store=store, rank=rank, world_size=size)
        try:
            yield cls(rank, size, device, PrefixStore("team", store))
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
        if self.store is None:
            return stop
        # Not by a tensor: gloo's threads outlive the group once a model was spread, and one that lets go of the last
        # tensor known to Python while the interpreter ends aborts the process.
        key = str(next(self.turns))
        if self.leads:
            self.store.set(key, "stop" if stop else "go")
        return bool(self.store.get(key) == b"stop")
