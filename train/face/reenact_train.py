"""Train a network that renders faces anew, and render each face with it: `python -m truefeed.train.face.reenact_train`.

Self-blending imitates what a blend leaves; what a decoder leaves it can only guess. So decoders are trained, on the
genuine faces alone: a part of the face is cut out and rendered from a coarse copy of it and from its landmarks. Asked
for another expression or another person's face, they make what neural reenactment and face swaps make. Writes

    OUT/sheets/*.npy    what is asked for, once for all decoders
    OUT/DECODER.npy     (n, views, S, S, 3) BGR, one row a face of DATASET/faces.npz
    OUT/DECODER.npz     region (n, views): which of REGIONS was rendered
    OUT/DECODER.pt      the weights
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as fn

from ...stream.atomic import beside
from ..common.loop import autocast, follow, save
from .reenact_networks import Critic, Looks, Renderer
from .reenact_targets import REGIONS, SIZE, SOURCES, read_sheets

_COARSE = (10, 14, 18, 24, 32, 48, 64)
"Sides of the coarse copy, px: the least keeps a pose, the most all but the texture."
_WARM = 200
"Steps before the critic has a say."


def main(argv: list[str] | None = None) -> int:
    args = _parse(argv)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    sheets = read_sheets(args.dataset, args.out, args.workers, args.seed)
    if not args.decoder:
        return 0
    data = {name: torch.from_numpy(sheet).to(args.device) for name, sheet in sheets.items()}
    renderer = _train(args, data)
    state = {
        "decoder": args.decoder,
        "model": renderer.state_dict(),
        "command": {k: str(v) for k, v in vars(args).items()},
    }
    save(args.out / f"{args.decoder}.pt", state)
    count = _render(args, renderer, data)
    sys.stderr.write(f"{args.out / args.decoder}.npy: {count} pictures\n")
    return 0


def _train(args: argparse.Namespace, data: dict[str, Tensor]) -> Renderer:
    device = torch.device(args.device)
    networks = Renderer(args.decoder, args.width), Critic(args.width), Looks(pretrained=args.pretrained)
    renderer, critic, looks = (p.to(device, memory_format=torch.channels_last) for p in networks)  # type: ignore[call-overload]
    average: Renderer = copy.deepcopy(renderer).eval()
    makes = torch.optim.AdamW(renderer.parameters(), args.lr, (0.5, 0.99), weight_decay=0.01)
    tells = torch.optim.AdamW(critic.parameters(), args.lr, (0.5, 0.99), weight_decay=0.01)
    rng, began, step = np.random.default_rng(args.seed), time.monotonic(), 0
    while step < args.steps and time.monotonic() - began < args.seconds:
        picture, lines, hole = _draw(data, args.batch_size, rng)
        seen = coarse(picture, int(rng.choice(_COARSE)))
        with autocast(device.type):
            made = renderer(picture, seen, lines, hole)
            near = fn.l1_loss(made, picture) + 4 * ((made - picture).abs() * hole).sum() / (3 * hole.sum() + 1)
            joined = picture * (1 - hole) + made * hole
            loss = near + 0.3 * looks(joined, picture)
            if step >= _WARM:
                loss = loss - args.critic * critic(joined, hole).float().mean()
        makes.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(renderer.parameters(), 5.0)
        makes.step()
        with autocast(device.type):
            real, fake = critic(picture, hole).float(), critic(joined.detach(), hole).float()
        doubt = fn.relu(1 - real).mean() + fn.relu(1 + fake).mean()
        tells.zero_grad(set_to_none=True)
        doubt.backward()  # type: ignore[no-untyped-call]
        tells.step()
        follow(average, renderer, step, 0.99)
        step += 1
        if step % args.every == 0:
            sys.stderr.write(f"{args.decoder} step {step}  near {near.item():.4f}  critic {doubt.item():.3f}\n")
    sys.stderr.write(f"{args.decoder}: {step} steps in {time.monotonic() - began:.0f} s\n")
    return average


def _draw(data: dict[str, Tensor], count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pictures that are asked for as they are, with their drawn landmarks and holes; half of them mirrored."""
    device = data["pictures"].device
    rows = torch.from_numpy(rng.integers(0, len(data["pictures"]), count)).to(device)
    # Not the donor's: laid over a face without its hair, it is no photograph.
    source = torch.from_numpy(rng.choice(3, count, p=(0.6, 0.2, 0.2))).to(device)
    region = torch.from_numpy(rng.integers(0, len(REGIONS), count)).to(device)
    out = _asked(data, rows, source, region)
    return tuple(t.flip(3) for t in out) if rng.random() < 0.5 else out  # type: ignore[return-value]


