"""The one seam between truefeed and a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .card import Card

Array = npt.NDArray[Any]
WEIGHTS = Path(__file__).parent / "weights"
"The models that truefeed ships."


class EngineError(RuntimeError):
    """A model could not be loaded or run; the text names the file and says what to do."""


class Engine(Protocol):
    """A loaded model. Safe to call from several threads."""

    card: Card | None
    "What the model expects and promises; None for a foreign model."
    sha256: str
    "Of the model file."
    device: str
    "What runs it, as the runtime says: `cpu`, `cuda`, `tensorrt`, `openvino`."

    def run(self, inputs: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Array]:
        """Run one batch: float32 (B, ...) by input name in, (B, ...) by output name out. Raises EngineError."""

    def close(self) -> None:
        """Release what the runtime holds. May be called twice."""
