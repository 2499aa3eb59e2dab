"""The card: what a model expects and promises.

It travels inside the ONNX file, so training, export and live use read one text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KEY = "truefeed"
"The ONNX metadata key under which the card is stored as JSON."


@dataclass(frozen=True)
class Card:
    """What a model expects and promises."""

    task: str
    "`face` (crop to embedding), `face-window` (embeddings to score), `face-still` (crop to score), `voice` (samples)."
    name: str
    version: str
    input_size: tuple[int, ...] = ()
    "(height, width) of a face crop, px; (samples, moments) of a second of voice; (rows, D) of a window of embeddings."
    mean: tuple[float, ...] = ()
    "Subtracted from 0..255 RGB, a channel."
    std: tuple[float, ...] = ()
    "Divides what is left, a channel."
    crop_scale: float = 1.0
    "Side of the aligned crop over the side of the tight face square; stream.faces.align tells how it is drawn."
    views: tuple[float, ...] = ()
    "Sides of the crops of one face whose mean logit counts, as crop_scale, which is the first; face-still only."
    window: float = 0.0
    "Length of the sliding window, s."
    rate: float = 0.0
    "Embeddings a second in a face window; samples a second of a voice window, Hz."
    calibration: tuple[float, float] = (1.0, 0.0)
    "Platt (a, b): probability = sigmoid(a * logit + b)."
    thresholds: Mapping[str, float] = field(default_factory=dict)
    "`fake`, `real`: the status is given from there up, from there down; `alert`, `clear`: the alarm. Probabilities."
    quality: Mapping[str, float] = field(default_factory=dict)
    "Limits under which the model was not shown to work: `min_face_px`, `min_sharpness`, `min_rows`, ..."
    training: Mapping[str, Any] = field(default_factory=dict)
    "Data with licence, command, seed, commit, results."

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card; unknown keys are ignored so that an older program reads a newer model.

        Raises ValueError where the text is no card.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict) or "task" not in raw:
            raise ValueError("not a truefeed card")
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in known}
        return cls(**values)
