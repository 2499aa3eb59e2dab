"""Building a TensorRT plan: one strongly typed network, one optimisation profile, any of the two runtimes.

TensorRT builds on the GPU that will run the plan. TensorRT-RTX compiles for compute capabilities, needs no GPU for it,
and finishes on the device as it loads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from ..engines import EngineError
from ..engines.plan import Shape

Progress = Callable[[str, int, int], None]
"Is told the phase, how many of its steps are done, and of how many."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batches:
    """The batch sizes that a plan takes: from one to `most`, fastest at `best`."""

    best: int = 8
    most: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.best <= self.most:
            raise ValueError(f"batch sizes are 1 <= best <= most, not {self.best} and {self.most}")


@dataclass(frozen=True)
class Built:
    """A serialised plan and what it takes."""

    plan: bytes
    shapes: dict[str, tuple[Shape, Shape, Shape]]
    "An input's least, best and greatest shape."
    timing_cache: bytes | None
    "What the builder measured, for the next build on the same GPU; None where nothing was measured."


def capabilities(trt: Any) -> dict[str, Any]:  # noqa: ANN401 - the runtimes have no types
    """Return the compute capabilities that TensorRT-RTX builds for, such as {`8.9`: SM89}."""
    found = {name: kind for name, kind in trt.ComputeCapability.__members__.items() if name.startswith("SM")}
    return {f"{name[2:-1]}.{name[-1]}": kind for name, kind in found.items()}


def build(
    trt: Any,  # noqa: ANN401
    model: onnx.ModelProto,
    path: Path,
    batches: Batches,
    *,
    gpus: tuple[str, ...] = (),
    timing_cache: bytes | None = None,
    progress: Progress,
) -> Built:
    """Build a plan.

    Args:
        trt: the module `tensorrt` or `tensorrt_rtx`.
        model: its first axis is the batch; no other axis may be free.
        path: names the model in errors.
        batches: what the plan takes.
        gpus: compute capabilities to build for (TensorRT-RTX); empty: the GPU at hand.
        timing_cache: what an earlier build measured, `b""` to start one, None to keep none.
        progress: told of every step.

    Raises:
        EngineError: the runtime can't read or build the model.
        KeyboardInterrupt: after Ctrl-C, as soon as the builder has stopped.
    """
    refuse_cpu_bits(model, path)
    log = _logger(trt.__name__)
    log.said.clear()
    builder = trt.Builder(log)
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model.SerializeToString()):
        raise EngineError(f"{path}: {trt.__name__} can't read it: {_first(parser.get_error(0).desc(), log)}")
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # it would move calibrated scores, and fp16 is there for speed
    shapes = _profile(builder, config, network, batches, path)
    if gpus:
        known = capabilities(trt)
        config.num_compute_capabilities = len(gpus)
        for i, gpu in enumerate(gpus):
            config.set_compute_capability(known[gpu], i)
    cached = None if timing_cache is None else _timing_cache(config, timing_cache)
    plan = _run(trt, lambda: builder.build_serialized_network(network, config), config, progress)
    if plan is None:
        raise EngineError(f"{path}: {trt.__name__} could not build it: {_first('', log)}")
    return Built(bytes(plan), shapes, None if cached is None else bytes(cached.serialize()))


def refuse_cpu_bits(model: onnx.ModelProto, path: Path) -> None:
    """Raise EngineError for the eight-bit form that CPUs take: TensorRT can't read its biases of 32-bit integers."""
    wide = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.INT32}
    if any(node.op_type == "DequantizeLinear" and node.input[0] in wide for node in model.graph.node):
        raise EngineError(f"{path}: is in eight bits for a CPU, which TensorRT can't read: give it in full precision")


def _profile(
    builder: Any,  # noqa: ANN401
    config: Any,  # noqa: ANN401
    network: Any,  # noqa: ANN401
    batches: Batches,
    path: Path,
) -> dict[str, tuple[Shape, Shape, Shape]]:
    profile = builder.create_optimization_profile()
    shapes = {}
    for tensor in (network.get_input(i) for i in range(network.num_inputs)):
        rest = tuple(tensor.shape)[1:]
        if -1 in rest:
            raise EngineError(f"{path}: the input {tensor.name} has a free axis besides its batch: {tensor.shape}")
        free = tensor.shape[0] == -1
        sizes = (1, batches.best, batches.most) if free else (tensor.shape[0],) * 3
        least, best, most = ((size, *rest) for size in sizes)
        profile.set_shape(tensor.name, least, best, most)
        shapes[tensor.name] = (least, best, most)
    config.add_optimization_profile(profile)
    return shapes


def _timing_cache(config: Any, held: bytes) -> Any:  # noqa: ANN401
    """Give the builder a timing cache: the one held, or, where that is of another GPU or version, an empty one."""
    found = config.create_timing_cache(held)
    if not (found and config.set_timing_cache(found, False)):
        _log.warning("the timing cache belongs to another GPU or version: starting a new one")
        found = config.create_timing_cache(b"")
        config.set_timing_cache(found, False)
    return config.get_timing_cache()


def _run(
    trt: Any,  # noqa: ANN401
    work: Callable[[], Any],
    config: Any,  # noqa: ANN401
    progress: Progress,
) -> Any:  # noqa: ANN401
    """Run the builder in a thread of its own, so that Ctrl-C is seen at once and never raised inside its callbacks."""
    stop = threading.Event()
    # The builder keeps only a borrowed pointer: the name keeps the monitor alive until it has ended.
    monitor = config.progress_monitor = _monitor(trt, progress, stop)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), name="tensorrt-builder")
    with _words_to_stderr():
        thread.start()
        try:
            while thread.is_alive():
                thread.join(0.2)
        finally:
            stop.set()
            thread.join()
            del monitor
    return found[0] if found else None


def _monitor(trt: Any, progress: Progress, stop: threading.Event) -> Any:  # noqa: ANN401
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._steps[name] = steps

        def step_complete(self, name: str, step: int) -> bool:
            progress(name, step + 1, self._steps.get(name, 0))
            return not stop.is_set()

        def phase_finish(self, name: str) -> None:
            self._steps.pop(name, None)

    return Monitor()


@cache
def _logger(runtime: str) -> Any:  # noqa: ANN401
    """Return the one logger of a runtime: it takes the first that it sees and keeps it for the life of the process."""
    trt = import_module(runtime)

    class Log(trt.ILogger):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: list[str] = []

        def log(self, severity: Any, text: str) -> None:  # noqa: ANN401
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self.said.append(text)
            _log.debug("%s", text)

    return Log()


def _first(text: str, log: Any) -> str:  # noqa: ANN401
    said = text or (log.said[0] if log.said else "it gave no reason")
    return str(said).strip().splitlines()[0]


@contextlib.contextmanager
def _words_to_stderr() -> Iterator[None]:
    """Send what native code prints on standard output, which is for data, to standard error meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
