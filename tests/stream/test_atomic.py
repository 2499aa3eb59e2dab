"""Files are whole or not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from truefeed.stream.atomic import beside, replacing, write_bytes, write_text
from truefeed.stream.image_file import read_image, write_image


def test_what_was_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old ü")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text("utf-8") == "old ü"
        assert part.parent == tmp_path
        assert part.suffix == ".json"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def fail() -> None:
        with replacing(path) as part:
            part.write_bytes(b"ha")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"0" * 100_000)
    done, seen = threading.Event(), set()

    def read() -> None:
        while not done.is_set():
            data = path.read_bytes()
            seen.add((len(data), len(set(data))))

    thread = threading.Thread(target=read)
    thread.start()
    for digit in b"123456789" * 5:
        write_bytes(path, bytes([digit]) * 100_000)
    done.set()
    thread.join()
    assert seen == {(100_000, 1)}


def test_two_processes_do_not_write_to_one_name(tmp_path: Path) -> None:
    assert str(os.getpid()) in beside(tmp_path / "a.npz").name


def test_an_image_may_have_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    write_image(path, image)
    read = read_image(path)
    assert read is not None
    assert np.array_equal(read, image)
    assert read_image(tmp_path / "absent.png") is None
    path.write_bytes(b"no image")
    assert read_image(path) is None
    with pytest.raises(OSError, match="No such file"):
        write_image(tmp_path / "absent" / "a.png", image)
