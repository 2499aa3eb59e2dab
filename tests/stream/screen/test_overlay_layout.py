"""Where marks and labels stand: beside faces, and never on one."""

from __future__ import annotations

import numpy as np
from truefeed.stream.screen.overlay_layout import lay_out
from truefeed.stream.screen.target import Rect, overlap, uncovered

SCREEN = (0, 0, 1920, 1080)


def width(text: str) -> int:
    return 10 * len(text)


def test_nothing_is_drawn_on_any_face() -> None:
    random = np.random.default_rng(1)
    labels = 0
    for _ in range(100):
        count = int(random.integers(1, 25))
        places = random.integers((-50, -50, 30), (1900, 1060, 300), (count, 3))
        keep: list[Rect] = [(int(x), int(y), int(side), int(side)) for x, y, side in places]
        placed = lay_out(keep, [("a long label", "short", "5%")] * count, SCREEN, width)
        drawn = [rect for one in placed for rect in (*one.corners, one.label) if rect is not None]
        assert all(overlap(rect, face) is None for rect in drawn for face in keep)
        texts = [one.label for one in placed if one.label is not None]
        assert all(overlap(a, b) is None for i, a in enumerate(texts) for b in texts[:i])
        assert all(overlap(rect, SCREEN) == rect for rect in texts)
        assert all(one.label[2] == width(one.text) for one in placed if one.label is not None)
        labels += len(texts)
    assert labels > 500


def test_a_label_stands_above_its_face_and_shrinks_where_room_is_short() -> None:
    (alone,) = lay_out([(500, 500, 100, 100)], [("Face 1  Real  7%", "7%")], SCREEN, width)
    assert alone.text == "Face 1  Real  7%"
    assert alone.label is not None
    assert alone.label[1] < 500
    assert len(alone.corners) == 8
    walls = [(x, y, 100, 100) for x in (350, 500, 650) for y in (350, 500, 650)]  # gaps of 50 px all around it
    placed = lay_out(walls, [("Face 1  Real  7%", "7%")] * 9, SCREEN, width)
    assert {one.text for one in placed} >= {"7%"}


def test_the_rest_of_a_rectangle() -> None:
    assert uncovered((0, 0, 10, 10), []) == 1
    assert uncovered((0, 0, 10, 10), [(5, 0, 10, 10), (0, 5, 10, 10)]) == 0.25
    assert uncovered((0, 0, 10, 10), [(5, 0, 10, 10), (0, 0, 6, 20)]) == 0
    assert overlap((0, 0, 10, 10), (10, 0, 5, 5)) is None
