"""The key of a TensorRT plan: what it was built from and where it fits. It lies beside the plan as `NAME.plan.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .base import EngineError
from .card import Card

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Machine:
    """What a plan would run on."""

    gpu: str
    "The device's name."
    capability: str
    "Compute capability, such as `8.9`."
    driver: str
    "The CUDA version of the driver, such as `13.0`."
    runtime: str
    "`tensorrt` or `tensorrt_rtx`."
    version: str
    "Of the runtime."


@dataclass(frozen=True)
class PlanKey:
    """What a plan was built from and for; one that does not fit is rebuilt, never loaded."""

    model_sha256: str
    "Of the ONNX file."
    runtime: str
    "`tensorrt` or `tensorrt_rtx`."
    version: str
    "Of the runtime that built it."
    gpus: tuple[str, ...]
    "Where it runs: a device's name, or (TensorRT-RTX, built without a GPU) compute capabilities such as `8.9`."
    driver: str
    "The CUDA version of the driver it was built with; empty where it was built without a GPU."
    precision: str
    "`fp32`, `fp16`, `int8`."
    shapes: Mapping[str, tuple[Shape, Shape, Shape]]
    "An input's least, best and greatest shape."

    def misfits(self, machine: Machine) -> list[str]:
        """Return what keeps the plan from running there, one phrase each; empty where it fits."""
        found = []
        if (self.runtime, self.version) != (machine.runtime, machine.version):
            found.append(f"built by {self.runtime} {self.version}, installed is {machine.runtime} {machine.version}")
        if machine.gpu not in self.gpus and machine.capability not in self.gpus:
            found.append(f"built for {', '.join(self.gpus)}, this GPU is {machine.gpu} ({machine.capability})")
        if self.driver and self.driver != machine.driver:
            found.append(f"built with a driver for CUDA {self.driver}, this one is for {machine.driver}")
        return found

    def check(self, inputs: Mapping[str, Shape]) -> None:
        """Raise EngineError where an input is missing, unknown or out of the shapes the plan was built for."""
        if inputs.keys() != self.shapes.keys():
            raise EngineError(f"the plan takes the inputs {sorted(self.shapes)}, not {sorted(inputs)}")
        for name, shape in inputs.items():
            low, _, high = self.shapes[name]
            inside = len(shape) == len(low) and all(a <= size <= b for a, size, b in zip(low, shape, high, strict=True))
            if not inside:
                raise EngineError(f"the plan takes {name} from {low} to {high}, not {shape}")


def sidecar(plan: Path) -> Path:
    """Return where the key of a plan lies."""
    return plan.with_name(plan.name + ".json")


def rebuild(plan: Path, runtime: str = "tensorrt") -> str:
    """Return what to do about a plan that does not fit."""
    model = plan.with_suffix(".onnx").name
    return f"build it again on this machine: truefeed export --to {runtime.replace('_', '-')} {model}"


def write_key(plan: Path, key: PlanKey, card: Card | None, built: Mapping[str, Any] | None = None) -> None:
    """Write the key and the card beside a finished plan, and how it was built: time, timing cache, proof."""
    text = {
        "key": asdict(key),
        "built": dict(built or {}),
        "card": None if card is None else json.loads(card.to_json()),
        "plan_sha256": hashlib.sha256(plan.read_bytes()).hexdigest(),
    }
    sidecar(plan).write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")


def read_key(plan: Path, sha256: str) -> tuple[PlanKey, Card | None]:
    """Read what lies beside a plan.

    Args:
        plan: the plan.
        sha256: of the plan's bytes.

    Raises:
        EngineError: there is no key, it cannot be read, or it belongs to another plan.
    """
    file = sidecar(plan)
    try:
        text = json.loads(file.read_text())
        raw: dict[str, Any] = dict(text["key"])
        raw["gpus"] = tuple(raw["gpus"])
        raw["shapes"] = {k: tuple(tuple(shape) for shape in v) for k, v in raw["shapes"].items()}
        key = PlanKey(**raw)
        card = None if text["card"] is None else Card.from_json(json.dumps(text["card"]))
        plan_sha256 = text["plan_sha256"]
    except FileNotFoundError:
        raise EngineError(f"{plan}: its key {file.name} is missing; {rebuild(plan)}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{file}: not a plan's key ({error}); {rebuild(plan)}") from error
    if plan_sha256 != sha256:
        raise EngineError(f"{plan}: {file.name} belongs to another plan; {rebuild(plan, key.runtime)}")
    return key, card
