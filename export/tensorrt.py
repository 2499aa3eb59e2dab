"""Build a TensorRT plan of a model: FILE.onnx becomes FILE.plan, with its key FILE.plan.json beside it.

TensorRT builds on the GPU that will run the plan, for that GPU, driver and version alone. TensorRT-RTX builds without
a GPU, for GeForce and RTX GPUs of the compute capabilities named, and finishes on the device as it loads.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx

from ..engines import Card, EngineError, load
from ..engines.card import KEY
from ..engines.plan import Machine, PlanKey, sidecar, write_key
from ..engines.trt import machine, runtime
from ..stream.atomic import beside, write_bytes
from ..stream.errors import ConfigError
from .half import compare, example, proved_half
from .plan import Batches, Built, build, capabilities

PLAN_TOLERANCE = {"fp32": 0.01, "fp16": 0.05}
"Greatest difference between a plan on the GPU and the ONNX file on the CPU, in units of the outputs."

_RUNTIMES = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_TURING = "7.5"
"Turing: built for only where it is asked for, since a plan for it too is larger, and NVIDIA says slower elsewhere."


@dataclass(frozen=True)
class _Target:
    """What a plan is built with and for."""

    trt: ModuleType
    gpus: tuple[str, ...]
    "As PlanKey.gpus."
    driver: str
    here: Machine | None
    "This machine, where it can run the plan."


def main(argv: list[str] | None = None) -> int:
    """Build one plan; returns the exit code."""
    args = _arguments(argv)
    model, card = _read(args.model)
    target = _target(args)
    inputs = example({i.name: _shape(i) for i in model.graph.input}, card, 1)
    report: dict[str, Any] = {"truefeed": importlib.metadata.version("truefeed")}
    wanted = model
    if args.precision == "fp16":
        sys.stderr.write(f"{args.model.name}: proving half precision\n")
        wanted, report["half_against_model"] = proved_half(model, args.model, inputs)
    began, out = time.monotonic(), args.out or args.model.with_suffix(".plan")
    timing = None if args.to == "tensorrt-rtx" else args.timing_cache or out.with_name(f"{out.name}.timing")
    made = build(
        *(target.trt, wanted, args.model, Batches(args.best_batch, args.max_batch)),
        gpus=target.gpus if args.to == "tensorrt-rtx" else (),
        timing_cache=timing and (timing.read_bytes() if timing.is_file() else b""),
        progress=_Progress(out.name),
    )
    report["build_seconds"] = round(time.monotonic() - began, 1)
    if timing and made.timing_cache:
        _replace(timing, made.timing_cache)
        report["timing_cache"] = {"file": timing.name, "sha256": hashlib.sha256(made.timing_cache).hexdigest()}
    _write(args, out, target, made, card, report)
    _tell(out, target, report)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="truefeed export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model", type=Path, metavar="FILE.onnx", help="the model, as `truefeed export` wrote it, in full precision")
    add("--to", required=True, choices=tuple(_RUNTIMES), help="the runtime")
    add("--out", type=Path, metavar="FILE.plan", help="the plan to write (default: beside the model)")
    add("--precision", choices=("fp32", "fp16"), default="fp32", help="of the arithmetic (default fp32, without TF32)")
    add("--best-batch", type=int, default=8, metavar="N", help="the batch size to be fastest at (default 8)")
    add("--max-batch", type=int, default=32, metavar="N", help="the greatest batch size (default 32)")
    gpu = "TensorRT-RTX: a compute capability; may be given again (default: all from 8.0 on; 7.5 is for fp16 only)"
    add("--gpu", action="append", metavar="X.Y", help=gpu)
    add("--timing-cache", type=Path, metavar="FILE", help="TensorRT: keep measurements (default FILE.plan.timing)")
    args = parser.parse_args(argv)
    if not 1 <= args.best_batch <= args.max_batch:
        parser.error(f"--best-batch {args.best_batch}: from 1 to --max-batch, which is {args.max_batch}")
    if args.timing_cache and args.to == "tensorrt-rtx":
        parser.error("--timing-cache: TensorRT-RTX measures nothing as it builds; it is for --to tensorrt")
    if args.gpu and args.to == "tensorrt":
        parser.error("--gpu: TensorRT builds for the GPU of this machine; it is for --to tensorrt-rtx")
    if _TURING in (args.gpu or ()) and args.precision == "fp32":
        parser.error(f"--gpu {_TURING}: TensorRT-RTX has no fp32 matrix product for it; take --precision fp16")
    if args.out and args.out.suffix not in (".plan", ".engine"):
        parser.error(f"--out {args.out}: the name of a plan ends in .plan or .engine")
    return args


def _read(path: Path) -> tuple[onnx.ModelProto, Card | None]:
    if path.suffix != ".onnx":
        raise ConfigError(f"{path}: not an .onnx file; checkpoints become one by `truefeed export face`")
    if not path.is_file():
        raise EngineError(f"{path}: no such model file")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's DecodeError, or what lies beside is absent
        raise EngineError(f"{path}: not an ONNX model ({error})") from error
    held = {entry.key: entry.value for entry in model.metadata_props}
    return model, Card.from_json(held[KEY]) if KEY in held else None


def _target(args: argparse.Namespace) -> _Target:
    """Return what to build for. Raises EngineError where the runtime is absent or, with TensorRT, the GPU."""
    name = _RUNTIMES[args.to]
    try:
        here = machine(name)
    except EngineError as error:
        if args.to == "tensorrt":
            why = f"TensorRT builds on the GPU that will run the plan, and {error}"
            raise EngineError(f"{args.model}: {why}; take --to tensorrt-rtx, which needs none") from None
        here = None
    trt = runtime(name, args.model)
    if args.to == "tensorrt":
        assert here is not None
        return _Target(trt, (here.gpu,), here.driver, here)
    known = capabilities(trt)
    gpus = tuple(dict.fromkeys(args.gpu or (gpu for gpu in known if gpu != _TURING)))
    if unknown := [gpu for gpu in gpus if gpu not in known]:
        raise ConfigError(f"--gpu {unknown[0]}: TensorRT-RTX {trt.__version__} builds for {', '.join(known)}")
    return _Target(trt, gpus, "", here if here and here.capability in gpus else None)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)


def _write(
    args: argparse.Namespace, out: Path, target: _Target, made: Built, card: Card | None, report: dict[str, Any]
) -> None:
    """Write the plan and its key, proved on the GPU where there is one; nothing stays where the proof fails."""
    sha256 = hashlib.sha256(args.model.read_bytes()).hexdigest()
    key = PlanKey(
        *(sha256, target.trt.__name__, target.trt.__version__, target.gpus, target.driver),
        precision=args.precision,
        shapes=made.shapes,
    )
    card = card and replace(card, training={**card.training, "plan_of": sha256})
    part = beside(out)
    try:
        part.write_bytes(made.plan)
        write_key(part, key, card, report)
        if target.here:
            report["plan_against_model"] = _proved(part, args, made, card)
            write_key(part, key, card, report)
        sidecar(part).replace(sidecar(out))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
        sidecar(part).unlink(missing_ok=True)


def _proved(plan: Path, args: argparse.Namespace, made: Built, card: Card | None) -> dict[str, float]:
    """Run the plan on this machine's GPU beside the model on the CPU."""
    inputs = example({name: most for name, (_, _, most) in made.shapes.items()}, card, args.max_batch)
    engine = load(plan, "tensorrt")
    try:
        ours = engine.run(inputs)
    finally:
        engine.close()
    return compare(ours, load(args.model, "cpu").run(inputs), args.model, PLAN_TOLERANCE[args.precision])


