"""A web server of media: HLS, live, to be ended or whole, and files, with ranges or without."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from media import ffmpeg


class MediaServer:
    """Serves on loopback until it is closed.

    /live.m3u8 grows by a segment every `segment` seconds and ends with the clip; /endless.m3u8 does the same and stays
    as it is then; /vod.m3u8 is whole. /file/NAME is a file of the folder, /plain/NAME the same without ranges.

    Args:
        folder: takes the segments.
        clip: is cut into them.
        segment: their length, s; the clip has a keyframe at each cut.
        shown: segments that a live playlist begins with.
    """

    def __init__(self, folder: Path, clip: Path, *, segment: float = 1.0, shown: int = 3) -> None:
        self.folder, self.segment, self.shown = folder, segment, shown
        ffmpeg(
            *("-i", clip, "-c", "copy", "-f", "hls", "-hls_time", str(segment), "-hls_list_size", "0"),
            folder / "vod.m3u8",
        )
        lines = (folder / "vod.m3u8").read_text().splitlines()
        self.parts = [(lines[i], lines[i + 1]) for i, line in enumerate(lines) if line.startswith("#EXTINF")]
        self.asked: Counter[str] = Counter()
        self._began: float | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *words: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{path}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def playlist(self, *, ends: bool) -> bytes:
        """The live one as it is now; its first reader starts the clock."""
        self._began = self._began or time.monotonic()
        last = min(len(self.parts), self.shown + int((time.monotonic() - self._began) / self.segment))
        head = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{int(self.segment + 0.999)}"]
        first = max(0, last - self.shown)
        parts = [line for part in self.parts[first:last] for line in part]
        tail = ["#EXT-X-ENDLIST"] if ends and last == len(self.parts) else []
        return "\n".join([*head, f"#EXT-X-MEDIA-SEQUENCE:{first}", *parts, *tail, ""]).encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.lstrip("/")
        self.asked[name] += 1
        ranges = not name.startswith("plain/")
        if name in ("live.m3u8", "endless.m3u8"):
            body = self.playlist(ends=name.startswith("live"))
        elif (self.folder / Path(name).name).is_file():
            body = (self.folder / Path(name).name).read_bytes()
        else:
            request.send_error(404)
            return
        first, told = 0, request.headers.get("Range", "")
        if ranges and told.startswith("bytes="):
            first = int(told[6:].split("-")[0])
        request.send_response(206 if first else 200)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        elif ranges:
            request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(len(body) - first))
        request.end_headers()
        with suppress(OSError):
            request.wfile.write(body[first:])
