from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import portrait
from truefeed.engines import EngineError
from truefeed.stream.errors import ConfigError
from truefeed.stream.faces import CenterFace, Detector, open_detector
from truefeed.stream.faces.align import square
from truefeed.stream.faces.nms import suppress
from truefeed.stream.types import Face, Floats, Image

HEAD = (slice(0, 280), slice(90, 370))
DATA = Path(os.environ.get("TRUEFEED_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
SCRFD = DATA.parent / "models" / "scrfd_500m_bnkps.onnx"


@pytest.fixture(scope="module")
def detector() -> Detector:
    return open_detector()


def squares(faces: list[Face]) -> Floats:
    return np.array([square(face.points) for face in faces], np.float32).reshape(-1, 3)


def group(count: int, size: int) -> tuple[Image, Floats]:
    """A 720p picture of `count` heads of size px, and where each face's centre is."""
    image = np.full((720, 1280, 3), 90, np.uint8)
    head = cv2.resize(portrait()[HEAD], (size, size), interpolation=cv2.INTER_AREA)
    centres = []
    for i in range(count):
        left, top = 60 + (i % 3) * 400, 80 + (i // 3) * 320
        image[top : top + size, left : left + size] = head
        centres.append((left + size * 0.475, top + size * 0.43))
    return image, np.array(centres, np.float32)


def test_finds_the_portrait_with_its_points_in_order(detector: Detector) -> None:
    (face,) = detector.detect(portrait())
    left, top, right, bottom = face.box
    assert left > 150
    assert top > 40
    assert right < 300
    assert bottom < 260
    assert face.score > 0.8
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_finds_six_small_faces_of_a_group_call(detector: Detector) -> None:
    image, centres = group(6, 90)  # faces about 40 px high
    found = squares(detector.detect(image))
    assert len(found) == 6
    for centre in centres:
        assert np.hypot(*(found[:, :2] - centre).T).min() < 12
    assert found[:, 2].max() < 50


def test_locate_agrees_with_detection_from_a_wrong_start(detector: Detector) -> None:
    image = portrait()
    (face,) = CenterFace(long_side=512).detect(image)
    x, y, side = square(face.points)
    start = np.array([[x + 0.25 * side, y - 0.2 * side, side * 1.15]], np.float32)
    (again,) = detector.locate(image, start)
    assert np.abs(again.points - face.points).max() < 0.05 * side
    assert np.abs(again.box - face.box).max() < 0.12 * side


def test_locate_finds_every_face_once_and_none_where_none_is(detector: Detector) -> None:
    image, _ = group(6, 200)
    known = squares(detector.detect(image))
    twice = np.concatenate([known, known + np.array([3, -2, 1], np.float32)])
    assert len(detector.locate(image, twice)) == 6
    assert detector.locate(image, np.array([[640, 690, 60]], np.float32)) == []
    assert detector.locate(image, np.zeros((0, 3), np.float32)) == []


def test_locate_works_at_and_beyond_the_border(detector: Detector) -> None:
    image = np.ascontiguousarray(portrait()[60:, 170:])  # the face begins at the corner
    (face,) = detector.detect(image)
    (again,) = detector.locate(image, squares([face]))
    assert np.abs(again.points - face.points).max() < 6
    assert detector.locate(image, np.array([[-500, -500, 80], [5000, 10, 80]], np.float32)) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (37, 53)])
def test_any_size_of_picture_is_taken(detector: Detector, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 128, np.uint8)
    assert detector.detect(image) == []
    assert detector.locate(image, np.array([[0, 0, 1]], np.float32)) == []


def test_suppress_keeps_the_best_of_those_that_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]], np.float32)
    assert suppress(boxes, np.array([0.6, 0.9, 0.7]), 0.3) == [1, 2]


@pytest.mark.parametrize("spec", ["mtcnn", "centerface:x.onnx", ""])
def test_an_unknown_detector_is_a_clear_error(spec: str) -> None:
    with pytest.raises(ConfigError, match="choose centerface or insightface"):
        open_detector(spec)


def insightface_or_skip() -> None:
    try:
        import insightface  # noqa: F401
    except ImportError:
        pytest.skip("insightface is not installed")


def test_insightface_absent_names_the_extra() -> None:
    script = (
        "import sys; sys.modules['insightface'] = None\n"
        "from truefeed.stream.cli import main\n"
        "sys.exit(main(['watch', 'demo', '--faces', 'insightface']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'truefeed[insightface]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_insightface_refuses_what_is_no_detector(tmp_path: Path) -> None:
    insightface_or_skip()
    with pytest.raises(ConfigError, match=r"none\.onnx: no such face detector"):
        open_detector(f"insightface:{tmp_path}/none.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(EngineError, match=r"text\.onnx: not a model that insightface can load"):
        open_detector(f"insightface:{tmp_path}/text.onnx")


def test_insightface_finds_the_faces_that_centerface_finds(detector: Detector) -> None:
    insightface_or_skip()
    if not SCRFD.is_file():
        pytest.skip("no SCRFD model at hand")
    scrfd = open_detector(f"insightface:{SCRFD}")
    image, _ = group(6, 200)
    ours, theirs = squares(detector.detect(image)), squares(scrfd.detect(image))
    assert len(theirs) == 6
    for x, y, side in theirs:
        assert np.hypot(ours[:, 0] - x, ours[:, 1] - y).min() < 0.1 * side
    assert len(scrfd.locate(image, theirs)) == 6
    assert scrfd.detect(np.zeros((1, 1, 3), np.uint8)) == []
