"""Count a voice model's false alarms on genuine recordings: `python -m truefeed.train.voice.unheard_recordings`.

It hears the clips of `recordings` through the whole live path, recording after recording: what it calls fake there is a
false positive, and an alert a false alarm.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ...engines import Engine, load
from ...stream.atomic import write_text
from ...stream.audio import RATE
from ...stream.scoring.models import card_of
from ...stream.types import Alert
from .alarms import Heard, outcome
from .dataset import Clip, genuine
from .live import joined, listen, raised


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.voice.unheard_recordings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recordings", type=Path, required=True, help="folder that voice.recordings wrote")
    parser.add_argument("--model", type=Path, required=True, help="the voice model, .onnx")
    parser.add_argument("--out", type=Path, help="results, .json")
    args = parser.parse_args(argv)
    results = live(genuine(args.recordings), load(args.model, "cpu", threads=1), sys.stdout)
    if args.out:
        write_text(args.out, json.dumps(results, indent=1) + "\n")
    return 0


def package(clip: Clip) -> str:
    """Where a recording is from: its source is called after package and language; other sources have no parts."""
    return clip.source.split("-")[0]


def live(unheard: Sequence[Clip], engine: Engine, out: TextIO) -> dict[str, Any]:
    """Print and return what the model says of each package through the live path."""
    levels = card_of(engine).thresholds
    found: dict[str, list[tuple[Heard, float, list[Alert]]]] = {}
    for source, group in {clip.source: package(clip) for clip in unheard}.items():
        samples = joined([clip.version(0) for clip in unheard if clip.source == source])
        each = list(listen(engine, samples))
        part = each, len(samples) / RATE, raised(each, levels["alert"], levels["clear"])
        for name in (group, "all"):
            found.setdefault(name, []).append(part)
    results = {}
    for name, parts in found.items():
        results[name] = {"recordings": len(parts)} | outcome(f"genuine {name}", parts)
        row = results[name]
        rate, low, high = row["alerts_an_hour"]
        out.write(
            f"{name:24s} {row['minutes']:5.1f} min: {row['alerts']} alerts, {rate:.1f} an hour [{low:.1f} {high:.1f}]; "
            f"{row['windows_fake']:.1%} of windows fake\n"
        )
    return results


if __name__ == "__main__":
    sys.exit(main())
