"""A program: draws what it is told on its standard input over the screen, and tells where somebody presses Stop.

A line is the JSON of one source as it stands: `{"source": name, "at": monotonic s, "status": word, "text": words,
"faces": [{"keep": [left, top, width, height], "texts": [the longest first], "status": word}]}`. Answers are lines, too:
`{"ready": true}`, `{"painted": at}` and `{"stop": true}`. The end of the input is the end.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

# What is drawn has the pixels of the screen, not those of a scaled desktop.
os.environ.setdefault("QT_ENABLE_HIGHDPI_SCALING", "0")

from PySide6.QtCore import QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QWidget

from .overlay_layout import Placed, lay_out
from .target import Rect, overlap

COLOURS = {"real": "#34d396", "uncertain": "#fab428", "fake": "#ff5050", "": "#9a9a9a"}
"Of a status; the last one of a source that has none."
_GROUND = QColor(18, 20, 24)
_ON_TOP = (
    Qt.WindowType.FramelessWindowHint
    | Qt.WindowType.WindowStaysOnTopHint
    | Qt.WindowType.Tool
    | Qt.WindowType.WindowDoesNotAcceptFocus
    | Qt.WindowType.X11BypassWindowManagerHint
)
_LONGEST = 90
"Of a line in the bar, letters."
_RAISE = 1000
"Windows that were opened since do not stay above for longer than this, ms."


class Marks(QWidget):
    """Corners and labels of all faces, in a window over the whole screen that has only their shape."""

    def __init__(self) -> None:
        super().__init__(None, _ON_TOP | Qt.WindowType.WindowTransparentForInput)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setWindowTitle("truefeed marks")
        self._font = QFont("sans-serif")
        self._font.setPixelSize(15)
        self._font.setBold(True)
        self._metrics = QFontMetrics(self._font)
        self._placed: list[tuple[Placed, QColor]] = []
        self._painted: list[float] = []

    def show_faces(self, faces: list[Mapping[str, Any]], at: float) -> None:
        """Draw these faces, px of the screen, and no others."""
        whole = QApplication.primaryScreen().virtualGeometry()
        if self.geometry() != whole:
            self.setGeometry(whole)
        keep: list[Rect] = [tuple(face["keep"]) for face in faces]
        screen = (whole.x(), whole.y(), whole.width(), whole.height())
        placed = lay_out(keep, [face["texts"] for face in faces], screen, self._width)
        self._placed = [(one, QColor(COLOURS[face["status"]])) for one, face in zip(placed, faces, strict=True)]
        shape = QRegion()
        for one, _ in self._placed:
            for rect in (*one.corners, *([one.label] if one.label else [])):
                shape += self._here(rect)
        self._painted.append(at)
        if shape.isEmpty():
            self.hide()
            self.tell()
            return
        self.setMask(shape)
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setFont(self._font)
        for one, colour in self._placed:
            for corner in one.corners:
                painter.fillRect(self._here(corner), colour)
            if one.label is not None:
                rect = self._here(one.label)
                painter.fillRect(rect, _GROUND)
                painter.fillRect(rect.x(), rect.y(), 4, rect.height(), colour)
                painter.setPen(colour)
                painter.drawText(rect.adjusted(10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, one.text)
        painter.end()
        QTimer.singleShot(0, self.tell)

    def tell(self) -> None:
        """Say of which pictures the verdicts are on the screen now."""
        while self._painted:
            _answer({"painted": self._painted.pop(0)})

    def _width(self, text: str) -> int:
        return self._metrics.horizontalAdvance(text) + 18

    def _here(self, rect: Rect) -> QRect:
        left, top, wide, high = rect
        return QRect(left - self.x(), top - self.y(), wide, high)


class Bar(QWidget):
    """What is watched, what is thought of it, and Stop. It keeps away from faces until somebody moves it."""

    def __init__(self) -> None:
        super().__init__(None, _ON_TOP)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setWindowTitle("truefeed")
        self.setStyleSheet(
            "QWidget { background: #121418; color: #f4f4f4; font: 14px 'sans-serif'; }"
            "QPushButton { background: #3a3f47; border-radius: 4px; padding: 4px 12px; }"
        )
        self._text = QLabel("truefeed is watching")
        self._text.setTextFormat(Qt.TextFormat.RichText)
        stop = QPushButton("Stop")
        stop.clicked.connect(lambda: _answer({"stop": True}))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.addWidget(self._text)
        row.addWidget(stop)
        self._held: QPoint | None = None
        self._moved = False
        self._spot = 0

    def tell(self, sources: list[Mapping[str, Any]]) -> None:
        """Show how the sources stand, and go where no face is."""
        rows = [f"<span style='color:{COLOURS[s['status']]}'>●</span> {_plain(s['text'][:_LONGEST])}" for s in sources]
        self._text.setText("<br>".join(rows))
        self.adjustSize()
        if not self._moved:
            self.move(self._free([tuple(face["keep"]) for source in sources for face in source["faces"]]))
        self.show()

    def _free(self, faces: list[Rect]) -> QPoint:
        screen = QApplication.primaryScreen().availableGeometry()
        right, bottom = screen.right() - self.width(), screen.bottom() - self.height()
        middle = screen.x() + (screen.width() - self.width()) // 2
        spots = [(x, y) for y in (bottom - 8, screen.y() + 8) for x in (right - 8, screen.x() + 8, middle)]
        # Where it stands is tried first, so that it does not jump about.
        for number in (self._spot, *range(len(spots))):
            x, y = spots[number]
            if all(overlap((x, y, self.width(), self.height()), face) is None for face in faces):
                self._spot = number
                break
        return QPoint(*spots[self._spot])

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take hold of it."""
        self._held = event.globalPosition().toPoint() - self.pos()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move it."""
        if self._held is not None:
            self._moved = True
            self.move(event.globalPosition().toPoint() - self._held)


class Lines(QObject):
    """Reads the input in a thread of its own."""

    came = Signal(str)
    ended = Signal()

    def start(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self.came.emit(line)
        self.ended.emit()


class Overlay(QObject):
    """All sources as they stand."""

    def __init__(self) -> None:
        super().__init__()
        self._marks, self._bar = Marks(), Bar()
        self._sources: dict[str, dict[str, Any]] = {}

    def take(self, line: str) -> None:
        """Take a line of the input."""
        told = json.loads(line)
        self._sources[told["source"]] = told
        self._marks.show_faces([face for s in self._sources.values() for face in s["faces"]], told["at"])
        self._bar.tell(list(self._sources.values()))

    def up(self) -> None:
        """Come to the top again."""
        for window in (self._marks, self._bar):
            if window.isVisible():
                window.raise_()


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _answer(message: Mapping[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:
        QApplication.quit()


def main() -> None:
    """Draw until the input ends."""
    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    overlay, lines, timer = Overlay(), Lines(), QTimer()
    lines.came.connect(overlay.take)
    lines.ended.connect(app.quit)
    timer.timeout.connect(overlay.up)
    timer.start(_RAISE)
    lines.start()
    _answer({"ready": True})
    app.exec()
    os._exit(0)  # the thread may sit in a read


if __name__ == "__main__":
    main()
