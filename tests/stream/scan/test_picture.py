"""Pictures of every kind: turned, moving, cut short, of odd depths, and those that promise more than they hold."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from clips import face_picture, moving_face
from PIL import Image as Pillow
from truefeed.stream.errors import SourceError
from truefeed.stream.scan.picture import read_picture, unreadable
from truefeed.stream.scan.probe import kind_of
from truefeed.stream.scan.webp import read_animation
from truefeed.stream.types import Image

PORTRAIT = cv2.resize(face_picture(), (256, 192))


def animation(path: Path, images: list[Image], *, still: Image | None = None) -> Path:
    """Write an animated PNG or AVIF of 10 pictures a second, with another picture before them where one is given."""
    frames = [Pillow.fromarray(image[:, :, ::-1]) for image in images]
    if still is not None:
        frames.insert(0, Pillow.fromarray(still[:, :, ::-1]))
    more = {"default_image": True} if still is not None else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, **more)
    return path


def chunk(kind: bytes, data: bytes, *, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("irot", lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        ("imir", lambda image: cv2.flip(image, 1)),
    ],
)
def test_an_avif_is_turned_as_it_says(tmp_path: Path, name: str, expected: object) -> None:
    plain, turned = tmp_path / "plain.avif", tmp_path / "turned.avif"
    Pillow.fromarray(PORTRAIT[:, :, ::-1]).save(plain, quality=95)
    data = plain.read_bytes()
    # The property of the colour's profile gives its place to one of orientation, which says the same length.
    place = data.index(b"colr") - 4
    size = int.from_bytes(data[place : place + 4], "big")
    body = struct.pack(">I4sB", 9, name.encode(), 1) + struct.pack(">I4s", size - 9, b"free") + bytes(size - 17)
    turned.write_bytes(data[:place] + body + data[place + size :])
    assert kind_of(turned) == "image"
    wanted = expected(read_picture(plain))  # type: ignore[operator]
    found = read_picture(turned)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("suffix", ["tga", "pcx", "qoi", "sgi", "ppm"])
def test_what_opencv_does_not_read_is_a_picture_all_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(PORTRAIT[:, :, ::-1]).save(path)
    assert kind_of(path) == "image"
    assert np.array_equal(read_picture(path), PORTRAIT)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"msf1", b"mif1"])
def test_a_picture_of_heif_is_one_whatever_its_brand_and_an_error_where_it_is_damaged(
    tmp_path: Path, brand: bytes
) -> None:
    path = tmp_path / "a.hif"
    path.write_bytes(struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, b"mif1") + bytes(400))
    assert kind_of(path) == "image"
    with pytest.raises(SourceError, match="convert it to JPEG or PNG"):
        read_picture(path)


@pytest.mark.parametrize("turned", [1, 6])
def test_a_picture_of_tiles_is_put_together_and_turned(tmp_path: Path, turned: int) -> None:
    """As telephones make them: a grid of HEVC pictures, with the orientation beside it."""
    path = tmp_path / "photo.heic"
    big = cv2.resize(PORTRAIT, (640, 480))
    made = pillow_heif.from_pillow(Pillow.fromarray(big[:, :, ::-1]))
    exif = Pillow.Exif()
    exif[0x0112] = turned
    made.save(path, quality=90, tile_size=256, exif=exif.tobytes())
    assert path.read_bytes().count(b"hvc1") > 4
    found = read_picture(path)
    wanted = big if turned == 1 else cv2.rotate(big, cv2.ROTATE_90_CLOCKWISE)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 4


def test_animated_png_and_avif_are_films(tmp_path: Path) -> None:
    images = [np.asarray(image) for image in moving_face(1.0, fps=10, size=(160, 96))]
    for name in ("a.png", "a.avif"):
        path = animation(tmp_path / name, images)
        assert kind_of(path) == "video"
        assert kind_of(path.rename(tmp_path / f"{name}.jpg")) == "video"
    assert kind_of(animation(tmp_path / "title.png", images, still=np.zeros_like(images[0]))) == "video"
    Pillow.fromarray(images[0]).save(tmp_path / "one.png")
    assert kind_of(tmp_path / "one.png") == "image"


def test_a_row_of_jpegs_is_a_film_and_a_photograph_with_a_second_one_is_not(tmp_path: Path) -> None:
    one = cv2.imencode(".jpg", PORTRAIT)[1].tobytes()
    (tmp_path / "film.jpg").write_bytes(one * 5)
    assert kind_of(tmp_path / "film.jpg") == "video"
    (tmp_path / "photo.jpg").write_bytes(one)
    assert kind_of(tmp_path / "photo.jpg") == "image"
    parts = one[:2] + struct.pack(">BBH", 0xFF, 0xE2, 8) + b"MPF\0\0\0" + one[2:]
    (tmp_path / "parts.jpg").write_bytes(parts + one)
    assert kind_of(tmp_path / "parts.jpg") == "image"
    small = cv2.imencode(".jpg", PORTRAIT[::4, ::4])[1].tobytes()
    (tmp_path / "preview.jpg").write_bytes(one + small)
    assert kind_of(tmp_path / "preview.jpg") == "image"
    (tmp_path / "tail.jpg").write_bytes(one + b"\0" * 100 + b"video of the telephone")
    assert kind_of(tmp_path / "tail.jpg") == "image"


def test_an_animated_webp_is_read_one_by_one_as_opencv_reads_all_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = []
    for number in range(6):
        image = np.full((48, 64, 4), 255, np.uint8)
        image[:, :, :3] = 40 * number
        image[8 : 20 + 3 * number, 10:40] = rng.integers(0, 255, (12 + 3 * number, 30, 4))
        images.append(image)
    for name, options in (("lossless", {"lossless": True}), ("lossy", {"quality": 90, "minimize_size": True})):
        path = tmp_path / f"{name}.webp"
        frames = [Pillow.fromarray(image) for image in images]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 80, 40, 40, 120, 40], **options)
        good, at_once = cv2.imdecodeanimation(np.fromfile(path, np.uint8))
        assert good
        found = list(read_animation(path))
        assert [t for t, _ in found] == pytest.approx([0, 0.04, 0.12, 0.16, 0.2, 0.32])
        for (_, image), wanted in zip(found, at_once.frames, strict=True):
            # What is seen through has a colour that nobody sees.
            seen = wanted[:, :, 3] > 0
            difference = np.abs(image.astype(int) - np.asarray(wanted)[:, :, :3]).max(axis=2)
            assert difference[seen].max(initial=0) <= 2


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_grey_of_more_than_eight_bits_is_not_black(tmp_path: Path, bits: int) -> None:
    grey = cv2.cvtColor(PORTRAIT, cv2.COLOR_BGR2GRAY)
    grey = cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), grey << (bits - 8))
    assert np.abs(read_picture(tmp_path / "deep.png")[:, :, 0].astype(int) - grey).max() <= 1


def test_half_a_photograph_says_how_much_of_it_is_missing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (400, 300, 3), np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    path = tmp_path / "half.jpg"
    path.write_bytes(data)
    assert unreadable(path, read_picture(path)) is None
    path.write_bytes(data[: len(data) // 2])
    assert unreadable(path, read_picture(path)) == pytest.approx(0.5, abs=0.08)


def test_a_chunk_longer_than_its_file_costs_nothing(tmp_path: Path) -> None:
    rows = zlib.compress(bytes(64 * (1 + 3 * 64)))
    for kind in (b"tEXt", b"IDAT", b"zTXt"):
        data = png(64, 64, chunk(b"IDAT", rows), chunk(kind, b"x" * 300, length=0xF0000000))
        (tmp_path / "slow.png").write_bytes(data)
        started = time.process_time()
        with pytest.raises(SourceError, match="damaged: a part of it is longer than the file"):
            read_picture(tmp_path / "slow.png")
        assert time.process_time() - started < 0.5
    (tmp_path / "good.png").write_bytes(png(64, 64, chunk(b"IDAT", rows)))
    assert read_picture(tmp_path / "good.png").shape == (64, 64, 3)


@pytest.mark.parametrize("name", ["bomb.png", "bomb.bmp", "bomb.tiff"])
def test_a_size_that_nothing_can_be_judged_in_is_refused_before_it_is_decoded(tmp_path: Path, name: str) -> None:
    side = 60000
    if name.endswith("png"):
        data = png(side, side, chunk(b"IDAT", zlib.compress(bytes(1000))))
    elif name.endswith("bmp"):
        data = bytearray(cv2.imencode(".bmp", PORTRAIT)[1].tobytes())
        data[18:26] = struct.pack("<ii", side, side)
    else:
        entries = ((256, 4, 1, side), (257, 4, 1, side))
        data = struct.pack("<2sHIH", b"II", 42, 8, 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path = tmp_path / name
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="60000 x 60000 pixels are more than can be judged"):
        read_picture(path)


def test_a_photograph_of_very_many_pixels_is_read_smaller(tmp_path: Path) -> None:
    image = cv2.resize(PORTRAIT, (12000, 9000), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "large.jpg"), image)
    assert read_picture(tmp_path / "large.jpg").shape == (4500, 6000, 3)
