"""The boxes of the faces and the label beside each."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import FaceVerdict, Image
from .drawing import INKED, MUTED, STATUS, WHITE, WORD, Rect, bar, corners, fill, shade, text, text_width, wrap
from .text import percent, words


def draw_faces(image: Image, faces: Sequence[FaceVerdict], size: int, area: Rect, mark: float | None) -> None:
    """Draw every face's box and label.

    Args:
        image: HxWx3 BGR, drawn upon.
        faces: with boxes in px of image.
        size: of the text, px.
        area: where labels may stand.
        mark: the probability at which an alert is raised, shown in the bars.
    """
    boxes = [_box(face, image) for face in faces]
    for face, box in zip(faces, boxes, strict=True):
        if box.width > 1 and box.height > 1:
            corners(image, box, STATUS[face.status], max(2, size // 6))
    taken: list[Rect] = []
    # The suspicious first: where room is short, they get it.
    order = sorted(range(len(faces)), key=lambda i: -(faces[i].fake or 0.0))
    for i in order:
        label = _Label(faces[i], size, boxes[i], area, crowded=len(faces) > 4)
        others = [box for j, box in enumerate(boxes) if j != i]
        place = label.place(area, taken, others)
        taken.append(place)
        label.draw(image, place, mark)


class _Label:
    """`Face 1  Fake         93%`, a bar and, where the verdict is uncertain, why; one short line for a small face."""

    def __init__(self, face: FaceVerdict, size: int, box: Rect, area: Rect, *, crowded: bool) -> None:
        self.face, self.size, self.box = face, size, box
        self.pad = max(4, size // 3)
        self.line = round(size * 1.5)
        self.unit = " fake" if face.fake is not None and face.status != "fake" else ""
        full = text_width("Face 88  Unsure  100% fake", size, bold=True) + 2 * self.pad
        self.short = box.width < full * (0.6 if crowded else 0.4)
        self.name = str(face.id) if self.short else f"Face {face.id}"
        self.unit = "" if self.short else self.unit
        self.value = percent(face.fake)
        needed = self._head_width() + self.pad * (2 if self.short else 4)
        self.width = min(needed if self.short else max(full, min(box.width, round(full * 1.25))), area.width)
        inner = self.width - 2 * self.pad - 2
        self.why = [] if self.short else wrap(_why(face), size - 2, inner, 2)
        self.row = round(self.line * 0.85)
        self.height = self.line + self.pad + max(3, size // 5) + self.row * len(self.why)

    def _head_width(self) -> int:
        head = (self.name, WORD[self.face.status], self.value)
        return sum(text_width(part, self.size, bold=True) for part in head) + 2 * self.pad

    def place(self, area: Rect, taken: Sequence[Rect], faces: Sequence[Rect]) -> Rect:
        """Return where it covers least: above its box, under it, inside at the top, inside at the bottom."""
        gap = self.pad
        tops = (
            self.box.top - gap - self.height,
            self.box.bottom + gap,
            self.box.top + gap,
            self.box.bottom - gap - self.height,
        )
        best, least = None, 0
        for rank, top in enumerate(tops):
            wish = Rect(self.box.left - 1, top, self.box.left - 1 + self.width, top + self.height)
            spot = _into(wish, area)
            cost = 3 * sum(spot.overlap(other) for other in taken) + sum(spot.overlap(other) for other in faces)
            cost += spot.overlap(self.box) // 2 + rank
            if best is None or cost < least:
                best, least = spot, cost
        assert best is not None
        return best

    def draw(self, image: Image, place: Rect, mark: float | None) -> None:
        """Draw it at place."""
        colour = STATUS[self.face.status]
        shade(image, place)
        fill(image, Rect(place.left, place.top, place.left + max(2, self.size // 6), place.bottom), colour)
        x, middle, right = place.left + self.pad + 2, place.top + self.line // 2 + 1, place.right - self.pad
        x += text(image, self.name, x, middle, self.size, WHITE, bold=True) + self.pad
        text(image, WORD[self.face.status], x, middle, self.size, INKED[self.face.status], bold=True)
        end = right - text_width(self.unit, self.size - 2)
        text(image, self.unit, end, middle, self.size - 2, MUTED)
        text(image, self.value, end - text_width(self.value, self.size, bold=True), middle, self.size, WHITE, bold=True)
        top = place.top + self.line + 1
        thick = max(3, self.size // 5)
        bar(image, Rect(place.left + self.pad + 2, top, right, top + thick), self.face.fake, colour, mark)
        for i, row in enumerate(self.why):
            middle = top + thick + self.row * i + self.row // 2 + 2
            text(image, row, place.left + self.pad + 2, middle, self.size - 2, MUTED)


def _why(face: FaceVerdict) -> list[str]:
    why = [words((reason,)) for reason in face.reasons]
    return [why[0][:1].upper() + why[0][1:], *why[1:]] if why else []


def _box(face: FaceVerdict, image: Image) -> Rect:
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(x)) for x in face.box)
    # A face at the border keeps its whole box in sight.
    return Rect(max(left, 1), max(top, 1), min(right, width - 2), min(bottom, height - 2))


def _into(rect: Rect, area: Rect) -> Rect:
    dx = max(area.left - rect.left, 0) or min(area.right - rect.right, 0)
    dy = max(area.top - rect.top, 0) or min(area.bottom - rect.bottom, 0)
    return rect.moved(dx, dy)
