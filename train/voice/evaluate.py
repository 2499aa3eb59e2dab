"""Measure the voice model on what it has not seen, and calibrate it: `python -m truefeed.train.voice.evaluate`.

`--folds DIR` holds one training a fold (`truefeed train voice --fold N --out DIR/foldN`), and `--halves` the two front
ends that they stand on: each is asked only about the families and the speakers that neither of the two ever heard.
Their logits, pooled, give the calibration and the thresholds; false alarms are counted by hearing the held-out genuine
speech through the whole live path. `--final` is the training that ships, on `--front`, measured on the manifest's `dev`
clips. Both labels are heard for the same number of seconds. Intervals are 95%, drawn over speakers. The tables are
those of docs/voice-model.md.
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
import torch

from ...engines import Engine, load
from ...stream.commands.bench import example
from ..common.metrics import auc, eer
from ..eval.calibrate import platt
from .by_duration import by_seconds
from .dataset import Clip, sources
from .dataset import load as load_clips
from .features import ASKED, HALF, OPUS, TWO, Rows
from .features import load as load_rows
from .folds import FOLDS, HALVES, half, split
from .live_alarms import alarms
from .perceptrons import VoiceNet
from .score import read
from .tables import Answers, cell, count, min_dcf, table


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(1)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed, args.extra)
    fronts = [load(path, "cpu", threads=1) for path in args.halves or []]
    results: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    if args.folds:
        runs = trainings(args.folds)
        rows = [load_rows(clips, front, args.cache, number) for number, front in enumerate(fronts)]
        known = sources(args.dataset)
        pooled = _folds(clips, rows, runs, known, summary, sys.stdout)
        calibrate(pooled, results, sys.stdout)
        beside = [clip for clip in clips if clip.fake or clip.source in known]
        summary["by_seconds"] = by_seconds(beside, fronts, runs, sys.stdout)
        if args.live:
            summary["live"] = alarms(clips, fronts, runs, results, args.live, sys.stdout, args.alert_at)
    if args.final:
        mine = load_rows(clips, load(args.front, "cpu", threads=1), args.cache, None)
        summary["dev"] = _dev(clips, mine, read(args.final)[0], sys.stdout)
    if args.model:
        summary["cpu_ms"] = _cost(args.model, sys.stdout)
    results["summary"] = summary
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.evaluate", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--front", type=Path, help="front.onnx of --final")
    parser.add_argument("--halves", type=Path, nargs=HALVES, help="front.onnx trained --without 0, --without 1")
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further folders of the same form")
    parser.add_argument("--folds", type=Path, help="folder of the folds' trainings")
    parser.add_argument("--final", type=Path, help="last.pt of the training that ships")
    parser.add_argument("--model", type=Path, help="the exported file, for its cost")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=int, default=60, help="speech of a kind and fold to be heard live, s; 0 = none")
    parser.add_argument(
        "--alert-at", type=float, default=0.0, help="least level of the alarm, as unheard speech asks for"
    )
    parser.add_argument("--out", type=Path, help="results.json, which the export reads")
    return parser


def trainings(folder: Path) -> list[tuple[int, VoiceNet]]:
    """Read those of the folds that are there."""
    found = [(n, folder / f"fold{n}" / "last.pt") for n in range(len(FOLDS))]
    return [(n, read(path)[0]) for n, path in found if path.exists()]


@torch.no_grad()
def ask(model: VoiceNet, rows: Rows, clips: Sequence[Clip], held: Sequence[Clip], name: str) -> Answers:
    """Logits of held-out clips asked about under a name of ASKED."""
    ids = {id(clip) for clip in held}
    values, owners = rows.asked(name, [i for i, clip in enumerate(clips) if id(clip) in ids])
    logits = model(torch.from_numpy(values)).numpy() if len(values) else np.zeros(0, np.float32)
    return Answers(logits, [clips[i] for i in owners])


def _folds(
    clips: Sequence[Clip],
    rows: Sequence[Rows],
    runs: Sequence[tuple[int, VoiceNet]],
    known: frozenset[str],
    summary: dict[str, Any],
    out: TextIO,
) -> Answers:
    """Print what each family reaches where it was left out; return the pooled answers at 2 s.

    The tables are of genuine speech of the data set's own sources, `known`; what else there is of it, a line tells.
    """
    asked: dict[str, list[Answers]] = {TWO: [], OPUS: []}
    others: dict[str, list[float]] = {TWO: [], OPUS: []}
    families: dict[str, dict[str, list[float]]] = {}
    counts: dict[str, str] = {}
    for fold, model in runs:
        answers: dict[str, Answers] = {}
        for name, parts in asked.items():
            part = ask(model, rows[half(fold)], clips, split(clips, fold)[1], name)
            parts.append(part)
            answers[name] = part.only(sources=known)
            further = part.only(sources={clip.source for clip in part.clips} - known)
            if not all(clip.fake for clip in further.clips):
                others[name] += further.by_family()
        for family in sorted({c.family for c in answers[TWO].clips if c.fake}):
            families[family] = {name: cell(part.only(family)) for name, part in answers.items()}
            counts[family] = count(answers[TWO].only(family))
    pooled = {name: _joined(parts) for name, parts in asked.items()}
    every = {name: part.only(sources=known) for name, part in pooled.items()}
    families["all pooled"] = {name: cell(part) for name, part in every.items()}
    counts["all pooled"] = count(every[TWO])
    out.write(f"Families and speakers left out, AUC [95%] / EER:\n\n{table(families, counts)}\n")
    each = [row for name, row in families.items() if name != "all pooled"]
    means = {name: [round(float(np.nanmean([row[name][k] for row in each])), 3) for k in (0, 3)] for name in every}
    out.write("Mean over families: " + "; ".join(f"{n} AUC {v[0]}, EER {v[1]}" for n, v in means.items()) + "\n")
    if others[TWO]:
        means |= {f"{name}, other recordings": [round(float(np.mean(values)), 3)] for name, values in others.items()}
        ours = "; ".join(f"{name} AUC {np.mean(values):.3f}" for name, values in others.items())
        out.write(f"  the same against genuine speech of further recordings, held out by speaker: {ours}\n")
    within = _within(every[TWO])
    out.write(f"Against genuine speech of the same recordings: {within}\n")
    dcf = round(min_dcf(every[TWO].labels, every[TWO].logits), 3)
    out.write(f"minDCF (spoof 5%, a false alarm costs 10 misses), pooled: {dcf}\n\n")
    summary |= {"unseen_families": families, "unseen_mean": means, "within_domain": within, "min_dcf": dcf}
    return pooled[TWO]


def _joined(parts: Sequence[Answers]) -> Answers:
    return Answers(np.concatenate([part.logits for part in parts]), [clip for part in parts for clip in part.clips])


def _within(answers: Answers) -> dict[str, float]:
    """AUC of a corpus' copies against the same corpus' genuine clips: nothing but the making differs."""
    table_: dict[str, float] = {}
    for domain in sorted({c.domain for c in answers.clips}):
        chosen = [i for i, c in enumerate(answers.clips) if c.domain == domain]
        labels = answers.labels[chosen]
        if min(int(labels.sum()), int((1 - labels).sum())) >= 5:
            table_[domain] = round(auc(labels, answers.logits[chosen]), 3)
    return table_


def _dev(clips: Sequence[Clip], rows: Rows, model: VoiceNet, out: TextIO) -> dict[str, Any]:
    held = split(clips, None)[1]
    answers = {name: ask(model, rows, clips, held, name) for name in ASKED}
    families = [*sorted({c.family for c in held if c.fake}), None]
    cells = {f or "all": {name: cell(part.only(f)) for name, part in answers.items()} for f in families}
    counts = {f or "all": count(answers[HALF].only(f)) for f in families}
    out.write(
        f"Unseen speakers, kinds of copies that were learnt (`dev`), AUC [95%] / EER:\n\n{table(cells, counts)}\n"
    )
    return cells


def calibrate(answers: Answers, results: dict[str, Any], out: TextIO) -> None:
    """Platt's fit, and thresholds by what genuine speech reaches: 2% called fake, none near an alert."""
    logits, labels = np.asarray(answers.logits, np.float64), answers.labels
    a, b = platt(logits, labels)
    fake = 1 / (1 + np.exp(-(a * logits + b)))
    genuine, spoof = fake[labels == 0], fake[labels == 1]
    fake_at = float(np.clip(np.quantile(genuine, 0.98), 0.6, 0.98))
    real_at = float(np.clip(np.quantile(spoof, 0.1), 0.02, 0.4))
    # Half a unit of log-odds above everything that genuine speech reached: an hour has 3,600 windows.
    top = float(genuine.max())
    alert = float(np.clip(1 / (1 + (1 - top) / top * np.exp(-0.5)), fake_at, 0.99))
    results["calibration"] = [round(a, 4), round(b, 4)]
    levels = {"fake": fake_at, "real": real_at, "alert": alert, "clear": min(alert, fake_at) - 0.1}
    results["thresholds"] = {name: round(value, 3) for name, value in levels.items()}
    shares = {
        "genuine called fake": float(np.mean(genuine >= fake_at)),
        "spoof called fake": float(np.mean(spoof >= fake_at)),
        "genuine called real": float(np.mean(genuine <= real_at)),
        "spoof called real": float(np.mean(spoof <= real_at)),
        "spoof above the alert": float(np.mean(spoof >= alert)),
    }
    out.write(f"Calibration {results['calibration']}, thresholds {results['thresholds']}\n")
    out.write("  " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()) + "\n")
    out.write(f"  EER pooled {eer(labels, logits):.3f}\n\n")
    results["shares"] = shares


def _cost(path: Path, out: TextIO) -> float:
    """CPU time of a second of speech in ONNX Runtime on one thread, ms: the median of 40."""
    engine: Engine = load(path, "cpu", threads=1)
    inputs = example(engine)
    times = []
    for _ in range(40):
        begin = time.process_time()
        engine.run(inputs)
        times.append(1000 * (time.process_time() - begin))
    cost = float(np.median(times))
    out.write(f"{path.name}: {cost:.1f} CPU-ms a second of speech, {path.stat().st_size / 1e6:.2f} MB\n")
    return round(cost, 1)


if __name__ == "__main__":
    sys.exit(main())
