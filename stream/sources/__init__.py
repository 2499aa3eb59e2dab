"""Where pictures and sound come from: cameras, streams, files, microphones."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from .base import Item, Source, SourceOptions, Tally
from .files import FileSource
from .live import LiveSource, rtsp

DEMO = Path(__file__).parent.parent / "assets" / "demo.mp4"
"A short clip with a genuine and a manipulated stretch."

__all__ = ["DEMO", "Item", "Source", "SourceOptions", "Tally", "open_source"]


def open_source(spec: str, options: SourceOptions | None = None) -> Source:
    """Return the source that a word of the command line names; it is opened only when its items are asked for.

    Args:
        spec: a camera number, `/dev/videoN`, `rtsp://...` or another URL that PyAV reads, a file, `FORMAT:ARGUMENT`
            of PyAV (such as `lavfi:testsrc,realtime`), or `demo`.

    Raises:
        ConfigError: the word names nothing known.
    """
    options = options or SourceOptions()
    if spec == "demo":
        return FileSource(DEMO, options, name="demo")
    if spec.startswith(("rtsp://", "rtsps://")):
        return rtsp(spec, options)
    if spec.startswith("lavfi:"):
        return LiveSource(spec, spec.removeprefix("lavfi:"), options, format="lavfi")
    if not spec:
        raise ConfigError("no source given: a camera number, rtsp://..., a file or demo")
    return FileSource(Path(spec), options)
