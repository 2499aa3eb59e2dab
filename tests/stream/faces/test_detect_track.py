"""Small faces of a call in gallery view, found part by part."""

from __future__ import annotations

import itertools

import numpy as np
from clips import gallery
from truefeed.stream.faces import open_detector
from truefeed.stream.faces.detect_track import Follower, FollowSettings
from truefeed.stream.faces.tiled_detection import OVERLAP, PART, part
from truefeed.stream.types import Face, Floats, Image


def test_more_small_faces_are_found_part_by_part() -> None:
    pictures = [gallery(i, columns=8, rows=6) for i in range(3)]  # 48 faces of 38 px
    detector = open_detector()
    found = {}
    for small in (False, True):
        follower = Follower(detector, FollowSettings(small=small))
        # A call's faces move, else a cut would be seen where none is.
        for number in range(36 if small else 6):
            tracks = follower.update(pictures[number % 3], number / 10)
        found[small] = len(tracks)
    assert found[False] < 40
    assert found[True] >= 44


class Noting:
    """A detector that finds one face at the upper left, and notes the sizes that it is shown."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def detect(self, image: Image) -> list[Face]:
        self.sizes.append(image.shape)
        return [Face(np.array([0, 0, 9, 9], np.float32), np.zeros((5, 2), np.float32), 1.0)]

    def locate(self, image: Image, squares: Floats) -> list[Face]:
        return []


def test_the_parts_cover_the_picture_and_overlap() -> None:
    for height, width in ((1080, 1920), (480, 640), (2160, 3840), (1080, 900)):
        detector = Noting()
        image = np.zeros((height, width, 3), np.uint8)
        corners = [tuple(int(v) for v in part(detector, image, n)[0].box[:2]) for n in range(40)]
        seen = np.zeros((height, width), bool)
        for (left, top), (high, wide, _) in zip(corners, detector.sizes, strict=True):
            seen[top : top + high, left : left + wide] = True
        assert seen.all()
        lefts = sorted({left for left, _ in corners})
        assert all(b - a <= PART[0] - OVERLAP for a, b in itertools.pairwise(lefts))
