"""Which clips are left out together: pages that show one kind of generators; elsewhere generators and speakers."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from .dataset import Clip

GROUPS: tuple[frozenset[str], ...] = (
    frozenset({"diffwave_demo", "wavegrad_demo", "gradtts_demo", "koeltts_demo", "watson_stt"})
    | {"f5tts_demo", "indextts_demo", "dualcodec_demo", "talkvid_web"},
    frozenset({"unilight_demos", "hybridbn_vc_demo", "deeply_korean"})
    | {"r9y9_demos", "etdtts_demo", "sanetts_demo", "nemo_polish"},
    frozenset({"statreplace_vc_demo", "xvc_study_demo", "starganv2vc_demo", "spl2020_demo", "speechsplit_demo"})
    | {"u2sanon_demo", "mfa_tests", "speechbot_demos", "speechbot_demos_mp3", "speechocean762", "codec2_radio"},
)
"Pages that are left out together: a third of them at a time, and most of what is alike at once."


def group(clip: Clip) -> int:
    """Return which fold leaves a clip out: that of its page; elsewhere one drawn by speaker, or by generator."""
    for number, pages in enumerate(GROUPS):
        if clip.source in pages:
            return number
    return crc32((clip.generator if clip.fake else clip.speaker).encode()) % len(GROUPS)


def folds(clips: Sequence[Clip]) -> list[tuple[list[int], list[int]]]:
    """Return what each fold learns from and what it leaves out, as indices of clips; none where a label is missing.

    Generators, and speakers of genuine speech, are never on both sides. Where names of one label would put all of it
    into one fold, its clips are split one by one.
    """
    number = np.array([group(clip) for clip in clips])
    fake = np.array([clip.fake for clip in clips], bool)
    for label in (False, True):
        if len(set(number[fake == label].tolist())) < 2:
            number[fake == label] = np.arange((fake == label).sum()) % len(GROUPS)
    speakers = np.array([f"{clip.source} {clip.speaker}" for clip in clips])
    found = []
    for fold in range(len(GROUPS)):
        out = number == fold
        kept = ~out & ~(fake & np.isin(speakers, speakers[out & ~fake]))
        if len(set(fake[kept].tolist())) == 2 and out.any():
            found.append((np.flatnonzero(kept).tolist(), np.flatnonzero(out).tolist()))
    return found
