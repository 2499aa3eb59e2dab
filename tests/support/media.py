"""Real media for tests, made with PyAV: moving faces from the astronaut portrait (NASA, public domain)."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@cache
def portrait() -> Image:
    """Return the astronaut portrait, 512x512, BGR."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def scene(index: int, *, faces: int = 1, width: int = 640, height: int = 360, size: int = 200) -> Image:
    """Draw picture number `index` of a clip: `faces` portraits of `size` px side by side, swaying, on a grey ground."""
    image = np.full((height, width, 3), 96, np.uint8)
    size = min(size, height, width)
    cut = cv2.resize(portrait()[0:280, 90:370], (size, size), interpolation=cv2.INTER_AREA)
    for number in range(faces):
        sway = 8 * np.sin(index / 6 + number)
        left = int(np.clip((number + 0.5) * width / faces - size / 2 + sway, 0, width - size))
        top = int(np.clip((height - size) / 2 + sway / 2, 0, height - size))
        image[top : top + size, left : left + size] = cut
    return image


def write_clip(
    path: Path,
    *,
    frames: int = 50,
    fps: int = 25,
    width: int = 640,
    height: int = 360,
    faces: int = 1,
    picture: Callable[[int], Image] | None = None,
    audio: str | None = None,
    channels: int = 1,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    times: Callable[[int], float] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip and return its path.

    `audio` names a codec (`aac`, `libopus`) for a 440 Hz tone of the clip's length at 48 kHz; `times` gives the time of
    picture i, s, where the rate is to vary; `picture` draws picture i in place of `scene`.
    """
    default = {"preset": "ultrafast", "tune": "zerolatency"} if codec == "libx264" else {}
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(codec, rate=fps, options=default | (options or {}))
        video.width, video.height, video.pix_fmt, video.gop_size = width, height, pix_fmt, gop
        video.time_base = video.codec_context.time_base = Fraction(1, 12800)
        sound = out.add_stream(audio, rate=48000, layout="mono" if channels == 1 else "stereo") if audio else None
        for index in range(frames):
            image = picture(index) if picture else scene(index, faces=faces, width=width, height=height)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base = Fraction(1, 12800)
            frame.pts = round((times(index) if times else index / fps) * 12800)
            out.mux(video.encode(frame))
            if sound is not None:
                _encode_tone(out, sound, index / fps, (index + 1) / fps, 48000, channels)
        out.mux(video.encode(None))
        if sound is not None:
            out.mux(sound.encode(None))
    return path


def _encode_tone(out: Any, stream: Any, begin: float, end: float, rate: int, channels: int) -> None:
    first, last = round(begin * rate), round(end * rate)
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(first, last) / rate)
    samples = np.tile(wave, (channels, 1)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono" if channels == 1 else "stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
    if stream.format.name != "fltp":
        frame = av.AudioResampler(stream.format.name, frame.layout, rate).resample(frame)[0]
    out.mux(stream.encode(frame))


def write_sound(path: Path, *, seconds: float = 2.0, codec: str = "pcm_s16le", rate: int = 16000) -> Path:
    """Encode a 440 Hz tone, mono, amplitude 0.5, alone and return its path."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream(codec, rate=rate, layout="mono")
        _encode_tone(out, sound, 0.0, seconds, rate, 1)
        out.mux(sound.encode(None))
    return path


def ffmpeg(*arguments: str | Path) -> None:
    """Run the ffmpeg command, quietly, overwriting its output."""
    subprocess.run(["ffmpeg", "-y", "-v", "error", *map(str, arguments)], check=True)


def turned(source: Path, target: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Copy an MP4 file and have players show pixel (x, y) at (ax + cy, bx + dy), as telephones do.

    matrix is a, b, c, d: (0, 1, -1, 0) turns clockwise by a quarter, (-1, 0, 0, 1) mirrors.
    """
    data = bytearray(source.read_bytes())
    start = data.index(b"tkhd") + 44  # the video track comes first
    a, b, c, d = (value << 16 for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target
