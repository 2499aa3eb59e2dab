"""`truefeed evaluate`: how good the detector is on labelled files, measured through the very path that users run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...stream.atomic import write_text
from ...stream.errors import ConfigError
from ...stream.scan.scanner import Job
from ...stream.scoring.models import Models
from ..data import datasets
from . import result_card, suite
from .assess import assess, cases, duration
from .recompress import Recode, recoded
from .replay import Judgement
from .run import gather, select

_ABOUT = """\
Measure a model on labelled videos, pictures or sounds, through the same analysis as `truefeed scan` and `watch`:
AUC, EER, detection at fixed false alarms, Brier score and calibration error with 95% intervals over people, by method
and by quality; what was not scored; false alarms per stream-hour; detection against seconds observed."""

_EPILOG = """\
DATA is a folder (FaceForensics++, DFDC, Celeb-DF, real/ and fake/, or with a manifest.csv) or a manifest: path, label
(real, fake, bonafide, spoof) and, where known, method or generator, target_id or speaker, split.

The folder --out gets evaluation.json, evaluation.html and what was observed of each file; a second run with the same
model and files only computes. exit codes: 0 done, 1 some file failed, 2 usage."""


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    if args.suite:
        rows = suite.run(args.out, args.dataset, args.folds, args.parts, sys.stderr)
        sys.stdout.write((json.dumps([asdict(r) for r in rows]) if args.json else suite.table(rows)) + "\n")
        return 0
    clips = select(datasets.read(args.dataset), split=args.split, only=args.only, limit=args.limit)
    if not clips:
        raise ConfigError(f"{args.dataset}: nothing to evaluate is left with these options")
    result_card.need_matplotlib()
    job = Job(args.engine, args.faces, args.model, args.voice_model)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.recode is not None:
        clips = recoded(clips, args.recode, args.out / "recoded", sys.stderr)
    seen = gather(clips, job, args.out / "observed", jobs=args.jobs, err=sys.stderr)
    models = job.load()
    judgement = Judgement.of(models)
    result = {
        "made": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "dataset": args.dataset.name,
        "selection": {"split": args.split, "only": args.only, "limit": args.limit},
        "recoded": None if args.recode is None else str(args.recode),
        "model": identity(models),
        **assess(clips, seen, judgement, rounds=args.rounds),
    }
    if args.against is not None:
        result["loss"] = loss(json.loads(args.against.read_text()), result)
    every = cases(clips, seen, judgement)
    write(args.out / "evaluation.json", json.dumps(result, indent=1))
    write(args.out / "observed.json", json.dumps(_raw(clips, seen)))
    write(args.out / "evaluation.html", result_card.page(result, every))
    sys.stdout.write((json.dumps(result) if args.json else text(result)) + "\n")
    sys.stderr.write(f"written: {args.out / 'evaluation.html'}, {args.out / 'evaluation.json'}\n")
    return 1 if result["files"]["failed"] else 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "truefeed evaluate", description=_ABOUT, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, metavar="DATA", help="labelled files; see below")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), metavar="DIR", help="(default: evaluation)")
    parser.add_argument("--split", help="only this part, as the data set names it")
    parser.add_argument("--only", metavar="PREFIX", help="only files whose path below DATA begins so")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many files a method, spread evenly")
    parser.add_argument(
        "--recode", type=_recode, metavar="HEIGHTp:RATEk", help="first code every video anew, as in 360p:150k"
    )
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="evaluation.json of another run: print what AUC was lost since"
    )
    parser.add_argument(
        "--model", type=Path, metavar="NAME|FILE", help="face model: fast (default), or a file or folder"
    )
    parser.add_argument("--voice-model", type=Path, metavar="FILE", help="voice model instead of the shipped one")
    parser.add_argument("--engine", default="auto", choices=("auto", "cpu", "cuda", "tensorrt", "openvino"))
    parser.add_argument("--faces", default="centerface", metavar="DETECTOR", help="as in `truefeed watch`")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--rounds", type=int, default=1000, metavar="N", help="of the bootstrap (default 1000)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    whole = parser.add_argument_group("all models at once")
    whole.add_argument(
        "--suite",
        action="store_true",
        help="measure face, voice and stills on DATA (faces/, clips/ and voice/) with methods, pages and people left "
        "out, and print one table; without --dataset the table of the results that lie in --out",
    )
    whole.add_argument("--parts", nargs="+", choices=tuple(suite.PARTS), default=tuple(suite.PARTS), metavar="PART")
    whole.add_argument("--folds", type=Path, metavar="DIR", help="models that were trained with groups left out")
    args = parser.parse_args(argv)
    if args.dataset is None and not args.suite:
        parser.error("--dataset is needed: what shall be measured?")
    if args.jobs < 1 or args.rounds < 1 or (args.limit is not None and args.limit < 1):
        parser.error("--jobs, --rounds and --limit take a number from 1 up")
    return args


def _recode(text: str) -> Recode:
    try:
        return Recode.of(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def loss(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what of each AUC was lost since another evaluation."""
    pairs = {"all": (before["all"], now["all"])}
    pairs |= {name: (f, now["by_method"][name]) for name, f in before["by_method"].items() if name in now["by_method"]}
    values = {name: (f["auc"]["value"], g["auc"]["value"]) for name, (f, g) in pairs.items()}
    return {name: None if None in (a, b) else round(a - b, 4) for name, (a, b) in values.items()}


