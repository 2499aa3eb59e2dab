"""Move a voice model's calibration for the sound of real recordings: `python -m truefeed.train.voice.recalibrate`.

Speech that comes with a video has been through microphones, rooms and AAC that the training clips had not, and genuine
speech then scores higher than it did in training. This moves the offset of the calibration, never its slope, until at
most one genuine recording in twenty lies above the threshold for fake, and never towards more suspicion.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...engines import load
from ...stream.calibration import log_odds
from ...stream.errors import ConfigError
from ...stream.scoring.models import card_of
from ..common.card_file import restamp

MARGIN = 0.3
"Log-odds by which the quantile shall lie under the threshold."
QUANTILE = 0.95


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.recalibrate", description=__doc__)
    parser.add_argument("--genuine", type=Path, required=True, help="what `truefeed scan --json` said of genuine files")
    parser.add_argument("--model", type=Path, required=True, help="voice.onnx; its card is rewritten")
    args = parser.parse_args(argv)
    told = [json.loads(line)["voice_probability"] for line in args.genuine.read_text().splitlines()]
    voices = [p for p in told if p is not None]
    if len(voices) < 10:
        raise ConfigError(f"{args.genuine}: {len(voices)} voices were scored; 10 or more genuine ones are needed")
    card = card_of(load(args.model, "cpu"))
    shift = needed(voices, float(card.thresholds["fake"]))
    a, b = card.calibration
    note = {"voices": len(voices), "offset": round(-shift, 4), "source": args.genuine.name}
    restamp(args.model, replace(card, calibration=(a, b - shift), training={**card.training, "shifted": note}))
    sys.stderr.write(f"{args.model}: offset moved by {-shift:+.3f} log-odds for {len(voices)} genuine voices\n")
    return 0


def needed(voices: list[float], threshold: float) -> float:
    """Return by how much to lower the log-odds; 0 where genuine voices lie low enough.

    Args:
        voices: probabilities of genuine recordings, 0..1.
        threshold: probability at or above which a voice is called fake, 0..1.
    """
    odds = [log_odds(voice) for voice in voices]
    return max(0.0, float(np.quantile(odds, QUANTILE)) - log_odds(threshold) + MARGIN)


if __name__ == "__main__":
    sys.exit(main())