def _asked(data: dict[str, Tensor], rows: Tensor, source: Tensor, region: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is asked for of some faces: pictures (B, 3, S, S), their lines and holes (B, 1, S, S)."""
    pictures = data["pictures"][rows, source].permute(0, 3, 1, 2)
    lines, hole = data["lines"][rows, source][:, None], data["holes"][rows, region][:, None]
    return as_picture(pictures), lines.float() / 255, (hole > 127).float()


def as_picture(pixels: Tensor) -> Tensor:
    """0..255 to -1..1, any shape."""
    return pixels.float() / 127.5 - 1


def coarse(picture: Tensor, side: int) -> Tensor:
    """Return (B, 3, S, S) with no more detail than pictures of so many px have."""
    small = fn.adaptive_avg_pool2d(picture, side)
    return fn.interpolate(small, size=picture.shape[2:], mode="bicubic", align_corners=False)


@torch.no_grad()
def _render(args: argparse.Namespace, renderer: Renderer, data: dict[str, Tensor]) -> int:
    rng, device, count = np.random.default_rng(args.seed), args.device, len(data["pictures"])
    shape = (count, args.views, SIZE, SIZE, 3)
    path = args.out / f"{args.decoder}.npy"
    out = np.lib.format.open_memmap(beside(path), "w+", np.uint8, shape)
    regions = rng.choice(len(REGIONS), (count, args.views), p=(0.35, 0.25, 0.2, 0.2))
    for view in range(args.views):
        for start in range(0, count, args.batch_size):
            rows = np.arange(start, min(start + args.batch_size, count))
            source = rng.choice(len(SOURCES), len(rows), p=(0.25, 0.3, 0.2, 0.25))
            # Somebody else's mouth alone is rarely asked for.
            region = np.where(source == 3, np.maximum(regions[rows, view], 2), regions[rows, view])
            regions[rows, view] = region
            at = [torch.from_numpy(some).to(device) for some in (rows, source, region)]
            asked, lines, hole = _asked(data, *at)
            picture = as_picture(data["pictures"][at[0], 0].permute(0, 3, 1, 2))
            seen = coarse(asked, int(rng.choice(_COARSE[2:])))
            with autocast(device):
                made = renderer(picture, seen, lines, hole)
            pixels = ((made.float() + 1) * 127.5).round().clamp(0, 255).byte()
            out[rows, view] = pixels.permute(0, 2, 3, 1).cpu().numpy()
    out.flush()
    np.savez(args.out / f"{args.decoder}.npz", region=regions.astype(np.uint8))
    beside(path).replace(path)
    return int(count * args.views)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.face.reenact_train", description=__doc__)
    parser.add_argument(
        "--dataset", type=Path, required=True, help="the folder that truefeed.train.data.face_crops wrote"
    )
    parser.add_argument("--out", type=Path, required=True, help="sheets, weights and renders go here")
    parser.add_argument(
        "--decoder", choices=("nearest", "transposed", "shuffle"), help="without it only the sheets are made"
    )
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end the training after so long")
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--width", type=int, default=32, help="channels of the first level")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument(
        "--critic", type=float, default=0.1, help="weight of what the critic says; 0: as by L1 and looks"
    )
    parser.add_argument("--views", type=int, default=2, help="pictures rendered of each face")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw the sheets")
    parser.add_argument("--every", type=int, default=100, help="steps between two lines of the log")
    parser.add_argument(
        "--random-looks", dest="pretrained", action="store_false", help="compare by a network without ImageNet weights"
    )
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    sys.exit(main())
