"""The two face models: crops to embeddings, windows of embeddings to logits, both batched over faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...engines import Card, EngineError
from ..calibration import sigmoid
from ..faces.align import crop
from ..faces.motion_features import COLUMNS
from ..types import Floats, Image, Window
from .models import Models, card_of
from .window import pack


class FaceScorer:
    """Runs the face models on whatever faces it is given; keeps nothing of them."""

    def __init__(self, models: Models) -> None:
        self.card = card_of(models.face)
        self.window_card = card_of(models.face_window)
        self._face, self._window = models.face, models.face_window
        moves = self.window_card.training.get("motion") or 0
        if moves not in (0, COLUMNS):
            raise EngineError(
                f"{self.window_card.name}: made for {moves} columns of motion, not {COLUMNS}: export anew"
            )

    def crops(self, image: Image, points: Sequence[Floats]) -> list[Image]:
        """Cut one aligned face a (5, 2) set of points from the HxWx3 BGR picture."""
        return [crop(image, five, self.card.input_size[0], self.card.crop_scale) for five in points]

    def embed(self, crops: Sequence[Image]) -> tuple[Floats, Floats]:
        """Return embeddings (n, D), the last column the logit of the crop alone, and evidence maps (n, h, w)."""
        found = self._face.run({"crops": blob(crops, self.card)})
        return np.asarray(found["embedding"], np.float32), np.asarray(found["map"], np.float32)

    @property
    def wants_motion(self) -> bool:
        """Say whether the window model takes what stream.faces.motion_features measures."""
        return bool(self.window_card.training.get("motion"))

    def rows(self, embeddings: Floats, motion: Floats) -> Floats:
        """Return what the window model takes a frame: (n, D), or with (n, COLUMNS) of motion before the last column."""
        if not self.wants_motion:
            return embeddings
        return np.concatenate([embeddings[:, :-1], motion, embeddings[:, -1:]], 1)

    def score(self, windows: Sequence[Window]) -> Floats:
        """Return (n,) logits, before calibration."""
        found = self._window.run(pack(windows, self.window_card.input_size[0]))
        return np.asarray(found["logit"], np.float32).reshape(-1)

    def probability(self, logit: float) -> float:
        """Return the calibrated probability that a face with this window logit is made by a machine."""
        return sigmoid(logit, self.window_card.calibration)


def blob(crops: Sequence[Image], card: Card) -> Floats:
    """Return the input of the face model, (n, 3, S, S) RGB, normalised as the card says, for n (S, S, 3) BGR crops."""
    pictures = np.ascontiguousarray(np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32)
    pictures -= np.array(card.mean, np.float32)[:, None, None]
    pictures /= np.array(card.std, np.float32)[:, None, None]
    return pictures
