from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from media import portrait
from truefeed.stream.faces import Detector, open_detector
from truefeed.stream.faces.align import square
from truefeed.stream.faces.detect_track import Follower
from truefeed.stream.faces.tracker import Tracker
from truefeed.stream.types import Face, Floats, Image

FRONTAL = np.array([[-0.158, -0.128], [0.157, -0.129], [0.0, 0.051], [-0.129, 0.236], [0.131, 0.234]], np.float32)
Place = tuple[float, float]


def face(x: float, y: float = 100, side: float = 60) -> Face:
    points = (FRONTAL * side + [x, y]).astype(np.float32)
    box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)
    return Face(box, points, 0.9)


def ids(tracker: Tracker, t: float, *places: float, looks: Floats | None = None) -> list[int]:
    return [track.id for track in tracker.update([face(x) for x in places], t, looks)]


def test_ids_begin_at_one_and_follow_the_order_of_faces() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, 100, 300) == [1, 2]
    assert ids(tracker, 0.1, 302, 98) == [2, 1]


def test_a_track_keeps_when_it_was_born_and_its_latest_face() -> None:
    tracker = Tracker()
    tracker.update([face(100)], 1.0)
    (track,) = tracker.update([face(105)], 1.5)
    assert (track.born, track.seen) == (1.0, 1.5)
    assert square(track.face.points)[0] == pytest.approx(105, abs=0.1)


def test_six_faces_that_sway_keep_their_ids() -> None:
    tracker = Tracker()
    for step in range(100):
        places = [100 * n + 20 * np.sin(step / 5 + n) for n in range(1, 7)]
        assert ids(tracker, step / 16, *places) == [1, 2, 3, 4, 5, 6]


def test_faces_that_pass_through_each_other_keep_their_ids() -> None:
    tracker = Tracker()
    for step in range(64):
        t = step / 16
        left, right = 100 + 100 * t, 500 - 100 * t
        if abs(left - right) < 50:
            continue  # one hides the other and the detector sees neither
        assert ids(tracker, t, left, right) == [1, 2]


def test_a_face_hidden_for_less_than_a_second_keeps_its_id_and_after_more_gets_a_new_one() -> None:
    tracker = Tracker()
    ids(tracker, 0.0, 100)
    ids(tracker, 0.1)
    assert ids(tracker, 0.9, 110) == [1]
    ids(tracker, 1.0)
    ids(tracker, 1.9)
    assert ids(tracker, 2.1, 110) == [2]


def test_only_a_picture_that_could_have_shown_a_face_counts_against_it() -> None:
    tracker = Tracker()
    assert ids(tracker, 0.0, 100) == [1]
    assert ids(tracker, 1.4, 100) == [1]  # a stream scored less than once a second
    assert ids(tracker, 9.0, 100) == [2]


def test_a_jump_or_another_size_is_another_face() -> None:
    tracker = Tracker()
    ids(tracker, 0.0, 100)
    assert ids(tracker, 0.1, 400) == [2]
    assert [track.id for track in tracker.update([face(400, side=150)], 0.2)] == [3]


def test_another_look_in_the_same_place_is_another_face() -> None:
    one, other = np.eye(2, dtype=np.float32)
    tracker = Tracker()
    ids(tracker, 0.0, 100, looks=one[None])
    assert ids(tracker, 0.1, 100, looks=other[None]) == [2]
    assert ids(tracker, 0.2, 100, looks=one[None]) == [1]


def test_looks_decide_where_places_do_not() -> None:
    looks = np.eye(2, dtype=np.float32)
    tracker = Tracker()
    ids(tracker, 0.0, 100, 130, looks=looks)
    assert ids(tracker, 0.5, 113, 117, looks=looks[::-1]) == [2, 1]


def test_reset_forgets_but_gives_no_id_twice() -> None:
    tracker = Tracker()
    ids(tracker, 0.0, 100)
    tracker.reset()
    assert len(tracker.squares(0.1)) == 0
    assert ids(tracker, 0.1, 100) == [2]


def test_squares_foretell_where_a_moving_face_will_be() -> None:
    tracker = Tracker()
    for step in range(20):
        ids(tracker, step / 10, 100 + 10 * step)
    assert tracker.squares(2.0)[0] == pytest.approx([300, 100, 60], abs=3)


# From here on with the real detector on drawn pictures.


@pytest.fixture(scope="module")
def detector() -> Detector:
    return open_detector()


