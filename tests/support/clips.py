"""Real media for tests, made on the spot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt


def face_picture() -> npt.NDArray[np.uint8]:
    """Return a portrait, 512x512x3 BGR: NASA's of Eileen Collins, in the public domain."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


def write_video(
    path: Path,
    pictures: list[npt.NDArray[np.uint8]],
    *,
    fps: int = 25,
    tone: float | None = None,
    codec: str = "libx264",
) -> Path:
    """Write the pictures, HxWx3 BGR, as a video; with tone, Hz, a sine of the same length goes with it."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=fps)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.max_b_frames = 0  # timestamps start at 0, which a server of the file wants
        audio = out.add_stream("aac", rate=16000, layout="mono") if tone is not None else None
        for picture in pictures:
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(video.encode(None))
        if audio is not None and tone is not None:
            samples = np.sin(2 * np.pi * tone / 16000 * np.arange(16000 * len(pictures) // fps)) * 0.3
            for start in range(0, len(samples) - 1023, 1024):
                frame = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 1024].astype(np.float32), "fltp", "mono"
                )
                frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def moving_face(seconds: float, *, fps: int = 25, size: tuple[int, int] = (640, 360)) -> list[npt.NDArray[np.uint8]]:
    """Return pictures, width x height, of the portrait swaying on a plain ground."""
    import cv2

    width, height = size
    face = cv2.resize(face_picture(), (height, height), interpolation=cv2.INTER_AREA)
    pictures = []
    for number in range(round(seconds * fps)):
        picture = np.full((height, width, 3), 90, np.uint8)
        left = int((width - height) / 2 * (1 + 0.5 * np.sin(number / fps)))
        picture[:, left : left + height] = face
        pictures.append(picture)
    return pictures


def gallery(
    index: int, *, columns: int = 5, rows: int = 4, size: tuple[int, int] = (1920, 1080)
) -> npt.NDArray[np.uint8]:
    """Return picture number `index`, width x height, of a call in gallery view: the portrait in every tile, swaying."""
    import cv2

    width, height = size[0] // columns, size[1] // rows
    side = round(0.9 * height)
    face = cv2.resize(face_picture(), (side, side), interpolation=cv2.INTER_AREA)
    picture = np.full((size[1], size[0], 3), 40, np.uint8)
    for number in range(columns * rows):
        row, column = divmod(number, columns)
        left = column * width + (width - side) // 2 + round(4 * np.sin(index / 3 + number))
        top = row * height + height - side
        picture[top : top + side, left : left + side] = face if number % 2 else face[:, ::-1]
    return picture
