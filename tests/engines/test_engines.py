"""The runtimes behind the Engine protocol: equal results, and a clear refusal wherever one cannot do what was asked."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from truefeed.engines import Card, Engine, EngineError, load
from truefeed.engines.card import KEY
from truefeed.engines.plan import Machine, PlanKey, read_key, sidecar, write_key
from truefeed.export import tensorrt

CARD = Card(task="face", name="tiny", version="1", input_size=(8, 8), mean=(1.0, 2.0, 3.0), thresholds={"fake": 0.9})
SHAPES = {"crops": ((1, 3, 8, 8), (4, 3, 8, 8), (8, 3, 8, 8))}


def tiny(path: Path, card: Card | None = CARD) -> Path:
    """Write a one-layer model with a free batch size."""
    weights = np.random.default_rng(0).normal(size=(192, 4)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["crops"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["product"]),
            helper.make_node("Relu", ["product"], ["embedding"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 4])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if card is not None:
        helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, str(path))
    return path


def crops(count: int) -> dict[str, np.ndarray]:
    return {"crops": np.random.default_rng(1).normal(size=(count, 3, 8, 8)).astype(np.float32)}


def engine(device: str, path: Path) -> Engine:
    if device == "openvino":
        pytest.importorskip("openvino")
    return load(path, device)


@pytest.mark.parametrize("device", ["auto", "cpu", "openvino"])
def test_the_card_the_hash_and_the_batch_size_come_through(device: str, tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.onnx")
    model = engine(device, path)
    assert model.card == CARD
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.device == ("openvino" if device == "openvino" else "cpu")
    for count in (1, 5):
        assert model.run(crops(count))["embedding"].shape == (count, 4)
    model.close()
    model.close()


def test_runtimes_agree(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.onnx")
    first, second = (engine(d, path).run(crops(3))["embedding"] for d in ("cpu", "openvino"))
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_one_engine_serves_several_threads(device: str, tmp_path: Path) -> None:
    model = engine(device, tiny(tmp_path / "tiny.onnx"))
    batches = [crops(n) for n in (1, 2, 3, 4)]
    expected = [model.run(b)["embedding"] for b in batches]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(50) if not np.array_equal(model.run(batches[i])["embedding"], expected[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_broken_file_and_a_wrong_input_are_named(device: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(EngineError, match=r"broken\.onnx: not a model"):
        engine(device, broken)
    model = engine(device, tiny(tmp_path / "tiny.onnx"))
    with pytest.raises(EngineError, match="failed to run"):
        model.run({"crops": np.zeros((1, 3, 9, 9), np.float32)})


def test_a_foreign_model_has_no_card(tmp_path: Path) -> None:
    assert load(tiny(tmp_path / "tiny.onnx", card=None), "cpu").card is None


def test_a_newer_card_is_read_and_a_foreign_text_is_not() -> None:
    assert Card.from_json(CARD.to_json()[:-1] + ', "from_the_future": [1]}') == CARD
    with pytest.raises(ValueError, match="not a truefeed card"):
        Card.from_json("[]")


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.onnx")
    with pytest.raises(EngineError, match=r"absent\.onnx: no such model file"):
        load(tmp_path / "absent.onnx")
    with pytest.raises(EngineError, match="unknown engine 'tpu': choose"):
        load(path, "tpu")
    with pytest.raises(EngineError, match="OpenVINO has no GPU here"):
        from_openvino(path, "GPU")


def from_openvino(path: Path, target: str) -> Engine:
    openvino = pytest.importorskip("openvino")
    if target in openvino.Core().available_devices:
        pytest.skip(f"there is a {target} here")
    from truefeed.engines.ov import OpenVinoEngine

    return OpenVinoEngine(path, target=target)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_that_is_not_there_is_an_error_and_not_a_slow_run(device: str, tmp_path: Path) -> None:
    try:
        model = load(tiny(tmp_path / "tiny.onnx"), device)
    except EngineError as error:
        said = str(error)  # where a GPU works there is no error to expect
        assert f"--engine {device}" in said
        assert "truefeed doctor" in said
    else:
        assert model.device == device


@pytest.mark.parametrize(
    ("package", "extra", "call"),
    [
        ("onnxruntime", "truefeed[cpu]", "load(sys.argv[1], 'cpu')"),
        ("openvino", "truefeed[openvino]", "load(sys.argv[1], 'openvino')"),
    ],
)
def test_an_absent_runtime_names_what_to_install(package: str, extra: str, call: str, tmp_path: Path) -> None:
    # None in sys.modules is how Python itself says "cannot be imported".
    code = f"import sys; sys.modules[{package!r}] = None; from truefeed.engines import load; {call}"
    path = tiny(tmp_path / "tiny.onnx")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert f"EngineError: {package} is not installed: pip install '{extra}'" in done.stderr


# --- TensorRT plans -------------------------------------------------------------------------------------------------

KEY_89 = PlanKey("0" * 64, "tensorrt", "10.9.0", ("NVIDIA L4",), "12.8", "fp16", SHAPES)
L4 = Machine("NVIDIA L4", "8.9", "12.8", "tensorrt", "10.9.0")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (L4, []),
        (dataclasses.replace(L4, version="10.13.2"), ["built by tensorrt 10.9.0, installed is tensorrt 10.13.2"]),
        (
            dataclasses.replace(L4, gpu="NVIDIA H200", capability="9.0"),
            ["built for NVIDIA L4, this GPU is NVIDIA H200 (9.0)"],
        ),
        (dataclasses.replace(L4, driver="13.0"), ["built with a driver for CUDA 12.8, this one is for 13.0"]),
    ],
)
def test_a_plan_fits_only_the_machine_it_was_built_for(machine: Machine, said: list[str]) -> None:
    assert KEY_89.misfits(machine) == said


def test_a_plan_built_without_a_gpu_fits_its_compute_capabilities() -> None:
    key = dataclasses.replace(KEY_89, runtime="tensorrt_rtx", version="1.7", gpus=("8.6", "8.9"), driver="")
    rtx = dataclasses.replace(L4, runtime="tensorrt_rtx", version="1.7", driver="13.0")
    assert key.misfits(rtx) == []
    assert len(key.misfits(dataclasses.replace(rtx, capability="9.0"))) == 1


def test_shapes_outside_the_plan_are_refused() -> None:
    KEY_89.check({"crops": (8, 3, 8, 8)})
    for inputs in ({"crops": (9, 3, 8, 8)}, {"crops": (1, 3, 8)}, {"other": (1, 3, 8, 8)}, {}):
        with pytest.raises(EngineError, match="the plan takes"):
            KEY_89.check(inputs)


def test_the_key_beside_a_plan_is_read_back_and_guards_it(tmp_path: Path) -> None:
    plan = tmp_path / "face.plan"
    plan.write_bytes(b"plan")
    sha256 = hashlib.sha256(b"plan").hexdigest()
    with pytest.raises(EngineError, match=r"its key face\.plan\.json is missing; build it again"):
        load(plan)
    write_key(plan, KEY_89, CARD)
    assert read_key(plan, sha256) == (KEY_89, CARD)
    with pytest.raises(EngineError, match=r"for --engine cpu take the \.onnx file"):
        load(plan, "cpu")
    plan.write_bytes(b"another plan")
    with pytest.raises(EngineError, match="belongs to another plan; build it again"):
        load(plan)
    sidecar(plan).write_text("{}")
    with pytest.raises(EngineError, match="not a plan's key"):
        load(plan)


@pytest.fixture
def rtx_plan(tmp_path: Path) -> Callable[..., Path]:
    """A plan built by the real TensorRT-RTX builder, which needs no GPU."""
    pytest.importorskip("tensorrt_rtx")

    def build(**changes: object) -> Path:
        model = tiny(tmp_path / "tiny.onnx")
        assert tensorrt.main(["--to", "tensorrt-rtx", str(model), "--max-batch", "8"]) == 0
        plan = tmp_path / "tiny.plan"
        key, card = read_key(plan, hashlib.sha256(plan.read_bytes()).hexdigest())
        write_key(plan, dataclasses.replace(key, **changes), card)  # type: ignore[arg-type]
        return plan

    return build


def test_a_real_plan_is_refused_without_a_gpu_and_runs_with_one(rtx_plan: Callable[..., Path]) -> None:
    plan = rtx_plan()
    try:
        model = load(plan, "tensorrt")
    except EngineError as error:
        said = str(error)
        assert "a plan needs an NVIDIA GPU and its driver" in said or "this GPU is" in said
        assert str(plan) in said
        return
    expected = load(plan.with_suffix(".onnx"), "cpu")
    for count in (1, 8, 11):
        batch = crops(count)
        np.testing.assert_allclose(model.run(batch)["embedding"], expected.run(batch)["embedding"], atol=1e-2)
    model.close()
    model.close()


def test_a_plan_of_an_unknown_or_absent_runtime_is_refused(rtx_plan: Callable[..., Path]) -> None:
    with pytest.raises(EngineError, match="built by 'other', which truefeed does not know"):
        load(rtx_plan(runtime="other"))
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        with pytest.raises(EngineError, match=r"tensorrt is not installed: pip install 'truefeed\[tensorrt\]'"):
            load(rtx_plan(runtime="tensorrt"))
