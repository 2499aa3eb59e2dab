"""How much more is known after more seconds of one voice: held-out speakers, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import numpy as np
import numpy.typing as npt
import torch

from ...engines import Engine
from ...stream.audio import RATE
from ...stream.types import Floats
from ..common.metrics import auc
from ..eval.calibrate import platt
from .dataset import Clip
from .folds import half, split
from .perceptrons import VoiceNet
from .score import heard_row, seconds

HEARD = (1, 2, 4, 8)
"Seconds of one speaker, of one family where they are spoof."


def by_seconds(
    clips: Sequence[Clip], fronts: Sequence[Engine], runs: Sequence[tuple[int, VoiceNet]], out: TextIO
) -> dict[str, dict[str, float]]:
    """Print and return, for so many seconds in a row, what is told and the slope that Platt's fit would have.

    The seconds of a speaker's clips follow each other; each is heard once. Speakers with too few for a line are not in
    it: those with eight are fewer, and others, than those with one.
    """
    answers: dict[int, tuple[list[float], list[int]]] = {count: ([], []) for count in HEARD}
    for fold, model in runs:
        for fake, moments in _speakers(split(clips, fold)[1], fronts[half(fold)]):
            for count in HEARD:
                for start in range(0, len(moments) - count + 1, count):
                    answers[count][0].append(_logit(model, moments[start : start + count]))
                    answers[count][1].append(int(fake))
    lines: dict[str, dict[str, float]] = {}
    for count, (logits, labels) in answers.items():
        line = _line(np.array(logits), np.array(labels))
        if line:
            lines[f"{count} s"] = line
            out.write(f"  after {count} s of one speaker: " + ", ".join(f"{k} {v:g}" for k, v in line.items()) + "\n")
    return lines


def _speakers(held: Sequence[Clip], front: Engine) -> list[tuple[bool, Floats]]:
    groups: dict[tuple[str, str], list[Clip]] = {}
    for clip in held:
        groups.setdefault((clip.speaker, clip.family), []).append(clip)
    found = []
    for members in groups.values():
        long = [clip.version(0) for clip in members if clip.samples.shape[1] >= RATE]
        heard = [front.run({"samples": seconds(samples)})["moments"] for samples in long]
        if heard:
            found.append((members[0].fake, np.concatenate(heard).astype(np.float32)))
    return found


@torch.no_grad()
def _logit(model: VoiceNet, moments: Floats) -> float:
    return float(model(heard_row(moments))[0])


def _line(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    genuine, spoof = logits[labels == 0], logits[labels == 1]
    if min(len(genuine), len(spoof)) < 10:
        return {}
    slope, offset = platt(logits, labels)
    return {
        "genuine": len(genuine),
        "spoof": len(spoof),
        "AUC": round(auc(labels, logits), 3),
        "spoof above 98% of genuine": round(float(np.mean(spoof > np.quantile(genuine, 0.98))), 3),
        "slope": round(slope, 3),
        "even at": round(-offset / slope, 2),
    }
