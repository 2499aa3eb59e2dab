"""Export the voice model: `truefeed export voice --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
import torch

from ..engines import Card, load
from ..stream.atomic import replacing
from ..stream.audio import RATE
from ..stream.errors import ConfigError
from ..train.voice.front import ROW
from ..train.voice.perceptrons import VoiceNet
from ..train.voice.score import WINDOW, Reader, even, read
from .onnx import ParityError, sha256, stamp, write

TOLERANCE = 1e-3
"Greatest difference allowed between the network and the file, in units of the logit."
STARTED_FROM = "distillmos 0.9.1 (Microsoft, MIT): weights/distill_mos_v7.pt, trained on by voice.tune_front"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export voice", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="last.pt of `truefeed train voice`")
    parser.add_argument("--front", type=Path, required=True, help="front.onnx that it was trained with")
    parser.add_argument("--results", type=Path, help="results.json of `python -m truefeed.train.voice.evaluate`")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file")
    args = parser.parse_args(argv)
    model, state = read(args.checkpoint)
    if state["front"] != sha256(args.front):
        raise ConfigError(f"{args.front}: not the front end that {args.checkpoint} was trained with")
    results = json.loads(args.results.read_text()) if args.results else {}
    worst = export(model, args.front, card(state, results, args), args.out)
    size = args.out.stat().st_size / 1e6
    sys.stderr.write(f"{args.out}  {size:.1f} MB  sha256 {sha256(args.out)}\n  worst difference {worst:.1e}\n")
    return 0


def card(state: dict[str, object], results: dict[str, object], args: argparse.Namespace) -> Card:
    calibration = results.get("calibration", (1.0, 0.0))
    assert isinstance(calibration, (list, tuple))
    thresholds = results.get("thresholds", {"fake": 0.9, "real": 0.1, "alert": 0.9, "clear": 0.6})
    assert isinstance(thresholds, dict)
    return Card(
        task="voice",
        name="truefeed-voice",
        version="0.2.0",
        input_size=(RATE, ROW),
        window=WINDOW,
        rate=float(RATE),
        calibration=(float(calibration[0]), float(calibration[1])),
        thresholds=thresholds,
        quality={"min_speech": 1.0, "full_speech": 2.0},
        training={
            "command": state["command"],
            "seed": state["seed"],
            "data": state["data"],
            "started_from": STARTED_FROM,
            "front": load(args.front, "cpu").card.training,  # type: ignore[union-attr]
            "checkpoint_sha256": sha256(args.checkpoint),
            "results": results.get("summary", {}),
        },
    )


def export(model: VoiceNet, front: Path, description: Card, path: Path) -> float:
    """Write the front end with the perceptrons behind it to path, with the card.

    The file takes `samples`, the latest second, and `past` and `count`, what it gave as `moments` of the seconds before
    summed, and how many those were; it gives `logit` and `moments`.

    Returns the worst difference over several lengths and batches from the front end and the network run apart.
    Raises ParityError, and leaves nothing behind, where it is more than TOLERANCE.
    """
    size = model.settings.size
    given = (torch.zeros(2, size), torch.zeros(2, size), torch.ones(2, 1))
    head = path.with_suffix(".head.onnx")
    shapes = ({0: torch.export.Dim("batch", min=1, max=256)},) * 3
    reader, names = Reader(model, even(description.calibration)).eval(), ["second", "past", "count"]
    write(reader, given, names, ["logit"], shapes, description, head)
    first, second = onnx.load(str(front)), onnx.load(str(head))
    second = onnx.compose.add_prefix(second, "head_", rename_inputs=False, rename_outputs=False)
    if _opset(first) != _opset(second):
        second = onnx.version_converter.convert_version(second, _opset(first))
    first.ir_version = second.ir_version = max(first.ir_version, second.ir_version)
    del first.metadata_props[:]  # its card; two cannot be merged
    merged = onnx.compose.merge_models(first, second, [("moments", "second")], outputs=["logit", "moments"])
    stamp(merged, description)
    head.unlink()
    with replacing(path) as part:
        part.write_bytes(merged.SerializeToString())
        worst = difference(reader, front, part)
        if not worst <= TOLERANCE:
            raise ParityError(f"{path}: differs from the network by {worst:.2e}, more than {TOLERANCE:.0e}")
    return worst


def _opset(model: onnx.ModelProto) -> int:
    return int(next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")))


@torch.no_grad()
def difference(reader: Reader, front: Path, path: Path) -> float:
    """Return the greatest difference of the logits between the two apart and the file."""
    apart, engine = load(front, "cpu"), load(path, "cpu")
    random = torch.Generator().manual_seed(0)
    gaps = []
    for rows, seconds, before in ((1, 0.5, 0), (1, 1.0, 0), (3, 1.0, 1), (1, 1.0, 3), (2, 1.0, 7)):
        samples = torch.randn(before + 1, rows, round(seconds * RATE), generator=random) * 0.03
        samples *= torch.linspace(0.1, 2.0, samples.shape[2]).sin()  # not stationary, as speech is not
        moments = np.stack([apart.run({"samples": each})["moments"] for each in samples.numpy()])
        past = moments[:-1].sum(0, dtype=np.float32)
        counts = np.full((rows, 1), before, np.float32)
        theirs = reader(*(torch.from_numpy(each) for each in (moments[-1], past, counts))).numpy()
        ours = engine.run({"samples": samples[-1].numpy(), "past": past, "count": counts})["logit"]
        if ours.shape != theirs.shape:
            raise ParityError(f"{path}: logit has shape {ours.shape}, not {theirs.shape}")
        gaps.append(np.abs(ours - theirs).max())
    return float(max(gaps))


if __name__ == "__main__":
    sys.exit(main())
