"""Join AASIST to the voice model's front end: `truefeed export voice --help`.

The file that comes out hears a second of speech with both networks and gives what both make of it, `moments`: those of
the front end, and AASIST's logit. `truefeed train voice --start` teaches a readout on the former and writes the whole
model, whose logit is the sum of both.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
import torch
from onnx import ModelProto, TensorProto, helper
from torch import Tensor, nn
from torch.nn import functional as F

from ..engines import Card, load
from ..stream.atomic import replacing
from ..stream.audio import RATE
from ..train.voice.aasist import Aasist, Block, read
from ..train.voice.assemble import front_of
from ..train.voice.front import ROW
from .onnx import OPSET, ParityError, sha256, stamp, write

TOLERANCE = 2e-3
"Greatest difference allowed between the network and the file."
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
"Of SELU (Klambauer et al., 2017): SCALE times ELU with this alpha."
STARTED_FROM = (
    "distillmos 0.9.1 (Microsoft, MIT): weights/distill_mos_v7.pt, trained on by voice.tune_front",
    "AASIST of the ASVspoof 5 baseline (NAVER Corp., MIT), trained on by voice.tune_aasist",
)


class Ears(nn.Module):
    """AASIST for a second of speech: samples (B, RATE) to its logit (B, 1).

    Runtimes have no fast SELU: it is written as ELU, its scale in the weights that follow; norms go into convolutions.
    """

    def __init__(self, model: Aasist) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        with torch.no_grad():
            blocks = self.model.residual()
            blocks[0].first.weight *= SCALE
            assert isinstance(blocks[0].shortcut, nn.Conv2d)
            blocks[0].shortcut.weight *= SCALE
            for block in blocks:
                _absorb(block)
                block.second.weight *= SCALE

    def forward(self, samples: Tensor) -> Tensor:
        model = self.model
        x = F.conv1d(samples[:, None], model.filters).abs()
        x = F.elu(model.first_norm(F.max_pool2d(x[:, None], 3)), ALPHA)
        for block in model.residual():
            x = F.max_pool2d(block.second(F.elu(block.first(x), ALPHA)) + block.shortcut(x), (1, 3))
        logits: Tensor = model.logit(model.upper(x))[:, None]
        return logits


def _absorb(block: Block) -> None:
    """Put the norm of a block into the convolution before it."""
    norm, first = block.norm, block.first
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert first.bias is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    first.bias.copy_((first.bias - norm.running_mean) * gain + norm.bias)
    first.weight *= gain[:, None, None, None]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="truefeed export voice", description=__doc__)
    parser.add_argument("--front", type=Path, required=True, help="front.onnx of voice_front, or a whole voice model")
    parser.add_argument("--aasist", type=Path, required=True, help="aasist.pt of train.voice.tune_aasist")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file")
    args = parser.parse_args(argv)
    model, command = read(args.aasist)
    before = load(args.front, "cpu").card
    training = {
        "started_from": STARTED_FROM,
        "front": {"first": before.training.get("front", before.training) if before else {}, "second": command},
    }
    card = Card("voice-front", "truefeed-voice-ears", "0.3.0", (RATE, ROW + 1), training=training)
    worst = export(model, args.front, card, args.out)
    size = args.out.stat().st_size / 1e6
    sys.stderr.write(f"{args.out}  {size:.1f} MB  sha256 {sha256(args.out)}\n  worst difference {worst:.1e}\n")
    return 0


def export(model: Aasist, front: Path, card: Card, path: Path, tolerance: float = TOLERANCE) -> float:
    """Write both networks side by side to path; return the greatest difference of AASIST's logit from the network's.

    Raises ParityError, and leaves nothing behind, where that is more than tolerance.
    """
    shapes = ({0: torch.export.Dim("batch", min=1, max=256)},)
    with replacing(path.with_suffix(".alone.onnx")) as alone:
        write(Ears(model), (torch.randn(2, RATE) * 0.03,), ["samples"], ["opinion"], shapes, card, alone)
        second = onnx.load(str(alone))
    path.with_suffix(".alone.onnx").unlink()
    joined = _joined(front_of(front), second)
    stamp(joined, card)
    onnx.checker.check_model(joined)
    with replacing(path) as part:
        part.write_bytes(joined.SerializeToString())
        worst = _difference(model, part)
        if not worst <= tolerance:
            raise ParityError(f"{path}: differs from the network by {worst:.2e}, more than {tolerance:.0e}")
    return worst


def _joined(first: ModelProto, second: ModelProto) -> ModelProto:
    """Let both hear the same samples, and put what they give one after the other."""
    del second.metadata_props[:]
    second = onnx.compose.add_prefix(second, "second_")
    _rename(first, "moments", "first_moments")
    _rename(second, "second_samples", "samples")
    models = [onnx.version_converter.convert_version(model, OPSET) for model in (first, second)]
    graph = models[0].graph
    graph.node.extend(models[1].graph.node)
    graph.initializer.extend(models[1].graph.initializer)
    graph.node.append(helper.make_node("Concat", ["first_moments", "second_opinion"], ["moments"], axis=1))
    del graph.output[:]
    width = ROW + 1
    graph.output.append(helper.make_tensor_value_info("moments", TensorProto.FLOAT, ["batch", width]))
    return models[0]


def _rename(model: ModelProto, old: str, new: str) -> None:
    """Give a tensor of a graph another name."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for value in (*model.graph.input, *model.graph.output):
        if value.name == old:
            value.name = new


@torch.no_grad()
def _difference(model: Aasist, path: Path) -> float:
    """Hear noise that comes and goes, one second and two at once."""
    engine, random, gaps = load(path, "cpu"), torch.Generator().manual_seed(0), []
    for count in (1, 2):
        samples = torch.randn(count, RATE, generator=random) * 0.03 * torch.linspace(0.1, 2.0, RATE).sin()
        theirs = model.logit(model(samples))[:, None].numpy()
        ours = engine.run({"samples": samples.numpy()})["moments"][:, ROW:]
        gaps.append(np.abs(ours - theirs).max())
    return float(max(gaps))


if __name__ == "__main__":
    sys.exit(main())
