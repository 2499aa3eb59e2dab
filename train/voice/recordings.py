"""Genuine speech of many recordings, to learn from and to be measured on: `python -m truefeed.train.voice.recordings`.

A model that knows genuine speech of ten corpora may take the sound of an eleventh for the trace of a machine. Telephone
prompts, and games that speak to children, were recorded by some forty people with as many microphones in over twenty
languages, and Debian has them. `--split train` writes those of LEARNT, which trainings hear, `dev` those of the
other packages, which none does. The folder of --packages holds them unpacked, each in a folder of its name:

    for package in $(python -m truefeed.train.voice.recordings --list); do
        apt-get download $package && dpkg-deb -x ${package}_*.deb PACKAGES/$package
    done

Writes a folder with a manifest.csv, as unheard_recordings reads it. What a package has in one language counts as one
recording and one speaker; words are joined until they last.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np

from ...stream.audio.preprocess import level, prepare
from ...stream.audio.resample import RATE
from ...stream.errors import ConfigError
from ...stream.types import Floats
from .dataset import read
from .tts import LONGEST, write, write_manifest

_PROMPTS = "usr/share/asterisk/sounds/*/*.*"
PACKAGES = {
    "asterisk-core-sounds-en-g722": ("CC BY-SA 3.0", _PROMPTS),
    "asterisk-core-sounds-es-g722": ("CC BY-SA 3.0", _PROMPTS),
    "asterisk-core-sounds-fr-g722": ("CC BY-SA 3.0", _PROMPTS),
    "asterisk-core-sounds-it-g722": ("CC BY-SA 3.0", _PROMPTS),
    "asterisk-core-sounds-ru-g722": ("CC BY-SA 3.0", _PROMPTS),
    "asterisk-prompt-es-co": ("GPL", _PROMPTS),
    "asterisk-prompt-fr-armelle": ("GPL", _PROMPTS),
    "asterisk-prompt-it-menardi-wav": ("GPL", _PROMPTS),
    "ktuberling-data": ("GPL-2+", "usr/share/ktuberling/sounds/*/*.*"),
    "tuxpaint-stamps-default": ("GPL-2+", "usr/share/tuxpaint/stamps/**/*_desc_*.ogg"),
}
"Licence, and where the sounds lie."
LEARNT = frozenset(name for name in PACKAGES if name.startswith(("asterisk-core-sounds", "ktuberling")))
"Packages that trainings may hear; the others measure."
_ENDINGS, _LEAST = (".ogg", ".wav", ".g722", ".gsm"), 2000
"Of sounds, and their bytes: some are empty."
SHORTEST = 1.5
"s of a clip: what is shorter is joined with the next."


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m truefeed.train.voice.recordings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="print the names of the packages and end")
    parser.add_argument("--packages", type=Path, help="folder of the unpacked packages")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--split", choices=("train", "dev"), default="dev", help="train: what may be learnt from")
    parser.add_argument("--count", type=int, default=12, help="clips of each recording")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    if args.list:
        sys.stdout.write("\n".join(PACKAGES) + "\n")
        return 0
    if args.packages is None or args.out is None:
        parser.error("--packages and --out are needed")
    args.out.mkdir(parents=True, exist_ok=True)
    rows: list[list[str]] = []
    for package, (licence, pattern) in PACKAGES.items():
        if (package in LEARNT) != (args.split == "train"):
            continue
        folder = args.packages / package
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder; unpack the Debian package {package} there")
        for name, files in sorted(recordings(folder, pattern).items()):
            source = f"{re.sub('-(core-sounds|prompt|stamps-default|data).*', '', package)}-{name}"
            rng = np.random.default_rng((args.seed, crc32(source.encode())))
            files = [files[i] for i in rng.permutation(len(files))]
            for clip in clips(files, args.count):
                path = f"{source}-{len(rows):04d}.flac"
                write(args.out / path, clip)
                about = [f"{len(clip) / RATE:.2f}", f"{licence}, Debian package {package}"]
                rows.append([path, args.split, "bonafide", "real", source, source, *about])
            sys.stderr.write(f"{source}: {sum(row[4] == source for row in rows)} clips\n")
    write_manifest(args.out, rows)
    return 0


def recordings(folder: Path, pattern: str) -> dict[str, list[Path]]:
    """Sort a package's sounds by language, or by what their folder or their ending says of it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(pattern)):
        if path.suffix not in _ENDINGS or path.stat().st_size < _LEAST:
            continue
        if "@" in path.parent.name:  # another spelling of a language, the same sounds
            continue
        described = path.stem.split("_desc_")
        name = described[1].removesuffix(".ogg") if len(described) > 1 else path.parent.name
        found.setdefault(name, []).append(path)
    return found


def clips(files: list[Path], count: int) -> Iterator[Floats]:
    """Yield up to `count` clips of speech (n,), SHORTEST to LONGEST s, 16 kHz at -30 dBFS."""
    waiting: list[Floats] = []
    made = 0
    for path in files:
        try:
            speech = prepare(read(path))
        except (OSError, ValueError) as error:  # headers without sound
            sys.stderr.write(f"{path}: {error}\n")
            continue
        if len(speech) < 0.2 * RATE:
            continue
        waiting.append(speech)
        joined = np.concatenate(waiting)
        if len(joined) < SHORTEST * RATE:
            continue
        yield level(joined[: round(LONGEST * RATE)])
        waiting, made = [], made + 1
        if made == count:
            return


if __name__ == "__main__":
    sys.exit(main())
