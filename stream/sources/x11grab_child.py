"""A program: gives the pictures of an X display on its standard output, as NUT; see x11grab. Nothing of OpenCV here."""

from __future__ import annotations

import sys

import av


def grab(display: str) -> None:
    """Go on until nobody reads any more. Raises FFmpegError where the display can't be opened."""
    with av.open(display, format="x11grab") as screen, av.open(sys.stdout.buffer, "w", format="nut") as out:
        stream = out.add_stream_from_template(screen.streams.video[0])
        for packet in screen.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux_one(packet)


if __name__ == "__main__":
    try:
        grab(sys.argv[1])
    except BrokenPipeError:
        sys.exit(0)
    except (av.error.FFmpegError, OSError) as error:
        sys.exit(str(error.strerror or error))
