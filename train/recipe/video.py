"""`truefeed train video`: from a data set that `truefeed preprocess` prepared to a model folder."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...stream.atomic import write_text
from ...stream.errors import ConfigError
from ..common.curve import need_matplotlib
from .run import Run

_ABOUT = """\
Train a face model on a data set that `truefeed preprocess` prepared: on its labelled fakes and on pseudo-fakes made of
its genuine faces. Ends with a folder for `truefeed watch --model MODEL` and `truefeed scan --model MODEL`."""

_EPILOG = """\
The steps: split (people and methods held back), start (the shipped encoder), encoder, head, export, thresholds, card.
MODEL gets face.onnx and face-window.onnx, README.md (the model card), evaluation.html and evaluation.json (what it
reaches on people that it has not seen), and training/ (checkpoints, curve.svg); training/ can go once all is done.

The same command goes on where it was interrupted.
exit codes: 0 done, 1 something failed, 2 usage."""


def main(argv: list[str] | None = None) -> int:
    """Run the steps that are not done yet; returns the exit code."""
    args = parse(argv)
    need_matplotlib()
    run = Run(args)
    done = _begin(run)
    from . import face_steps

    steps: dict[str, Callable[[Run], None]] = face_steps.STEPS
    for number, (name, step) in enumerate(steps.items(), 1):
        head = f"[{number}/{len(steps)}] {name}"
        if name in done:
            sys.stderr.write(f"{head}: done before\n")
            continue
        sys.stderr.write(f"{head}\n")
        began = time.monotonic()
        step(run)
        done[name] = round(time.monotonic() - began, 1)
        write_text(run.work / "done.json", json.dumps(done))
    sys.stderr.write(f"{run.out}: a model; try it: truefeed watch 0 --model {run.out}\n")
    return 0


def _begin(run: Run) -> dict[str, Any]:
    """Make the folder, or find what an earlier run of the very same command did there."""
    settings, file = run.settings(), run.work / "settings.json"
    if file.is_file():
        before = json.loads(file.read_text())
        if changed := [f"{k} was {before.get(k)}, is {v}" for k, v in settings.items() if before.get(k) != v]:
            raise ConfigError(f"{run.out}: begun with other settings ({'; '.join(changed)}): take another --out")
        held = run.work / "done.json"
        return dict(json.loads(held.read_text())) if held.is_file() else {}
    if run.model.exists():
        raise ConfigError(f"{run.out}: there is another model in this folder: take another --out")
    run.work.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(settings, indent=1))
    return {}


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "truefeed train video",
        description=_ABOUT,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dataset", type=Path, required=True, metavar="DIR", help="the folder that `truefeed preprocess` wrote")
    add("--out", type=Path, default=Path("model"), metavar="MODEL", help="the model folder (default: model)")
    add("--epochs", type=float, default=10, metavar="N", help="how often each face is seen (default 10)")
    add("--batch-size", type=int, default=32, metavar="N", help="pairs of a genuine face and a fake (default 32)")
    add("--minutes", type=float, default=float("inf"), help="end the encoder's training after so long at most")
    what = parser.add_argument_group("what it learns from")
    what.add_argument("--no-fakes", action="store_true", help="genuine faces and pseudo-fakes only")
    what.add_argument("--from-scratch", action="store_true", help="start from ImageNet, not from the shipped encoder")
    what.add_argument(
        "--hold-out",
        action="append",
        metavar="METHOD",
        help="a method of the data set to be tested on only; may be given again (default: of three methods or more "
        "the one with the fewest files; `none`: learn from all)",
    )
    what.add_argument(
        "--validation", type=float, default=0.2, metavar="SHARE", help="people held back, where the data set names none"
    )
    what.add_argument("--files", type=Path, metavar="DIR", help="where the data set lies now, if it has moved")
    how = parser.add_argument_group("how")
    how.add_argument("--size", type=int, default=192, help="side of the face crop, px (default 192)")
    how.add_argument("--lr", type=float, help="learning rate (default 2e-4, from scratch 6e-4)")
    how.add_argument("--limit", type=int, default=40, metavar="N", help="videos a method to judge it by (default 40)")
    how.add_argument("--seed", type=int, default=1)
    how.add_argument("--device", default="auto", help="auto (default), cpu, cuda")
    how.add_argument("--threads", type=int, default=2, metavar="N", help="of the CPU, for the network (default 2)")
    how.add_argument("--workers", type=int, default=1, metavar="N", help="processes that draw pairs (default 1)")
    how.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that watch videos (default 1)")
    args = parser.parse_args(argv)
    if not (args.epochs > 0 and args.batch_size > 0 and args.limit > 0 and 0 < args.validation < 1):
        parser.error("--epochs, --batch-size and --limit take a number above 0, --validation a share between 0 and 1")
    if args.size % 32 or args.size < 64:
        parser.error(f"--size {args.size}: a multiple of 32, at least 64")
    return args
