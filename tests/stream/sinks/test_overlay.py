"""What is drawn on the picture, measured in its pixels."""

from __future__ import annotations

import time

import numpy as np
import pytest
from truefeed.stream.sinks.drawing import AMBER, GREEN, RED, STATUS, Rect, fit, text_width, wrap
from truefeed.stream.sinks.overlay import Overlay
from truefeed.stream.sinks.overlay_labels import _Label
from truefeed.stream.types import Alert, FaceVerdict, Image, StateChange, Status, Verdict

SIZES = [(360, 640), (720, 1280), (1080, 1920), (640, 360)]
REASONS = ("face-too-small", "blurred", "low-bitrate", "occluded")


def face(
    number: int, fake: float | None, status: Status, box: tuple[float, float, float, float], *reasons: str
) -> FaceVerdict:
    return FaceVerdict(number, fake, status, reasons, box)


def verdict(*faces: FaceVerdict, t: float = 1.0, fake: float | None = None, voice: float | None = None) -> Verdict:
    status: Status = faces[0].status if faces else "uncertain"
    return Verdict("cam", t, faces[0].fake if faces else fake, status, (), voice, faces, 0.04)


def ground(height: int, width: int, level: int = 128) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def area(image: Image, colour: tuple[int, int, int]) -> int:
    """Return how many pixels are of about that colour."""
    return int((np.abs(image.astype(int) - colour).max(2) < 12).sum())


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_box_has_the_colour_of_the_status(height: int, width: int, level: int) -> None:
    overlay = Overlay("cam")
    box = (width * 0.4, height * 0.3, width * 0.6, height * 0.7)
    for status, colour in STATUS.items():
        overlay.verdict(verdict(face(1, 0.5, status, box)))
        drawn = overlay.draw(ground(height, width, level), 1.0)
        inside = drawn[round(height * 0.28) : round(height * 0.72), round(width * 0.38) : round(width * 0.62)]
        assert area(inside, colour) > 50


def test_the_picture_given_is_left_as_it_was() -> None:
    image = ground(360, 640)
    overlay = Overlay("cam")
    overlay.verdict(verdict(face(1, 0.9, "fake", (100, 100, 200, 200))))
    drawn = overlay.draw(image, 1.0)
    assert (image == 128).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8


def bar_length(fake: float | None) -> int:
    overlay = Overlay("cam")
    overlay.verdict(verdict(fake=fake))
    drawn = overlay.draw(ground(720, 1280, 0), 60.0)  # its time is out of the timeline
    header = drawn[:40, 900:]
    return int((np.abs(header.astype(int) - AMBER).max(2) < 12)[18:22].sum(1).max())


def test_the_meter_is_as_long_as_the_probability() -> None:
    # The word in the header has the meter's colour too, so what counts is what is added.
    added = np.diff([bar_length(p) for p in (0.25, 0.5, 0.75, 1.0)])
    assert added.min() > 10
    assert np.ptp(added) <= 1


def test_not_known_is_not_zero() -> None:
    overlay = Overlay("cam")
    box = (400, 200, 600, 450)
    overlay.verdict(verdict(face(1, None, "uncertain", box)))
    unknown = overlay.draw(ground(720, 1280), 1.0)
    overlay.verdict(verdict(face(1, 0.0, "uncertain", box)))
    nought = overlay.draw(ground(720, 1280), 1.0)
    assert (unknown != nought).any()
    assert bar_length(None) < bar_length(0.0)


def test_an_alert_has_a_banner_until_it_is_cleared() -> None:
    overlay = Overlay("cam")
    overlay.verdict(verdict(face(1, 0.1, "real", (400, 200, 600, 450))))
    calm = overlay.draw(ground(720, 1280), 1.0)
    overlay.alert(Alert("cam", True, "face 1", 0.93, 1.0))
    up = overlay.draw(ground(720, 1280), 1.0)
    overlay.alert(Alert("cam", False, "face 1", 0.05, 1.0))
    red = up[42:78].reshape(-1, 3).astype(int).mean(0)
    assert np.abs(red - RED).max() < 40
    assert (overlay.draw(ground(720, 1280), 1.0) == calm).all()


def test_a_stalled_stream_shows_no_old_verdict() -> None:
    overlay = Overlay("cam")
    overlay.verdict(verdict(face(1, 0.9, "fake", (400, 200, 600, 450))))
    overlay.state(StateChange("stalled", "no frame for 3.0 s"))
    drawn = overlay.draw(ground(720, 1280), 1.0)
    assert area(drawn[100:660], RED) == 0
    assert drawn[120, 640].max() < 100  # darkened
    assert drawn[330:390, 400:880].max() > 200  # and told


