"""What `truefeed doctor` tries next: codecs, protocols, cameras, microphones, the display."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .doctor_check import Check

_DECODERS = ("h264", "hevc", "vp8", "vp9", "av1", "mjpeg", "aac", "opus", "mp3", "pcm_mulaw")


def codecs() -> Iterator[Check]:
    from av.codec.hwaccel import hwdevices_available

    lacking = [name for name in _DECODERS if not _has(name, "r")]
    detail = ", ".join(name for name in _DECODERS if name not in lacking)
    yield Check(
        "media",
        "decoders",
        "broken" if lacking else "ok",
        detail,
        "pip install --force-reinstall av",
        needed="h264" in lacking,
    )
    encoder = next((name for name in ("libx264", "libopenh264", "mpeg4") if _has(name, "w")), None)
    fix = "pip install --force-reinstall av"
    yield Check("media", "overlay files", "ok" if encoder else "absent", f"written with {encoder or 'nothing'}", fix)
    compiled = ", ".join(hwdevices_available()) or "none"
    yield Check("media", "hardware decoding", "ok", f"compiled in: {compiled} (not used: 720p30 costs 6% of a core)")


def protocols() -> Iterator[Check]:
    """Port 9 of this machine refuses the call; a build without the protocol never gets so far."""
    import av

    for scheme in ("rtsp", "rtsps"):
        try:
            av.open(f"{scheme}://127.0.0.1:9/", timeout=(2, 2)).close()
        except av.error.ProtocolNotFoundError:
            yield Check("media", scheme, "absent", "not in this build of PyAV", "pip install --force-reinstall av")
            continue
        except (av.error.FFmpegError, OSError):
            pass
        yield Check("media", scheme, "ok", "streams can be opened")


def _has(name: str, mode: str) -> bool:
    import av

    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def cameras() -> Iterator[Check]:
    import cv2

    from ..sources import list_cameras

    found = list_cameras()
    for camera in found:
        label = f"camera {camera.spec}"
        with _silence():
            device = cv2.VideoCapture(int(camera.spec))
            frame = device.read()[1] if device.isOpened() else None
            device.release()
        if frame is not None:
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            yield Check("devices", label, "ok", f"{camera.name}, {size}: truefeed watch {camera.spec}")
        elif sys.platform == "linux" and not os.access(f"/dev/video{camera.spec}", os.R_OK | os.W_OK):
            yield Check("devices", label, "broken", f"{camera.name}: no permission", "sudo usermod -aG video $USER")
        else:
            yield Check("devices", label, "broken", f"{camera.name}: gives no picture, or another program has it")
    if not found:
        yield Check("devices", "camera", "absent", "none found; a file, a stream or `demo` serves as well")


def microphones() -> Iterator[Check]:
    from ..errors import MissingExtraError
    from ..sources import list_microphones

    try:
        with _silence():
            found = list_microphones()
    except MissingExtraError:
        fix = "pip install 'truefeed[mic]'"
        if sys.platform == "linux":
            fix = f"sudo apt-get install portaudio19-dev gcc python3-dev && {fix}"
        yield Check("devices", "microphone", "absent", "pyaudio is not installed", fix)
        return
    for microphone in found:
        yield Check("devices", f"microphone {microphone.spec}", "ok", microphone.name)
    if not found:
        yield Check("devices", "microphone", "absent", "no sound input found")


def display() -> Iterator[Check]:
    built = next((line.split(":", 1)[1].strip() for line in _build_lines() if line.strip().startswith("GUI")), "NONE")
    if built.upper() == "NONE":
        fix = "pip uninstall opencv-python-headless && pip install --force-reinstall opencv-python"
        yield Check("devices", "display", "absent", "this OpenCV has no windows", fix)
    elif sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Check("devices", "display", "absent", "none (DISPLAY is not set); use --overlay FILE.mp4")
    else:
        where = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "desktop"
        yield Check("devices", "display", "ok", f"{where}, windows by {built}: --overlay window")


def _build_lines() -> list[str]:
    import cv2

    return str(cv2.getBuildInformation()).splitlines()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what C libraries (ALSA, V4L2) write straight to descriptor 2 out of the answer."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


PROBES = (codecs, protocols, cameras, microphones, display)
