"""`truefeed export --to`: plans built by the real TensorRT-RTX, which needs no GPU as far as the serialised plan."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from models import write_models
from onnx import TensorProto, helper, numpy_helper
from truefeed.engines import WEIGHTS, EngineError
from truefeed.engines.plan import read_key, sidecar
from truefeed.export import cli
from truefeed.export.half import computed_in_half, example
from truefeed.export.plan import Batches, build
from truefeed.stream.errors import ConfigError
from truefeed.stream.scoring.models import Models

trt = pytest.importorskip("tensorrt_rtx")

RTX = ["--to", "tensorrt-rtx"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_models(tmp_path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_plan_tells_all_that_it_was_built_of_and_for(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*RTX, str(model), "--best-batch", "2", "--max-batch", "4"]) == 0
    plan = model.with_suffix(".plan")
    key, card = read_key(plan, sha256(plan))
    assert (key.model_sha256, key.runtime, key.version) == (sha256(model), "tensorrt_rtx", trt.__version__)
    assert (key.precision, key.driver) == ("fp32", "")
    assert key.shapes == {"crops": ((1, 3, 64, 64), (2, 3, 64, 64), (4, 3, 64, 64))}
    assert {"8.6", "8.9", "12.0"} <= set(key.gpus)
    assert "7.5" not in key.gpus
    assert card is not None
    assert (card.name, card.training["plan_of"]) == ("brightness", sha256(model))
    out, err = capfd.readouterr()
    assert out == ""
    assert f"{plan}  " in err
    assert sorted(p.name for p in model.parent.iterdir()) == [
        "face-window.onnx",
        "face.onnx",
        "face.plan",
        "face.plan.json",
    ]


def test_a_plan_in_half_precision_for_the_gpus_named(model: Path, tmp_path: Path) -> None:
    plan = tmp_path / "half.plan"
    assert cli.main([*RTX, str(model), "--precision", "fp16", "--gpu", "8.9", "--gpu", "7.5", "--out", str(plan)]) == 0
    key, _ = read_key(plan, sha256(plan))
    assert (key.precision, key.gpus) == ("fp16", ("8.9", "7.5"))
    assert "half_against_model" in json.loads(sidecar(plan).read_text())["built"]


def test_the_shipped_face_model_becomes_a_plan_in_half_precision(tmp_path: Path) -> None:
    plan = tmp_path / "face.plan"
    assert cli.main([*RTX, str(WEIGHTS / "face.onnx"), "--precision", "fp16", "--out", str(plan)]) == 0
    assert plan.stat().st_size < (WEIGHTS / "face.onnx").stat().st_size
    proof = json.loads(sidecar(plan).read_text())["built"]["half_against_model"]
    assert 0 < proof["mean"] <= proof["worst"] <= proof["tolerance"] == 0.05
    half = computed_in_half(onnx.load(str(WEIGHTS / "face.onnx")))
    kinds = {i.type.tensor_type.elem_type for i in (*half.graph.input, *half.graph.output)}
    assert kinds == {TensorProto.FLOAT}
    weights = [t for t in half.graph.initializer if len(t.dims) == 4]
    assert {t.data_type for t in weights} == {TensorProto.FLOAT16}


def test_a_model_that_half_precision_changes_is_refused(tmp_path: Path) -> None:
    """Its logit is the small difference of large numbers."""
    nodes = [
        helper.make_node("Add", ["crops", "large"], ["up"]),
        helper.make_node("Sub", ["up", "large"], ["down"]),
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("crops", "down")]
    large = numpy_helper.from_array(np.full(4, 3000, np.float32), "large")
    graph = helper.make_graph(nodes, "difference", value[:1], value[1:], [large])
    path = tmp_path / "difference.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    with pytest.raises(EngineError, match=r"differs from the model by .*: nothing written"):
        cli.main([*RTX, str(path), "--precision", "fp16"])
    assert [p.name for p in tmp_path.iterdir()] == ["difference.onnx"]
    assert cli.main([*RTX, str(path)]) == 0
    assert read_key(tmp_path / "difference.plan", sha256(tmp_path / "difference.plan"))[1] is None


def test_tensorrt_itself_is_refused_without_its_gpu(model: Path) -> None:
    try:
        cli.main(["--to=tensorrt", str(model)])
    except EngineError as error:
        said = str(error)
        assert str(model) in said
        assert "take --to tensorrt-rtx, which needs none" in said or "truefeed[tensorrt]" in said
        assert not model.with_suffix(".plan").exists()


def test_a_plan_is_run_where_it_fits_and_refused_with_words_elsewhere(model: Path) -> None:
    cli.main([*RTX, str(model)])
    plan = model.with_suffix(".plan")
    try:
        Models.load("tensorrt", face_model=plan).close()
    except EngineError as error:
        said = str(error)
        assert "here take the .onnx file" in said or f"export --to tensorrt-rtx {model.name}" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [("face-int8.onnx", "is in eight bits for a CPU"), ("absent.onnx", "no such model file")],
)
def test_a_model_that_cannot_become_a_plan_is_named(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=f"{name}: {said}"):
        cli.main([*RTX, str(WEIGHTS / name), "--out", str(tmp_path / "face.plan")])
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_onnx_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(EngineError, match=r"broken\.onnx: not an ONNX model"):
        cli.main([*RTX, str(tmp_path / "broken.onnx")])
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: not an \.onnx file"):
        cli.main([*RTX, str(tmp_path / "checkpoint.pt")])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*RTX, "--timing-cache", "x"], "TensorRT-RTX measures nothing"),
        (["--to", "tensorrt", "--gpu", "8.9"], "it is for --to tensorrt-rtx"),
        ([*RTX, "--best-batch", "64"], "--best-batch 64: from 1 to --max-batch, which is 32"),
        ([*RTX, "--gpu", "7.5"], "take --precision fp16"),
        ([*RTX, "--out", "face.bin"], r"ends in .plan or .engine"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], said: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main([str(model), *options])
    assert said in capsys.readouterr().err


def test_a_gpu_that_the_runtime_does_not_build_for(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"--gpu 9\.0: TensorRT-RTX .* builds for .*8\.9"):
        cli.main([*RTX, str(model), "--gpu", "9.0"])


def test_the_builder_tells_its_steps_and_ctrl_c_ends_it(model: Path) -> None:
    told: list[tuple[str, int, int]] = []
    onnx_model = onnx.load(str(model))
    build(trt, onnx_model, model, Batches(), progress=lambda *step: told.append(step))
    assert {name for name, _, _ in told} >= {"Building engine"}
    assert all(0 < done <= steps for _, done, steps in told)

    def interrupt(*_: object) -> None:
        if threading.current_thread() is not threading.main_thread() and not stopped.is_set():
            stopped.set()
            os.kill(os.getpid(), signal.SIGINT)

    stopped = threading.Event()
    with pytest.raises(KeyboardInterrupt):
        build(trt, onnx_model, model, Batches(), progress=interrupt)


@pytest.mark.filterwarnings("ignore:.*Timing cache.*:DeprecationWarning", "ignore:.*Deprecated.*:DeprecationWarning")
def test_a_timing_cache_is_kept_and_a_foreign_one_replaced(model: Path) -> None:
    """TensorRT-RTX keeps its calls, which TensorRT uses, and measures nothing."""
    for held in (b"", b"of another GPU"):
        made = build(trt, onnx.load(str(model)), model, Batches(), timing_cache=held, progress=lambda *_: None)
        assert made.timing_cache
    assert build(trt, onnx.load(str(model)), model, Batches(), progress=lambda *_: None).timing_cache is None


def test_examples_are_what_a_window_takes() -> None:
    found = example({"rows": (0, 5, 3), "ages": (0, 5), "mask": (0, 5)}, None, 2)
    assert {name: value.shape for name, value in found.items()} == {"rows": (2, 5, 3), "ages": (2, 5), "mask": (2, 5)}
    assert found["ages"][0].tolist() == [4, 3, 2, 1, 0]
    assert found["mask"].all()


def test_the_help_names_the_command_as_it_was_typed() -> None:
    command = [sys.executable, "-m", "truefeed.stream", "export", "--to", "tensorrt", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "usage: truefeed export [-h] --to {tensorrt,tensorrt-rtx}" in done.stdout
