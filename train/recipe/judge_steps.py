"""The last steps: what a face model says of people it has not seen, by the path that users run; thresholds and card."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...engines import WEIGHTS, load
from ...stream.atomic import write_text
from ...stream.errors import ConfigError
from ...stream.scan.scanner import Job
from ...stream.scoring.models import card_of
from ..data import prepared
from ..data.datasets import Clip
from ..eval import result_card
from ..eval.assess import assess, cases
from ..eval.calibrate import Fit, ceiling, fit, into_card, platt
from ..eval.evaluate import identity, text
from ..eval.replay import Judgement
from ..eval.run import gather, select
from ..face.checkpoints import read_encoder, read_head
from ..face.pairs import Pairs, PairSettings
from ..face.prepared_windows import windows
from .model_card import write_card
from .run import Run

_FEW = 200
"Windows of each kind to calibrate on where there are no labelled fakes."


def thresholds(run: Run) -> None:
    """Fit calibration, thresholds and alarm on those held back, and write them into the window model's card."""
    clips = _clips(run, "validation")
    seen = _seen(run, clips)
    rows = [
        {"name": clip.name, "fake": clip.fake, "method": clip.method, "identity": clip.identity, "seen": what}
        for clip, what in zip(clips, seen, strict=True)
        if what["error"] is None
    ]
    try:
        found, on = fit(rows), "videos of people held back"
    except ConfigError as error:
        sys.stderr.write(f"  {error}: pseudo-fakes take their place, and the thresholds are a guess\n")
        found, on = guess(run), "pseudo-fakes of people held back: too few labelled files"
    quality = card_of(load(WEIGHTS / "face-window.onnx", "cpu")).quality
    into_card(run.model, found, quality, {"on": on, **found.report})
    sys.stderr.write(f"  {json.dumps(found.thresholds)}\n")


def card(run: Run) -> None:
    """Measure the finished model on the test part, or where there is none on those held back; write both cards."""
    part = "test" if prepared.chosen(run.work / "split.json", "test") else "validation"
    clips = _clips(run, part)
    seen = _seen(run, clips)
    models = _job(run).load()
    judgement = Judgement.of(models)
    result = {
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "dataset": str(run.args.dataset.name),
        "selection": {"split": part, "only": None, "limit": run.args.limit},
        "recoded": None,
        "model": identity(models),
        **assess(clips, seen, judgement),
    }
    write_text(run.out / "evaluation.json", json.dumps(result, indent=1))
    write_text(run.out / "evaluation.html", result_card.page(result, cases(clips, seen, judgement)))
    write_card(run, result, part, card_of(models.face_window))
    sys.stderr.write(text(result) + "\n")


def _clips(run: Run, part: str) -> list[Clip]:
    """Return the files to watch: those of a part, at most so many a method, where the data set lies."""
    faces = prepared.chosen(run.work / "split.json", part)
    clips = select([f.clip for f in faces], split=None, only=None, limit=run.args.limit)
    if missing := [clip for clip in clips if not clip.path.is_file()]:
        raise ConfigError(f"{missing[0].path}: no such file: if the data set has moved say where with --files DIR")
    return clips


def _seen(run: Run, clips: Sequence[Clip]) -> list[dict[str, Any]]:
    return gather(clips, _job(run), run.work / "observed", jobs=run.args.jobs, err=sys.stderr)


def _job(run: Run) -> Job:
    return Job("cpu", "centerface", run.model, None)


@torch.no_grad()
def guess(run: Run) -> Fit:
    """Calibrate on windows of genuine people held back and of pseudo-fakes made of them."""
    args, work = run.args, run.work
    pairs = Pairs(work / "faces", PairSettings(size=args.size), args.seed)
    held = prepared.chosen(work / "split.json", "validation")
    sheet = windows(
        read_encoder(work / "encoder.pt"), pairs, held, size=args.size, most=_FEW, fakes=True, seed=args.seed
    )
    if not sheet.rows:
        raise ConfigError(f"{args.dataset}: nobody held back is seen for long enough to set thresholds on")
    network = read_head(work / "head.pt")
    rows, ages = torch.from_numpy(np.stack(sheet.rows)), torch.from_numpy(np.stack(sheet.ages))
    # There is no motion in single crops: those columns say that they are not known.
    still = torch.zeros(*rows.shape[:2], network.settings.motion)
    rows = torch.cat([rows[..., :-1], still, rows[..., -1:]], 2)
    logits = network(rows, ages.clamp_min(0), (ages >= 0).float()).double().numpy()
    labels = np.array(sheet.label, np.int64)
    a, b = platt(logits, labels)
    judgement = Judgement(a, b)
    fake_at = judgement.probability(ceiling(logits[labels == 0], 0.015))
    real_at = min(judgement.probability(float(np.quantile(logits[labels == 1], 0.1))), 0.5, fake_at)
    alert = max(fake_at, 0.95)
    said = {"fake": fake_at, "real": real_at, "alert": alert, "clear": min(alert, max(0.5, alert - 0.1))}
    report = {"windows": len(labels), "genuine": int((labels == 0).sum()), "pseudo_fakes": int((labels == 1).sum())}
    return Fit((round(a, 5), round(b, 5)), {name: round(value, 4) for name, value in said.items()}, report)
