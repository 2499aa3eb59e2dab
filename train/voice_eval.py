"""Measure the voice model on what it has not seen, and calibrate it: `python -m truefeed.train.voice_eval`.

`--folds DIR` holds one training a fold (`truefeed train voice --fold N --out DIR/foldN`): each is asked only about the
families and the speakers that it never saw. Their logits, pooled, give the calibration and the thresholds; false alarms
are counted by hearing the held-out genuine speech through the whole live path. `--final` is the training that ships,
measured on the manifest's `dev` clips. Intervals are 95%, drawn over speakers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt
import torch

from ..engines import Card, load
from ..stream.values import Floats
from .calibrate import platt
from .channel import lossy, through
from .metrics import auc, bootstrap, eer
from .voice_data import Clip
from .voice_data import load as load_clips
from .voice_net import VoiceNet
from .voice_observe import NetEngine, joined, listen
from .voice_score import read, score
from .voice_splits import FOLDS, split

Numbers = npt.NDArray[np.float64]
KINDS = {"librispeech_tc100": "read, close, clean", "ravdess": "expressive", "pyannote_meeting": "meeting, far field"}
"Kinds of genuine speech by source; the rest are demo pages: read, studio."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice_eval", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--extra", type=Path)
    parser.add_argument("--folds", type=Path, help="folder of the folds' trainings")
    parser.add_argument("--final", type=Path, help="last.pt of the training that ships")
    parser.add_argument("--model", type=Path, help="the exported file, for its cost")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=int, default=240, help="speech of a kind and fold to be heard live, s; 0 = none")
    parser.add_argument("--out", type=Path, help="results.json, which the export reads")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
    results: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    if args.folds:
        found = [(n, args.folds / f"fold{n}" / "last.pt") for n in range(len(FOLDS))]
        _folds(clips, [(n, path) for n, path in found if path.exists()], results, summary, args.live, sys.stdout)
    if args.final:
        model, _ = read(args.final)
        held = split(clips, None)[1]
        summary["dev"] = _table("dev", held, model, sys.stdout, [])
    if args.model:
        summary["cpu_ms"] = _cost(args.model, sys.stdout)
    results["summary"] = summary
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _folds(
    clips: Sequence[Clip],
    runs: Sequence[tuple[int, Path]],
    results: dict[str, Any],
    summary: dict[str, Any],
    live: int,
    out: TextIO,
) -> None:
    """Score what each fold holds out, print it, calibrate on it and count alarms with that calibration."""
    logits: list[Numbers] = []
    labels: list[npt.NDArray[np.int64]] = []
    families: dict[str, Any] = {}
    for fold, path in runs:
        model, _ = read(path)
        held = split(clips, fold)[1]

        families |= _table(f"fold {fold}", held, model, out, logits)
        labels.append(_labels(held))
    means = {}
    for column in next(iter(families.values())):
        values = [row[column][0] for name, row in families.items() if not name.startswith("all")]
        means[column] = round(float(np.nanmean(values)), 3)
    out.write(f"mean over families: {means}\n")
    summary["unseen_families"] = families
    summary["unseen_mean"] = means
    _calibrate(np.concatenate(logits), np.concatenate(labels), results, out)
    if live:
        summary["live"] = _alarms(clips, runs, results, live, out)


def _labels(clips: Sequence[Clip]) -> npt.NDArray[np.int64]:
    return np.array([int(c.fake) for c in clips])


def _table(title: str, held: Sequence[Clip], model: VoiceNet, out: TextIO, logits_4s: list[Numbers]) -> dict[str, Any]:
    """Print and return AUC and EER of each family against the genuine clips, with intervals over speakers."""
    rng = np.random.default_rng(0)

    def opus(samples: Floats) -> Floats:
        return lossy(through(samples, "libopus", 16_000), 0.05, rng)

    columns = {
        "4 s": score(model, held, seconds=4.0),
        "2 s": score(model, held, seconds=2.0),
        "1 s": score(model, held, seconds=1.0),
        "opus 16k 5% loss": score(model, held, seconds=4.0, through=opus),
    }
    logits_4s.append(columns["4 s"])
    labels, speakers = _labels(held), np.array([c.speaker for c in held])
    rows: dict[str, Any] = {}
    out.write(f"{title}: AUC [95%] / EER, clips up to\n")
    for name in [*sorted({c.family for c in held if c.fake}), f"all of {title}"]:
        mask = np.array([name.startswith("all") or c.family in (name, "real") for c in held])
        row = {}
        for column, logits in columns.items():
            value = auc(labels[mask], logits[mask])
            low, high = bootstrap(auc, labels[mask], logits[mask], speakers[mask], 200)
            row[column] = tuple(round(float(v), 3) for v in (value, low, high, eer(labels[mask], logits[mask])))
        rows[name] = row
        text = "  ".join(f"{c} {v[0]:.3f} [{v[1]:.2f} {v[2]:.2f}] / {v[3]:.2f}" for c, v in row.items())
        out.write(f"  {name:16s} n={int(labels[mask].sum()):3d}/{int((1 - labels[mask]).sum()):3d}  {text}\n")
    return rows


def _calibrate(logits: Numbers, labels: npt.NDArray[np.int64], results: dict[str, Any], out: TextIO) -> None:
    """Platt's fit, and thresholds by what genuine speech reaches: 2% called fake, none near an alert."""
    a, b = platt(logits, labels)
    fake = 1 / (1 + np.exp(-(a * logits + b)))
    genuine, spoof = fake[labels == 0], fake[labels == 1]
    fake_at = float(np.clip(np.quantile(genuine, 0.98), 0.6, 0.98))
    real_at = float(np.clip(np.quantile(spoof, 0.1), 0.02, 0.4))
    # Half a unit of log-odds above everything that genuine speech reached: an hour has 3,600 windows.
    top = float(genuine.max())
    alert = float(np.clip(1 / (1 + (1 - top) / top * np.exp(-0.5)), fake_at, 0.99))
    results["calibration"] = [round(a, 4), round(b, 4)]
    results["thresholds"] = {
        "fake": round(fake_at, 3),
        "real": round(real_at, 3),
        "alert": round(alert, 3),
        "clear": round(min(alert, fake_at) - 0.1, 3),
    }
    shares = {
        "genuine called fake": float(np.mean(genuine >= fake_at)),
        "spoof called fake": float(np.mean(spoof >= fake_at)),
        "genuine called real": float(np.mean(genuine <= real_at)),
        "spoof called real": float(np.mean(spoof <= real_at)),
    }
    out.write(f"calibration {results['calibration']}, thresholds {results['thresholds']}\n")
    out.write("  " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()) + "\n")
    results["shares"] = shares


