"""Streams that are pushed to us by RTMP: by OBS, by a meeting's "custom live streaming", by ffmpeg.

FFmpeg has a listening mode (`listen=1`), which takes one connection, whatever its key, and is over where that one says
nothing or nonsense. So the protocol up to a publisher's first picture is here: `amf0` and `chunks` are its values and
its framing, `peer` one connection, `port` the door with its keys, `flv` what FFmpeg reads, `source` the source.
"""

from .source import RtmpSource

__all__ = ["RtmpSource"]
