"""Export the voice model: `truefeed export voice --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from ..engines import Card, load
from ..stream.audio import RATE
from ..train.voice_net import VoiceNet
from ..train.voice_score import read
from .onnx import ParityError, sha256, write

WINDOW_S = 4.0
TOLERANCE = 1e-3
"Greatest difference allowed between the network and the file, in units of the logit."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export voice", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt of `truefeed train voice`")
    parser.add_argument("--results", type=Path, help="results.json of `python -m truefeed.train.voice_eval`")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file")
    args = parser.parse_args(argv)
    model, state = read(args.checkpoint)
    results = json.loads(args.results.read_text()) if args.results else {}
    worst = export(model, card(state, results, sha256(args.checkpoint)), args.out)
    size = args.out.stat().st_size / 1e6
    sys.stderr.write(f"{args.out}  {size:.1f} MB  sha256 {sha256(args.out)}\n  worst difference {worst:.1e}\n")
    return 0


def card(state: dict[str, object], results: dict[str, object], checkpoint: str) -> Card:
    calibration = results.get("calibration", (1.0, 0.0))
    assert isinstance(calibration, (list, tuple))
    thresholds = results.get("thresholds", {"fake": 0.9, "real": 0.1, "alert": 0.9, "clear": 0.6})
    assert isinstance(thresholds, dict)
    return Card(
        task="voice",
        name="truefeed-voice",
        version="0.1.0",
        input_size=(round(WINDOW_S * RATE),),
        window=WINDOW_S,
        rate=float(RATE),
        calibration=(float(calibration[0]), float(calibration[1])),
        thresholds=thresholds,
        quality={"min_speech": 1.0, "full_speech": 2.0},
        training={
            "command": state["command"],
            "seed": state["seed"],
            "data": state["data"],
            "checkpoint_sha256": checkpoint,
            "results": results.get("summary", {}),
        },
    )


def export(model: VoiceNet, description: Card, path: Path) -> float:
    """Write the network to path with its card; return the worst difference over several lengths and batches.

    Raises ParityError, and leaves nothing behind, where ONNX Runtime differs by more than TOLERANCE.
    """
    example = torch.randn(2, 2 * RATE) * 0.03
    shapes = ({0: torch.export.Dim("batch", min=1, max=256), 1: torch.export.Dim.DYNAMIC},)
    part = path.with_suffix(".part.onnx")
    write(model, (example,), ["samples"], ["logit"], shapes, description, part)
    worst = difference(model, part)
    if not worst <= TOLERANCE:
        part.unlink()
        raise ParityError(f"{path}: differs from the network by {worst:.2e}, more than {TOLERANCE:.0e}")
    part.replace(path)
    return worst


@torch.no_grad()
def difference(model: VoiceNet, path: Path) -> float:
    """Return the greatest difference of the logits between the network and the file."""
    engine = load(path, "cpu")
    random = torch.Generator().manual_seed(0)
    gaps = []
    for rows, seconds in ((1, 0.5), (1, 1.0), (3, 2.5), (1, 4.0), (2, 4.0)):
        samples = torch.randn(rows, round(seconds * RATE), generator=random) * 0.03
        samples *= torch.linspace(0.1, 2.0, samples.shape[1]).sin()  # not stationary, as speech is not
        theirs = model(samples).numpy()
        ours = engine.run({"samples": samples.numpy()})["logit"]
        if ours.shape != theirs.shape:
            raise ParityError(f"{path}: logit has shape {ours.shape}, not {theirs.shape}")
        gaps.append(np.abs(ours - theirs).max())
    return float(max(gaps))


if __name__ == "__main__":
    sys.exit(main())