def person(number: int, size: int = 210) -> Image:
    """The portrait's head as another person: mirrored, with other colours."""
    head = cv2.resize(portrait()[0:280, 90:370], (size, size), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(head, cv2.COLOR_BGR2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 22 * number) % 180
    turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return np.asarray(turned[:, ::-1] if number % 2 else turned, np.uint8)


def draw(people: Sequence[tuple[int, Place]], size: int = 210) -> Image:
    """A 1280x720 picture of people by (number, centre), the later before the earlier."""
    image = np.full((720, 1280, 3), 100, np.uint8)
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size // 2), (size * 3 // 10, size * 9 // 20), 0, 0, 360, 255, -1)
    for number, (x, y) in people:
        left, top = round(x - size / 2), round(y - size / 2)
        if -size < left < 1280:
            part = image[top : top + size, max(left, 0) : left + size]
            first = max(-left, 0)
            shown = slice(first, first + part.shape[1])
            np.copyto(part, person(number, size)[:, shown], where=mask[:, shown, None] > 0)
    return image


def follow(
    detector: Detector, people: Callable[[float], Sequence[tuple[int, Place]]], seconds: float
) -> dict[int, list[int]]:
    """Return the ids that each person's face was given, in order; the people are where people(t) says."""
    follower = Follower(detector)
    given: dict[int, list[int]] = {}
    for step in range(int(seconds * 16)):
        t = step / 16
        there = people(t)
        for track in follower.update(draw(there), t):
            x, y, _ = square(track.face.points)
            distances = sorted((float(np.hypot(x - px, y - py)), number) for number, (px, py) in there)
            if len(distances) < 2 or distances[1][0] - distances[0][0] > 40:
                seen = given.setdefault(distances[0][1], [])
                if track.id not in seen:
                    seen.append(track.id)
    return given


def test_people_who_cross_keep_their_ids(detector: Detector) -> None:
    def people(t: float) -> list[tuple[int, Place]]:
        return [(0, (200 + 300 * t, 350)), (1, (1080 - 300 * t, 360))]

    given = follow(detector, people, 3.0)
    assert given == {0: given[0][:1], 1: given[1][:1]}
    assert given[0] != given[1]


def test_a_person_behind_another_for_a_moment_keeps_the_id(detector: Detector) -> None:
    def people(t: float) -> list[tuple[int, Place]]:
        away = max(0.0, abs(t - 1.2) - 0.1)
        return [(0, (640 - 380 * away, 350)), (1, (640, 350))]

    given = follow(detector, people, 2.4)
    assert given == {0: given[0][:1], 1: given[1][:1]}


def test_a_person_who_leaves_and_returns_later_gets_a_new_id(detector: Detector) -> None:
    def people(t: float) -> list[tuple[int, Place]]:
        return [(0, (400, 350)), *([(1, (900.0, 350.0))] if not 1.0 < t < 2.6 else [])]

    given = follow(detector, people, 3.5)
    assert len(given[0]) == 1
    assert len(given[1]) == 2


def test_six_people_are_followed(detector: Detector) -> None:
    def people(t: float) -> list[tuple[int, Place]]:
        return [(n, (220 + 400 * (n % 3) + 15 * np.sin(3 * t + n), 180 + 340 * (n // 3))) for n in range(6)]

    given = follow(detector, people, 1.5)
    assert sorted(given) == [0, 1, 2, 3, 4, 5]
    assert sorted(i for seen in given.values() for i in seen) == [1, 2, 3, 4, 5, 6]


def test_the_whole_picture_is_searched_two_or_three_times_a_second(detector: Detector) -> None:
    class Counting:
        searches = looks = 0

        def detect(self, image: Image) -> list[Face]:
            self.searches += 1
            return detector.detect(image)

        def locate(self, image: Image, squares: Floats) -> list[Face]:
            self.looks += 1
            return detector.locate(image, squares)

    counting = Counting()
    follower = Follower(counting)
    image = draw([(0, (400, 350))])
    for step in range(32):
        assert len(follower.update(image, step / 16)) == 1
    assert 4 <= counting.searches <= 6
    assert counting.looks == 32


def test_after_a_cut_a_face_in_the_same_place_is_another(detector: Detector) -> None:
    follower = Follower(detector)
    here, there = draw([(0, (400, 350))]), draw([(0, (405, 355))])
    here[:, 700:] = (40, 20, 180)
    there[500:, :] = (200, 220, 90)
    there[:200, :] = (250, 250, 250)
    ids = [follower.update(image, i / 16)[0].id for i, image in enumerate([here] * 4 + [there] * 4)]
    assert ids == [1] * 4 + [2] * 4


def test_a_change_of_light_is_no_cut(detector: Detector) -> None:
    follower = Follower(detector)
    image = draw([(0, (400, 350))])
    image[:, 700:] = (40, 20, 180)
    dim = np.asarray(image * 0.7 + 10, np.uint8)
    assert [follower.update(picture, i / 16)[0].id for i, picture in enumerate([image, dim, image])] == [1, 1, 1]


def test_reset_searches_at_once_and_gives_new_ids(detector: Detector) -> None:
    follower = Follower(detector)
    image = draw([(0, (400, 350))])
    assert [track.id for track in follower.update(image, 0.0)] == [1]
    follower.reset()
    assert [track.id for track in follower.update(image, 0.05)] == [2]