def identity(models: Models) -> dict[str, str]:
    """Name the models measured."""
    voice = {"voice_sha256": models.voice.sha256} if models.voice is not None else {}
    still = {"still_sha256": models.still.sha256} if models.still is not None else {}
    return {**models.identity(), **voice, **still}


def _raw(clips: list[datasets.Clip], seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What calibration starts from: the labels with all that was observed."""
    return [
        {
            "name": clip.name,
            "fake": clip.fake,
            "method": clip.method,
            "identity": clip.identity,
            "split": clip.split,
            "seen": what,
        }
        for clip, what in zip(clips, seen, strict=True)
    ]


def write(path: Path, content: str) -> None:
    """Write at once or not at all."""
    write_text(path, content)


def text(result: Mapping[str, Any]) -> str:
    """The result as a table to read."""
    files, alarms, hits = result["files"], result["false_alarms"], result["alarms"]
    lines = [
        f"{files['scored']} of {files['given']} files scored, {files['people']} people, {files['hours']:.2f} h",
        f"{'':18}{'genuine':>8}{'fake':>6}   AUC                    EER    TPR at FPR 1% / 10%   Brier    ECE",
        _row("all", result["all"]),
    ]
    if result["faces_only"]:
        lines.append(_row("faces alone", result["faces_only"]))
    lines += [_row(name, figures) for name, figures in result["by_method"].items()]
    for row in result["by_seconds"]:
        if row["fake"] and row["real"]:
            fakes, genuine = share(row["called_fake"]), share(row["genuine_called_fake"])
            lines.append(
                f"after {duration(row['seconds']):>9}  AUC {interval(row['auc'])}  "
                f"called fake: {fakes} of {row['fake']} fakes, {genuine} of {row['real']} genuine"
            )
    low, high = alarms["interval"]
    lines += [
        f"false alarms: {alarms['alerts']} in {alarms['hours'] or 0:.3f} h of genuine streams "
        f"({share(alarms['per_hour'], 1)} an hour, 95% {share(low, 1)} to {share(high, 1)})",
        f"alerts on fakes: {hits['alerted']} of {hits['fakes']}, "
        f"median after {share(hits['median_seconds_to_alert'], 1)} s",
        f"not scored: {len(files['not_scored'])}, failed: {len(files['failed'])}",
    ]
    if "loss" in result:
        lines.append("AUC lost: " + ", ".join(f"{name} {share(value)}" for name, value in result["loss"].items()))
    return "\n".join(lines)


def _row(name: str, f: Mapping[str, Any]) -> str:
    one, ten = f["tpr_at_fpr_0.01"]["value"], f["tpr_at_fpr_0.1"]["value"]
    return (
        f"{name:<18}{f['real']:>8}{f['fake']:>6}   {interval(f['auc'])}   {share(f['eer']['value'])}   "
        f"{share(one)} / {share(ten)}{'':9}{share(f['brier']['value'])}  {share(f['ece']['value'])}"
    )


def interval(told: Mapping[str, float | None]) -> str:
    return f"{share(told['value'])} ({share(told['low'])} to {share(told['high'])})"


def share(value: float | None, digits: int = 3) -> str:
    return "  -  " if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
