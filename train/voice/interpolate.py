"""Go part of the way back to Distill-MOS: `python -m truefeed.train.voice.interpolate`.

Weights between those that a tuning started from and those that it ended with keep more of what the first knew of speech
in general: Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022. Here they are right more often about
generators that were left out, and less often about those that were heard.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch import nn

from ..common.loop import save
from .front import pretrained, read


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.interpolate", description=__doc__)
    parser.add_argument(
        "--front", type=Path, required=True, help="the checkpoint of tune_front, or of export.voice_start"
    )
    parser.add_argument("--weights", type=Path, help="distill_mos_v7.pt; default: that of the installed package")
    parser.add_argument("--share", type=float, default=0.5, help="of the way from Distill-MOS: 0 to 1")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint, .pt")
    args = parser.parse_args(argv)
    if not 0 <= args.share <= 1:
        parser.error("--share lies between 0 and 1")
    front, made = read(args.front)
    between(front.encoder, pretrained(args.weights), args.share)
    command = f"{made}; voice.interpolate --share {args.share:g}"
    save(args.out, {"model": front.state_dict(), "command": command})
    return 0


def between(last: nn.Module, first: nn.Module, share: float) -> None:
    """Take the weights of last back, in place, to the share, 0..1, of the way from first."""
    start = first.state_dict()
    for name, value in last.state_dict().items():
        if value.is_floating_point():
            value.copy_(share * value + (1 - share) * start[name])


if __name__ == "__main__":
    sys.exit(main())