def _replace(path: Path, data: bytes) -> None:
    write_bytes(path, data)


def _tell(out: Path, target: _Target, report: dict[str, Any]) -> None:
    data = out.read_bytes()
    lines = [
        f"{out}  {len(data) / 1e6:.1f} MB  sha256 {hashlib.sha256(data).hexdigest()}",
        f"  {target.trt.__name__} {target.trt.__version__}, for {', '.join(target.gpus)}; {report['build_seconds']} s",
    ]
    for name, said in (("half_against_model", "in half precision"), ("plan_against_model", "on the GPU")):
        if name in report:
            lines.append(f"  {said}: worst difference {report[name]['worst']:.2e}, mean {report[name]['mean']:.2e}")
    if target.here is None:
        lines.append("  not run: this machine has no GPU that it is for")
    sys.stderr.write("\n".join(lines) + "\n")


class _Progress:
    """Tells on stderr how the build goes: on a terminal in one line, else each five seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._told = time.monotonic()
        self._live = sys.stderr.isatty()

    def __call__(self, phase: str, done: int, steps: int) -> None:
        now = time.monotonic()
        if now - self._told < (0.2 if self._live else 5.0):
            return
        self._told = now
        line = f"{self._name}: {now - self._began:.0f} s, {phase} {done}/{steps}"
        sys.stderr.write(f"\r\x1b[K{line}\r" if self._live else f"{line}\n")
        sys.stderr.flush()