def _alarms(
    clips: Sequence[Clip], runs: Sequence[tuple[int, Path]], results: dict[str, Any], seconds: int, out: TextIO
) -> dict[str, Any]:
    """Hear held-out speech, clip after clip, live: alerts and windows called fake, by kind of speech."""
    heard: dict[str, list[float]] = {}
    for fold, path in runs:
        model, _ = read(path)
        a, b = results["calibration"]
        card = Card("voice", "fold", "0", window=4.0, calibration=(a, b), thresholds=results["thresholds"])
        groups: dict[str, list[Clip]] = {}
        for clip in split(clips, fold)[1]:
            name = f"spoof: {clip.family}" if clip.fake else f"genuine: {KINDS.get(clip.source, 'demo pages')}"
            groups.setdefault(name, []).append(clip)
        for name, members in groups.items():
            samples = joined([clip.version(0) for clip in members])[: seconds * 16000]
            verdicts = list(listen(NetEngine(model, card), samples))
            raised = [alert for _, alerts in verdicts for alert in alerts if alert.raised and alert.subject == "voice"]
            scored = [voice for voice, _ in verdicts if voice.fake is not None]
            row = heard.setdefault(name, [0.0, 0.0, 0.0, 0.0])
            for index, value in enumerate(
                (len(samples) / 16000 / 3600, len(raised), len(scored), sum(v.status == "fake" for v in scored))
            ):
                row[index] += value
    table = {}
    for name, (hours, alerts, windows, called) in sorted(heard.items()):
        share = called / max(windows, 1.0)
        table[name] = {"minutes": round(hours * 60, 1), "alerts": int(alerts), "windows_called_fake": round(share, 4)}
        rate = f", {alerts / hours:.1f} an hour" if name.startswith("genuine") and hours else ""
        out.write(
            f"  live, {name:32s} {hours * 60:5.1f} min: {int(alerts)} alerts{rate}; {share:.1%} of windows fake\n"
        )
    return table


def _cost(path: Path, out: TextIO) -> float:
    """CPU time of a 4 s window in ONNX Runtime on one thread, ms: the median of 20."""
    engine = load(path, "cpu", threads=1)
    samples = (np.random.default_rng(0).standard_normal((1, 64000)) * 0.03).astype(np.float32)
    times = []
    for _ in range(20):
        begin = time.process_time()
        engine.run({"samples": samples})
        times.append(1000 * (time.process_time() - begin))
    out.write(f"{path.name}: {np.median(times):.1f} CPU-ms a 4 s window, {path.stat().st_size / 1e6:.2f} MB\n")
    return round(float(np.median(times)), 1)


if __name__ == "__main__":
    sys.exit(main())
