"""What the seconds of a voice add up to: the weight of evidence, and the table of the evaluation."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from truefeed.stream.audio import RATE  # noqa: E402
from truefeed.stream.types import Floats  # noqa: E402
from truefeed.train.voice.by_duration import by_seconds  # noqa: E402
from truefeed.train.voice.dataset import Clip  # noqa: E402
from truefeed.train.voice.folds import FOLDS  # noqa: E402
from truefeed.train.voice.front import DEPTHS, ROW, row  # noqa: E402
from truefeed.train.voice.score import Reader, even  # noqa: E402


class First(torch.nn.Module):
    """The first number of a row is the logit."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, 0]


class Marks:
    """A front end whose first moment is the share of positive samples, -1 to 1, with noise."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.heard = 0

    def run(self, inputs: Mapping[str, Floats]) -> dict[str, Floats]:
        self.heard += len(inputs["samples"])
        moments = np.zeros((len(inputs["samples"]), ROW), np.float32)
        moments[:, 0] = np.sign(inputs["samples"]).mean(1) + self.rng.normal(0, 2, len(moments))
        return {"moments": moments}


def test_the_mean_of_moments_is_that_of_the_seconds_together() -> None:
    rng = np.random.default_rng(0)
    parts = torch.from_numpy(rng.normal(1, 2, (3, 50, ROW // 2)).astype(np.float32))
    moments = [torch.cat([d for x in p.split(list(DEPTHS), 1) for d in (x.mean(0), (x * x).mean(0))]) for p in parts]
    found = row(torch.stack(moments).mean(0, keepdim=True))[0]
    whole = parts.reshape(-1, ROW // 2)
    expected = torch.cat([d for x in whole.split(list(DEPTHS), 1) for d in (x.mean(0), x.std(0, correction=0))])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_the_same_logit_means_more_after_more_seconds() -> None:
    reader = Reader(First(), even((0.8, 0.4)))
    assert even((0.8, 0.4)) == -0.5
    logits = {}
    for count in (1, 2, 8):
        moments = torch.full((1, ROW), 1.5)
        past, before = (count - 1) * moments, torch.full((1, 1), count - 1.0)
        logits[count] = float(reader(moments, past, before)[0])
    assert logits[2] == pytest.approx(1.5)
    assert logits[1] == pytest.approx(-0.5 + 2 * 2 / 3)
    assert logits[8] == pytest.approx(-0.5 + 2 * 1.6)
    half = torch.full((1, ROW), -0.5)
    assert float(reader(half, 7 * half, torch.full((1, 1), 7.0))[0]) == pytest.approx(-0.5)


def test_more_seconds_of_a_speaker_tell_more() -> None:
    clips = []
    for number in range(240):
        fake = number % 2 == 1
        marks = np.where(np.arange(4 * RATE + 99) % 5 < (3 if fake else 2), 900, -900).astype(np.int16)
        family, speaker = sorted(FOLDS[0])[0] if fake else "real", f"speaker {number // 4}"
        clips.append(Clip(np.stack([marks] * 3), fake, "g", family, "page", speaker, "train", f"{number}.flac"))
    front, out = Marks(), io.StringIO()
    table = by_seconds(clips, [front, front], [(0, First())], out)  # type: ignore[list-item]
    assert list(table) == ["1 s", "2 s", "4 s", "8 s"]
    aucs = [line["AUC"] for line in table.values()]
    slopes = [line["slope"] for line in table.values()]
    assert aucs == sorted(aucs)
    assert slopes[-1] > 1.5 * slopes[0]
    assert front.heard == table["1 s"]["genuine"] + table["1 s"]["spoof"]
    assert "after 8 s of one speaker" in out.getvalue()
