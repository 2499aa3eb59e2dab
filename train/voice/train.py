"""Train the voice model: `truefeed train voice --dataset DIR`.

DIR holds genuine/ and spoof/ with sound files of any kind, or a manifest.csv (see train.voice.corpus). Each second of
speech is heard once by the front end of --start, by itself the shipped model's, as it comes and behind lines; the
readout is taught on that (see train.voice.readout). Pages, or generators and speakers, are left out in turn:
calibration and thresholds come from what is said of those, and the readout that ships hears everything.

Writes OUT/voice.onnx, which `truefeed watch --voice-model` and `truefeed scan --voice-model` take, and its result card
OUT/voice.json.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...engines import Card, load
from ...stream.atomic import write_text
from ...stream.audio import RATE
from ...stream.scoring.models import card_of, voice_file
from ...stream.types import Floats
from . import alarms, corpus
from .assemble import assemble, front_of
from .dataset import Clip
from .features import CLEAN, DRAWN, LINES, NARROW, hear, windows
from .pages import folds
from .readout import Readout, fit
from .score import WINDOW, even_at, weighed, width
from .tables import Answers, calibrate, cell, shares, within

LENGTHS = (2, 1, 4)
"Seconds of speech that are asked about; the calibration is that of the first."
Heard = Mapping[str, Sequence[Floats]]


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    clips = [clip for folder in args.dataset for clip in corpus.load(folder)]
    asked = len(clips)
    clips += [clip for folder in args.beside for clip in corpus.load(folder)]
    start = voice_file(args.start)
    engine = load(start, "cpu", threads=args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    learnt = [CLEAN] if args.clean else [CLEAN, DRAWN]
    lines = [*learnt, *(line for line in args.ask if line not in learnt)]
    ears = [engine, *(load(path, "cpu", threads=args.threads) for path in args.without)]
    heard, *without = ({line: hear(clips, ear, line, args.cache or args.out) for line in lines} for ear in ears)
    sys.stderr.write("teaching the readout, pages, speakers and generators left out in turn\n")
    each = teach_folds(clips, without or [heard], learnt, args.epochs, asked)
    results = measure(left_out(clips, each))
    results["live"] = live(clips, each, results)
    readout = taught(clips, heard, learnt, range(len(clips)), args.epochs)
    card = _card(args, results, width(engine), card_of(engine))
    worst = assemble(front_of(start), readout, card, args.out / "voice.onnx")
    write_text(args.out / "voice.json", json.dumps(results, indent=1) + "\n")
    sys.stdout.write(report(results))
    sys.stderr.write(f"{args.out / 'voice.onnx'}  worst difference {worst:.1e}\n")
    sys.stderr.write(f"Hear with it: truefeed watch --voice-model {args.out / 'voice.onnx'} SOURCE\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truefeed train voice", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, nargs="+", required=True, metavar="DIR", help="folders of speech")
    parser.add_argument(
        "--beside",
        type=Path,
        nargs="*",
        default=[],
        metavar="DIR",
        help="the same, to learn from and not to be asked about",
    )
    parser.add_argument("--start", metavar="NAME|FILE", help="voice model, or front end, whose hearing is used")
    parser.add_argument(
        "--without",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE",
        help="--start taught without each fold, for the figures",
    )
    parser.add_argument("--epochs", type=int, default=60, help="passes over all windows at most (L-BFGS)")
    parser.add_argument("--clean", action="store_true", help="hear clips only as they come: half of the time")
    parser.add_argument("--ask", nargs="*", default=[], choices=list(LINES), metavar="LINE", help="lines to measure on")
    parser.add_argument("--out", type=Path, default=Path("runs/voice"), help="folder of the model and its result card")
    parser.add_argument("--cache", type=Path, help="folder of what was heard, to be heard only once; default: OUT")
    parser.add_argument("--threads", type=int, default=1)
    return parser


@dataclass(frozen=True, eq=False)
class Fold:
    """A readout, what it hears, and what it was taught without."""

    readout: Readout
    heard: Heard
    out: Sequence[int]
    "Indices of clips."


def teach_folds(
    clips: Sequence[Clip], heard: Sequence[Heard], learnt: Sequence[str], steps: int, asked: int | None = None
) -> list[Fold]:
    """Teach a readout for each fold.

    Args:
        clips: all of them.
        heard: moments of all clips by line, of the one front end, or of one a fold that was taught without it.
        learnt: lines to learn from.
        steps: passes at most.
        asked: how many of the clips, the first ones, are left out in turn; the others are always learnt from.
    """
    sides = folds(clips[:asked])
    always = list(range(asked, len(clips))) if asked is not None else []
    each = [heard[min(i, len(heard) - 1)] for i in range(len(sides))]
    return [
        Fold(taught(clips, mine, learnt, [*kept, *always], steps), mine, out)
        for (kept, out), mine in zip(sides, each, strict=True)
    ]


def left_out(clips: Sequence[Clip], each: Sequence[Fold]) -> dict[tuple[str, int], Answers]:
    """Return the answers by line and length about all clips, each from a fold that left it out, not yet weighed."""
    found: dict[tuple[str, int], Answers] = {}
    for fold in each:
        for line, moments in fold.heard.items():
            for length in LENGTHS:
                index, rows = windows([moments[i] for i in fold.out], length)
                logits = fold.readout.logits(rows) if len(rows) else np.zeros(0, np.float32)
                part = Answers(logits, [clips[fold.out[i]] for i in index])
                known = found.get((line, length))
                found[line, length] = part if known is None else known + part
    return found


def live(clips: Sequence[Clip], each: Sequence[Fold], results: Mapping[str, Any]) -> dict[str, Any]:
    """Set the alarm above genuine speech; return the alerts on pages and generators that were left out."""
    groups: dict[str, list[alarms.Heard]] = {}
    for fold in each:
        moments = fold.heard[CLEAN]
        joined = alarms.stretches([clips[i] for i in fold.out], [moments[i] for i in fold.out])
        for name, speech in joined.items():
            said = alarms.judged(speech, fold.readout, results["calibration"], results["thresholds"])
            groups.setdefault(name, []).append(said)
    genuine = [said for name, all_ in groups.items() if name.startswith("genuine") for said in all_]
    levels = results["thresholds"]
    levels["alert"] = alarms.quiet(genuine, levels)
    found = alarms.alarms(groups, levels)
    total = alarms.alarms({"genuine": genuine}, levels) if genuine else {}
    return {"by_group": found, **total, "spoof": alarms.soon(found)}


def taught(clips: Sequence[Clip], heard: Heard, learnt: Sequence[str], kept: Sequence[int], steps: int) -> Readout:
    """Teach a readout on all windows of 2 s and the first second of these clips."""
    rows, owners = [], []
    for line in learnt:
        mine = [heard[line][i] for i in kept]
        for length, every in ((2, True), (1, False)):
            index, some = windows(mine, length, every=every)
            rows.append(some)
            owners += [clips[kept[i]] for i in index]
    return fit(np.concatenate([some for some in rows if len(some)]), owners, steps)


def measure(answers: Mapping[tuple[str, int], Answers]) -> dict[str, Any]:
    """Calibrate on the answers and return all figures; AUC [95% over speakers], EER, mean AUC within pages, shares."""
    told = {key: part for key, part in answers.items() if len(set(part.labels.tolist())) == 2}
    first = told.get((CLEAN, LENGTHS[0]), told[CLEAN, LENGTHS[1]])
    calibration, _ = calibrate(first)
    even = even_at(calibration)
    scaled = {key: Answers(weighed(part.logits, key[1], even), part.clips) for key, part in answers.items()}
    calibration, thresholds = calibrate(
        first, [part for (line, length), part in scaled.items() if length > 1 and line not in NARROW]
    )
    rows = {}
    for (line, length), part in scaled.items():
        if (line, length) not in told:
            continue
        pages = within(part)
        mean = round(float(np.mean(list(pages.values()))), 3) if pages else None
        counts = {"spoof": int(part.labels.sum()), "genuine": int((1 - part.labels).sum())}
        name = f"{length} s, {line}"
        rows[name] = {"cell": cell(part), "within": mean, "pages": pages, **counts}
        rows[name] |= shares(part, calibration, thresholds)
    return {"calibration": calibration, "thresholds": thresholds, "left_out": rows}


def report(results: Mapping[str, Any]) -> str:
    """Return the figures as a table in Markdown."""
    lines = [
        "| left out, heard | spoof / genuine | AUC [95%] / EER | mean within a page | genuine, spoof called fake |"
    ]
    lines.append("|---|---|---|---|---|")
    for name, row in results["left_out"].items():
        auc, low, high, eer = row["cell"]
        mean = f"{row['within']:.3f}" if row["within"] is not None else ""
        called = ", ".join(f"{row[f'{label} called fake']:.1%}" for label in ("genuine", "spoof"))
        lines.append(
            f"| {name} | {row['spoof']} / {row['genuine']} | {auc:.3f} [{low:.2f} {high:.2f}] / {eer:.3f} "
            f"| {mean} | {called} |"
        )
    return "\n".join(lines) + f"\n\ncalibration {results['calibration']}, thresholds {results['thresholds']}\n"


def _card(args: argparse.Namespace, results: Mapping[str, Any], size: int, start: Card) -> Card:
    words = sys.argv[1:] if sys.argv[1:2] == ["train"] else ["train", "voice", *_spelled(args)]
    training = {
        "command": "truefeed " + shlex.join(Path(word).name if "/" in word else word for word in words),
        "data": [line for folder in (*args.dataset, *args.beside) for line in corpus.licences(folder)],
        "started_from": start.training.get("started_from", "the front end of another model"),
        "front": start.training.get("front", start.training),
        "results": results["left_out"],
    }
    return Card(
        task="voice",
        name="truefeed-voice",
        version="0.3.0",
        input_size=(RATE, size),
        window=WINDOW,
        rate=float(RATE),
        calibration=results["calibration"],
        thresholds=results["thresholds"],
        quality={"min_speech": 1.0, "full_speech": 2.0},
        training=training,
    )


def _spelled(args: argparse.Namespace) -> list[str]:
    return ["--dataset", *map(str, args.dataset), *(["--start", str(args.start)] if args.start else [])]


if __name__ == "__main__":
    sys.exit(main())
