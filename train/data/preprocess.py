"""`truefeed preprocess`: videos to aligned faces, 16 kHz sound and a manifest, as training reads them.

DIR/manifest.csv       one row a face and a sound: path, kind, clip, label, method, identity, split, pair, donor,
                       track, t, px
DIR/crops/NAME_T_N.png aligned faces, T the track, N the number
DIR/audio/NAME.wav     sound, 16 kHz mono
DIR/clips/NAME.npz     what was taken from one file: a second run goes on from here
DIR/faces.npz          the genuine faces with their landmarks
DIR/dataset.json       where the files lie
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import av
import cv2
import numpy as np

from ...engines import EngineError
from ...stream.atomic import replacing
from ...stream.errors import ConfigError, TruefeedError
from ...stream.pool import Pool
from ...stream.scan.probe import kind_of
from ..common.progress import left
from ..common.source_hash import source_hash
from . import datasets, extract
from .datasets import Clip
from .extract import Cutter, Take, main_track, write_picture, write_sound
from .manifest import collect, describe, note_origin

_EPILOG = """\
DATA is a folder (FaceForensics++, DFDC, Celeb-DF, real/ and fake/, or with a manifest.csv) or a manifest (CSV: path,
label and, where known, method, target_id, split, pair, donor). With --input-video the label says what the file is.
`truefeed train video --dataset DIR` trains on what lies in DIR then: genuine faces and labelled fakes.

A second run goes on where the first one stopped, and cuts anew what another version of truefeed has cut. A broken file
is reported and left out.
exit codes: 0 done, 1 some file failed, 2 usage."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides how a file is cut."""

    faces_a_second: float
    most: int
    sound: bool


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    if args.input_video is not None:
        path = args.input_video
        clips = [Clip(path, path.name, args.label == "fake", args.method, args.identity or path.stem, args.split)]
    else:
        clips = datasets.read(args.dataset)
    if not clips:
        raise ConfigError(f"{args.dataset}: there is no video, picture or sound in it")
    out: Path = args.output_dir
    for folder in ("crops", "audio", "clips"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    settings = Settings(args.rate, args.most, args.sound)
    failed = _cut_all(clips, out, settings, args.jobs, sys.stderr)
    note_origin(out, args.input_video or args.dataset)
    faces, sounds = collect(out)
    sys.stderr.write(
        f"{len(clips) - failed} of {len(clips)} files: {faces} faces, {sounds} sounds in {out}"
        f"{f'; {failed} failed' if failed else ''}\n"
    )
    return 1 if failed else 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "truefeed preprocess",
        description="Cut aligned faces and 16 kHz sound out of videos, for training.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--input-video", type=Path, metavar="FILE", help="one video, picture or sound")
    what.add_argument("--dataset", type=Path, metavar="DATA", help="a labelled data set; see below")
    parser.add_argument("--output-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--rate", type=float, default=4.0, metavar="HZ", help="faces a second and person (default 4)")
    parser.add_argument("--most", type=int, default=48, metavar="N", help="faces a person and file (default 48)")
    parser.add_argument("--no-audio", dest="sound", action="store_false", help="leave the sound alone")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    one = parser.add_argument_group("with --input-video")
    one.add_argument("--label", choices=("real", "fake"), default="real", help="what it is (default real)")
    one.add_argument("--method", default="", help="how it was made")
    one.add_argument("--identity", default="", help="who is in it (default: the file's name)")
    one.add_argument("--split", default="", help="the part of the data set that it belongs to")
    args = parser.parse_args(argv)
    if args.jobs < 1 or args.most < 1 or not 0 < args.rate <= 100:
        parser.error("--jobs and --most take a number from 1 up, --rate one up to 100")
    args.method = args.method or ("genuine" if args.label == "real" else "fake")
    return args


