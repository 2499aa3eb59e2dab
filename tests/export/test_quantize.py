"""The eight-bit variant of the face encoder: made, checked, and taken where a CPU runs it."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from checkpoints import write_encoder, write_head
from faces import write
from truefeed.engines import WEIGHTS, EngineError, load
from truefeed.export import face, quantize
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.models import FACES, Models, card_of, int8_file


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("faces") / "faces")


@pytest.fixture(scope="module")
def full(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    encoder = write_encoder(folder / "encoder.pt", 3, own=0.25, spread=30)  # so that pictures differ
    words = ["--encoder", str(encoder), "--head", str(write_head(folder / "head.pt")), "--faces", str(faces)]
    assert face.main([*words, "--size", "64", "--out", str(folder)]) == 0
    return folder / "face.onnx"


def _words(full: Path, faces: Path, least: float) -> list[str]:
    words = ["--model", str(full), "--faces", str(faces), "--out", str(int8_file(full))]
    return [*words, "--calibrate", "6", "--check", "6", "--least", str(least)]


def test_eight_bits_that_change_too_much_are_not_written(full: Path, faces: Path) -> None:
    with pytest.raises(ConfigError, match="eight bits change too much"):
        quantize.main(_words(full, faces, 1.01))
    assert not int8_file(full).exists()
    assert not list(full.parent.glob("*.part*"))


def test_a_cpu_takes_eight_bits_where_they_lie_beside(
    full: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = int8_file(full)
    assert Models.load("cpu", face_model=full).face.sha256 == load(full, "cpu").sha256
    assert quantize.main(_words(full, faces, -1)) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["crops"] == 12
    models = Models.load("cpu", face_model=full)
    assert models.face.sha256 == models.identity()["sha256"] == load(small, "cpu").sha256 == report["sha256"]
    assert card_of(models.face).training["int8_of"] == load(full, "cpu").sha256
    # Stem and first stage are in float, all later convolutions are not.
    graph = onnx.load(str(small)).graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    inputs = [made_by.get(node.input[0]) for node in graph.node if node.op_type == "Conv"]
    assert inputs[:3] == [None, "Clip", "Clip"]
    assert set(inputs[3:]) == {"DequantizeLinear"}


def test_eight_bits_of_another_encoder_are_refused(full: Path, faces: Path) -> None:
    small = int8_file(full)
    if not small.exists():
        assert quantize.main(_words(full, faces, -1)) == 0
    plain = full.read_bytes()
    try:
        full.write_bytes(plain + b"\x7a\x03abc")  # a field that nobody reads: another file, the same network
        with pytest.raises(EngineError, match=r"face-int8\.onnx: made of another encoder than .*face\.onnx"):
            Models.load("cpu", face_model=full)
    finally:
        full.write_bytes(plain)


def test_a_name_that_no_model_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--model accurat: neither fast, a folder of a model nor an \.onnx file"):
        Models.load("cpu", face_model="accurat")


@pytest.mark.skipif(not (WEIGHTS / "face-int8.onnx").is_file(), reason="no weights in this checkout")
@pytest.mark.parametrize("name", FACES)
def test_the_shipped_eight_bits_belong_to_the_shipped_models(name: str) -> None:
    assert Models.load("cpu", face_model=name).face.sha256 == load(int8_file(WEIGHTS / FACES[name]), "cpu").sha256