def test_the_timeline_moves_with_media_time_and_forgets() -> None:
    overlay = Overlay("cam")
    for i in range(100):
        overlay.verdict(Verdict("cam", i / 10, 0.9, "fake", (), None, (), None))
    at = {t: area(overlay.draw(ground(720, 1280, 0), t)[682:], RED) for t in (10.0, 30.0, 60.0)}
    assert at[10.0] > 2000
    assert at[30.0] == pytest.approx(at[10.0], rel=0.05)
    assert at[60.0] == 0
    left = {t: np.argwhere(overlay.draw(ground(720, 1280, 0), t)[700, :, 2] > 200).min() for t in (10.0, 20.0)}
    assert left[20.0] < left[10.0]


def test_a_timeline_leaves_holes_where_nothing_was_scored() -> None:
    overlay = Overlay("cam")
    for i in range(300):
        known = not 100 <= i < 200
        overlay.verdict(
            Verdict("cam", i / 10, 0.9 if known else None, "fake" if known else "uncertain", (), None, (), None)
        )
    row = overlay.draw(ground(720, 1280, 0), 30.0)[705].astype(int)
    red = np.abs(row - RED).max(1) < 12
    thirds = np.array_split(red[480:1268], 3)
    assert thirds[0].mean() > 0.5
    assert thirds[1][20:-20].mean() == 0
    assert thirds[2].mean() > 0.5


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(
    "box",
    [
        (-30, -30, 40, 40),
        (600, 330, 900, 500),
        (-100, -100, 3000, 3000),
        (300, 0, 302, 2),
        (50, 50, 50, 50),
        (90, 80, 60, 50),
    ],
)
def test_boxes_at_and_over_the_border(height: int, width: int, box: tuple[float, float, float, float]) -> None:
    overlay = Overlay("cam", raise_at=0.9)
    overlay.verdict(verdict(face(1, 0.6, "uncertain", box, *REASONS), voice=0.2))
    overlay.alert(Alert("cam", True, "voice", 0.93, 1.0))
    assert overlay.draw(ground(height, width), 1.0).shape == (height, width, 3)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 500), (60, 80), (72, 120), (100, 2000), (240, 136)])
def test_small_and_odd_pictures(height: int, width: int) -> None:
    overlay = Overlay("rtsp://***@a-very-long-name.example.org/with/a/long/path", raise_at=0.9)
    overlay.verdict(verdict(face(1, 0.6, "uncertain", (0, 0, width, height), *REASONS)))
    overlay.alert(Alert("cam", True, "face 1", 0.93, 1.0))
    assert overlay.draw(ground(height, width), 3725.0).shape == (height, width, 3)


def test_labels_of_a_group_call_do_not_cover_each_other() -> None:
    room = Rect(0, 40, 1280, 680)
    taken: list[Rect] = []
    for number in range(6):
        left, top = 80 + 400 * (number % 3), 120 + 300 * (number // 3)
        box = Rect(left, top, left + 180, top + 220)
        shown = face(number + 1, 0.5, "uncertain", (left, top, left + 180, top + 220), "blurred")
        label = _Label(shown, 18, box, room, crowded=True)
        place = label.place(room, taken, [])
        assert all(place.overlap(other) == 0 for other in taken)
        assert place.overlap(box) == 0
        taken.append(place)


def test_words_fit_into_their_room() -> None:
    long = "a face too small to be judged by anybody"
    for width in (0, 10, 60, 120, 1000):
        assert text_width(fit(long, 18, width), 18) <= width
    assert fit(long, 18, 1000) == long
    assert fit(long, 18, 120).endswith("…")
    rows = wrap(["face too small", "blurred", "bit rate too low", "face covered"], 14, 160, 2)
    assert len(rows) == 2
    assert all(text_width(row, 14) <= 160 for row in rows)
    assert wrap([], 14, 160, 2) == []


def test_drawing_is_cheap_beside_scoring() -> None:
    overlay = Overlay("cam", raise_at=0.9)
    boxes = [(80 + 400 * (i % 3), 120 + 280 * (i // 3), 260 + 400 * (i % 3), 340 + 280 * (i // 3)) for i in range(6)]
    for i in range(300):
        overlay.verdict(verdict(*(face(n, 0.6, "uncertain", b, "blurred") for n, b in enumerate(boxes)), t=i / 10))
    image = ground(720, 1280)
    overlay.draw(image, 30.0)
    costs = []
    for _ in range(20):
        begin = time.thread_time()
        overlay.draw(image, 30.0)
        costs.append(time.thread_time() - begin)
    assert np.median(costs) < 0.008  # 2 to 3 ms measured; a slow machine may take more


def test_nothing_is_online_before_the_first_verdict() -> None:
    overlay = Overlay("cam")
    assert area(overlay.draw(ground(360, 640), 0.0), GREEN) == 0
    overlay.state(StateChange("online"))
    assert area(overlay.draw(ground(360, 640), 0.0), GREEN) > 10