def _cut_all(clips: Sequence[Clip], out: Path, settings: Settings, jobs: int, err: TextIO) -> int:
    """Cut what is not cut yet; return how many files failed."""
    failed = 0
    began = time.monotonic()
    for done, (clip, error) in enumerate(zip(clips, _each(clips, out, settings, jobs), strict=True), 1):
        failed += error is not None
        spent = time.monotonic() - began
        line = f"{done}/{len(clips)}  {spent:.0f} s, {left(spent, done, len(clips))}  {clip.name}"
        if error is not None:
            err.write(f"{_clear(err)}{line}: {error}\n")
        elif err.isatty():
            err.write(f"{_clear(err)}{line}")
        elif done % 20 == 0:
            err.write(f"{line}\n")
        err.flush()
    err.write(_clear(err))
    return failed


def _clear(err: TextIO) -> str:
    return "\r\x1b[K" if err.isatty() else ""


def _each(clips: Sequence[Clip], out: Path, settings: Settings, jobs: int) -> Iterator[str | None]:
    if jobs == 1 or len(clips) < 2:
        cutter = Cutter(**asdict(settings))
        yield from (take(clip, out, settings, cutter) for clip in clips)
        return
    yield from Pool(_work, min(jobs, len(clips)), _begin, (out, settings)).each(clips)


def key(clip: Clip) -> str:
    """A file name for what is taken from a clip: readable, and unique among paths."""
    digest = hashlib.sha256(clip.name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', clip.name.rsplit('.', 1)[0])[-60:].lstrip('-.')}-{digest}"


def take(clip: Clip, out: Path, settings: Settings, cutter: Cutter) -> str | None:
    """Cut one file into out, unless that is done; return what went wrong."""
    record = out / "clips" / f"{key(clip)}.npz"
    try:
        stat = clip.path.stat()
        how = [asdict(settings), cutter.landmarks, source_hash(Path(extract.__file__))]
        made = json.dumps([stat.st_size, stat.st_mtime_ns, *how, describe(clip)])
        if record.exists() and _made(record) == made:
            return None
        kind = kind_of(clip.path)
        if kind is None:
            return "no video, picture or sound can be found in it"
        found = cutter.picture(clip.path) if kind == "image" else cutter.video(clip.path)
        if found.seconds == 0 and kind != "image":
            return "nothing in it can be decoded"
        _write(clip, out, record, found, made)
    except (TruefeedError, EngineError, OSError, ValueError, MemoryError, cv2.error, av.error.FFmpegError) as error:
        return str(error).removeprefix(f"{clip.path}: ") or type(error).__name__
    return None


def _made(record: Path) -> str:
    """What a record was made from; empty where it cannot be read, as after a power cut."""
    try:
        with np.load(record) as table:
            return str(table["made"])
    except (OSError, ValueError, KeyError, EOFError):
        return ""


def _write(clip: Clip, out: Path, record: Path, found: Take, made: str) -> None:
    """Write pictures and sound, then the record, which says that all the rest is there."""
    cuts = found.cuts
    if clip.fake:
        # In a fake some people may be genuine: only the main face is what the label says.
        main = main_track(cuts)
        cuts = [cut for cut in cuts if cut.track == main]
    names = []
    for number, cut in enumerate(cuts):
        names.append(f"crops/{key(clip)}_{cut.track}_{number:03d}.png")
        write_picture(out / names[-1], cut.image)
    sound = f"audio/{key(clip)}.wav" if found.sound is not None and len(found.sound) else ""
    if found.sound is not None and sound:
        write_sound(out / sound, found.sound)
    with replacing(record) as part:
        np.savez(
            part,
            made=made,
            clip=json.dumps(describe(clip)),
            sound=sound,
            files=np.array(names, np.str_),
            track=np.array([cut.track for cut in cuts], np.int64),
            t=np.array([cut.t for cut in cuts], np.float64),
            px=np.array([cut.px for cut in cuts], np.float32),
            points=np.array([cut.points for cut in cuts], np.float32).reshape(-1, 5, 2),
            mesh=np.array([cut.mesh for cut in cuts], np.float32).reshape(-1, 468, 2),
        )


_cutting: tuple[Path, Settings, Cutter] | None = None
"What a worker process cuts with."


def _begin(out: Path, settings: Settings) -> None:
    global _cutting
    cv2.setNumThreads(1)
    _cutting = (out, settings, Cutter(**asdict(settings)))


def _work(clip: Clip) -> str | None:
    assert _cutting is not None
    return take(clip, *_cutting)


if __name__ == "__main__":
    sys.exit(main())
