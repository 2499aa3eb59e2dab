"""The trunks of an exported face-still.onnx of version 0.1.0, to go on from.

`python -m truefeed.train.synthetic.from_still --model FILE --out FOLDER`, where FILE is that of commit 723d2eb. The
first stage is the same in all its networks, so that the file holds it once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ...stream.errors import ConfigError
from ..common.loop import save
from ..face.efficientnet_lite import EfficientNetLite


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.synthetic.from_still", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="face-still.onnx of version 0.1.0")
    parser.add_argument("--out", type=Path, required=True, help="folder for still0.pt, still1.pt, ...")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    for number, trunk in enumerate(trunks(args.model)):
        save(args.out / f"still{number}.pt", trunk.state_dict())
    return 0


def trunks(model: Path) -> list[EfficientNetLite]:
    """Read the trunks. Raises ConfigError where the file holds none."""
    held = {w.name: w for w in onnx.load(str(model)).graph.initializer}
    count = len({name.split(".")[1] for name in held if name.startswith("nets.")})
    if not count:
        raise ConfigError(
            f"{model}: not the face-still.onnx of version 0.1.0, which holds networks by the name of nets"
        )
    out = []
    for number in range(count):
        trunk = EfficientNetLite().eval()
        state = trunk.state_dict()
        for name in state:
            if name.endswith("num_batches_tracked"):
                continue
            places = [f"nets.{n}.trunk.{name}{half}" for n in (number, 0) for half in ("", "_half")]
            tensor = next((held[place] for place in places if place in held), None)
            if tensor is None:
                raise ConfigError(f"{model}: has no {places[0]}")
            state[name] = torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32)).reshape(state[name].shape)
        trunk.load_state_dict(state)
        out.append(trunk)
    return out


if __name__ == "__main__":
    sys.exit(main())
