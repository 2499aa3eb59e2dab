"""The overlay on the screen itself: marks around the very faces, and a bar with the state and a button to stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from queue import Empty, Queue
from typing import IO, Any, cast

from ..errors import ConfigError, MissingExtraError, TruefeedError
from ..types import Alert, FaceVerdict, Frame, StateChange, Verdict
from .base import Sink
from .drawing import WORD
from .text import percent, words

_PROGRAM = "truefeed.stream.screen.overlay"
_BEGIN = 30.0
"The program is there within this, s."
_END = 5.0
_LIBRARIES = "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0 libegl1"
"What Qt takes from Debian."
_ROOM = 1.3
"Of what is kept clear around a crop: a tilted head, and one that moves before its marks do."
_SQUARE = (1.42, 1.15)
"Side of the tight face square over width and height of the detector's box, about."
_Rect = tuple[int, int, int, int]
_Face = Mapping[str, Any]


def check_screen_overlay() -> None:
    """Raise MissingExtraError or ConfigError where nothing can be drawn over the screen."""
    if find_spec("PySide6") is None:
        raise MissingExtraError("PySide6-Essentials", "overlay")
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise ConfigError("--overlay screen needs a display and DISPLAY is not set")


class ScreenOverlay(Sink):
    """Draws over the screen, in a process of its own. Stop in its bar sets `done`.

    Args:
        crop_scale: side of the crops that the face model sees, over that of the tight face square.

    Raises ConfigError where the program does not start.
    """

    def __init__(self, crop_scale: float) -> None:
        check_screen_overlay()
        self._scale = _ROOM * max(crop_scale, 1.2)  # 1.2 is where motion is measured
        self._told: dict[str, dict[str, Any]] = {}
        self._alerts: dict[str, dict[str, Alert]] = {}
        self.delays: deque[float] = deque(maxlen=10_000)
        "From a picture of the screen to its marks on the screen, s."
        self._waiting: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._closed = self._gone = False
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by close
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
        )
        self._ready: Queue[bool] = Queue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._tell)]
        for thread in self._threads:
            thread.start()
        self._begin()

    def _begin(self) -> None:
        try:
            ready = self._ready.get(timeout=_BEGIN)
        except Empty:
            ready = False
        if not ready:
            self._child.kill()
            self._child.wait()
            said = self._words()
            self.close()
            hint = f"sudo apt-get install {_LIBRARIES}" if sys.platform == "linux" else ""
            why = next((line for line in said if "xcb-cursor" in line or "display" in line), (said or ["it ended"])[-1])
            raise ConfigError(f"--overlay screen: nothing can be drawn: {why}{f'; perhaps {hint}' if hint else ''}")

    def _words(self) -> list[str]:
        self._said.seek(0)
        return self._said.read().strip().splitlines()

    def _listen(self) -> None:
        for line in cast(IO[str], self._child.stdout):
            answer = json.loads(line)
            if "painted" in answer:
                self.delays.append(time.monotonic() - answer["painted"])
            elif "stop" in answer:
                self.done = True
            else:
                self._ready.put(True)
        self._gone = True
        self._ready.put(False)

    def _tell(self) -> None:
        """Write the newest of each source; who is slow to read misses what is old."""
        stdin = cast(IO[str], self._child.stdin)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                messages = list(self._waiting.values())
                self._waiting.clear()
            try:
                stdin.writelines(json.dumps(message) + "\n" for message in messages)
                stdin.flush()
            except OSError:
                return

    def state(self, source: str, change: StateChange) -> None:
        text = change.state if not change.detail else f"{change.state}: {change.detail}"
        if change.state == "online":
            text = "watching"
        self._send(source, time.monotonic(), "", text, ())

    def verdict(self, verdict: Verdict, frame: Frame | None) -> None:
        text = f"{WORD[verdict.status]} {percent(verdict.fake)}"
        if verdict.reasons:
            text += f", {words(verdict.reasons)}"
        if verdict.voice is not None:
            text += f" · voice {percent(verdict.voice)}"
        if self._alerts.get(verdict.source):
            raised = ", ".join(f"{who} {percent(a.probability)}" for who, a in self._alerts[verdict.source].items())
            text = f"ALERT: {raised} · {text}"
        if frame is None:  # sound alone: the faces stay where they are
            before = self._told.get(verdict.source, {})
            self._send(verdict.source, time.monotonic(), verdict.status, text, before.get("faces", ()))
            return
        faces = [self._face(face, frame) for face in verdict.faces]
        self._send(verdict.source, frame.arrived, verdict.status, text, faces)

    def alert(self, alert: Alert) -> None:
        raised = self._alerts.setdefault(alert.source, {})
        raised.pop(alert.subject, None)
        if alert.raised:
            raised[alert.subject] = alert

    def _face(self, face: FaceVerdict, frame: Frame) -> _Face:
        value = percent(face.fake)
        word = WORD[face.status] if face.fake is not None else "..."
        texts = [f"Face {face.id}  {word}  {value}", f"{word} {value}", value]
        if face.reasons:
            texts.insert(0, f"Face {face.id}  {word}  {value}, {words(face.reasons)}")
        return {"keep": self._keep(face, frame), "texts": texts, "status": face.status}

    def _keep(self, face: FaceVerdict, frame: Frame) -> _Rect:
        """Return where nothing is drawn, px of the screen: all that any model sees of the face."""
        height, width = frame.image.shape[:2]
        left, top, wide, high = frame.screen or (0, 0, width, height)
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        side = self._scale * max(_SQUARE[0] * (face.box[2] - face.box[0]), _SQUARE[1] * (face.box[3] - face.box[1]))
        across, down = wide / width, high / height
        corner = left + (x - side / 2) * across, top + (y - side / 2) * down
        return round(corner[0]), round(corner[1]), round(side * across), round(side * down)

    def _send(self, source: str, at: float, status: str, text: str, faces: Sequence[_Face]) -> None:
        message = {"source": source, "at": at, "status": status, "text": f"{source}: {text}", "faces": list(faces)}
        if self._gone:
            raise TruefeedError(f"the marks over the screen are gone: {(self._words() or ['it ended'])[-1]}")
        with self._changed:
            self._told[source] = self._waiting[source] = message
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._threads[1].join(_END)
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._threads[0].join(_END)
        for pipe in (self._child.stdin, self._child.stdout, self._said):
            try:
                cast(IO[str], pipe).close()
            except OSError:  # what was not read any more
                continue
