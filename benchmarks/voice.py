"""The live proof of the voice: a WAV is played into a virtual microphone, PyAudio hears it, alerts rise and clear.

`python benchmarks/voice.py --genuine A.flac ... --spoof B.flac ... --seconds 20` joins the clips of either kind to
stretches that alternate, plays them into a PulseAudio null sink of its own and prints when the alert on the voice rose
and cleared, against when the stretches began and ended. It needs pulseaudio, pulseaudio-utils and PyAudio.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from truefeed.engines import WEIGHTS, load
from truefeed.stream.audio import RATE, VoiceScorer
from truefeed.stream.scoring.alarm import Alarm
from truefeed.stream.scoring.alarm_settings import AlarmSettings
from truefeed.stream.scoring.fusion import fuse
from truefeed.stream.sources.base import SourceOptions
from truefeed.stream.sources.microphone import MicrophoneSource
from truefeed.stream.types import Alert, AudioChunk, Floats, Verdict, VoiceVerdict
from truefeed.train.voice.dataset import read
from truefeed.train.voice.live import joined

_MODULES = (
    "module-native-protocol-unix auth-anonymous=1",
    "module-null-sink sink_name=vmic_sink",
    "module-remap-source master=vmic_sink.monitor",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genuine", type=Path, nargs="+", required=True)
    parser.add_argument("--spoof", type=Path, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a stretch")
    parser.add_argument("--stretches", type=int, default=4)
    parser.add_argument("--model", type=Path, default=WEIGHTS / "voice.onnx")
    args = parser.parse_args()
    kinds = [_endless(args.genuine), _endless(args.spoof)]
    parts = [_stretch(kinds[number % 2], args.seconds) for number in range(args.stretches)]
    borders = np.cumsum([0.0, *(len(part) / RATE for part in parts)])
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "call.wav"
        soundfile.write(wav, np.concatenate(parts) * 4, RATE)
        began, heard = _play(wav, args.model, Path(folder))
    _report(borders, began, heard)


def _endless(paths: Sequence[Path]) -> Iterator[Floats]:
    return itertools.cycle([read(path) for path in paths])


def _stretch(clips: Iterator[Floats], seconds: float) -> Floats:
    chosen: list[Floats] = []
    while sum(len(clip) / RATE + 0.3 for clip in chosen) < seconds:
        chosen.append(next(clips))
    return joined(chosen)[: round(seconds * RATE)]


def _play(wav: Path, model: Path, folder: Path) -> tuple[float, list[tuple[VoiceVerdict, list[Alert]]]]:
    """Return when the sound began, on the microphone's time, and every verdict with the alerts that it changed."""
    os.environ |= {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "DBUS_SESSION_BUS_ADDRESS": ""}
    command = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"]
    command += [word for module in _MODULES for word in ("-L", module)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            if server.poll() is not None:
                raise SystemExit("PulseAudio does not start")
            time.sleep(0.1)
        player = subprocess.Popen(["paplay", "--device=vmic_sink", str(wav)])
        return _listen(model, player)
    finally:
        server.terminate()
        server.wait()


def _listen(model: Path, player: subprocess.Popen[bytes]) -> tuple[float, list[tuple[VoiceVerdict, list[Alert]]]]:
    engine = load(model, "cpu", threads=1)
    levels = engine.card.thresholds if engine.card else {}
    alarm = Alarm(AlarmSettings(raise_at=levels.get("alert", 0.9), clear_at=levels.get("clear", 0.6)))
    scorer, heard, began = VoiceScorer(engine), [], None
    for item in MicrophoneSource("pulse", SourceOptions()).items(threading.Event()):
        if player.poll() is not None:
            break
        if not isinstance(item, AudioChunk):
            continue
        if began is None and np.abs(item.samples).max() > 1e-3:
            began = item.t
        voice = scorer.push(item)
        if voice is not None:
            fake, status, reasons = fuse((), voice, t=voice.t, video=False)
            alerts = alarm.update(Verdict("", voice.t, fake, status, reasons, voice.fake, (), None), voice)
            heard.append((voice, [alert for alert in alerts if alert.subject == "voice"]))
    return began or 0.0, heard


def _report(borders: Sequence[float], began: float, heard: Sequence[tuple[VoiceVerdict, list[Alert]]]) -> None:
    for number, (start, end) in enumerate(itertools.pairwise(borders)):
        inside = [(v, a) for v, a in heard if start <= v.t - began < end]
        scores = [voice.fake for voice, _ in inside if voice.fake is not None]
        kind = "spoof" if number % 2 else "genuine"
        text = f"median probability {np.median(scores):.2f} of {len(scores)} windows" if scores else "nothing scored"
        print(f"{start:6.1f} to {end:5.1f} s  {kind:8s} {text}")
        for voice, alerts in inside:
            for alert in alerts:
                what = "alert raised" if alert.raised else "alert cleared"
                print(f"           {what} {voice.t - began - start:.1f} s after the stretch began")


if __name__ == "__main__":
    main()
