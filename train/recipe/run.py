"""One training under way: its options, its folders, and what decides the model."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

from ...stream.errors import ConfigError

_RUNTIME = ("dataset", "out", "device", "threads", "workers", "jobs", "files", "minutes")
"Options that decide how fast a model is made, or where, and not what it is."


@dataclass(frozen=True, slots=True)
class Run:
    """One training under way."""

    args: argparse.Namespace

    @property
    def out(self) -> Path:
        """The model folder."""
        return Path(self.args.out)

    @property
    def work(self) -> Path:
        """Where everything lies that the model is made of."""
        return self.out / "training"

    @property
    def model(self) -> Path:
        """The face model; its window model lies beside it."""
        return self.out / "face.onnx"

    def settings(self) -> dict[str, str]:
        """Everything that decides what the model is."""
        manifest = Path(self.args.dataset) / "manifest.csv"
        if not manifest.is_file():
            raise ConfigError(
                f"{self.args.dataset}: not prepared: run truefeed preprocess --dataset DATA "
                f"--output-dir {self.args.dataset}"
            )
        held = {name: str(value) for name, value in sorted(vars(self.args).items()) if name not in _RUNTIME}
        return {**held, "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest()}
