"""The steps from a prepared data set to a face model; each reads what the one before wrote into `training/`."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ...engines import WEIGHTS, load
from ...stream.errors import ConfigError, MissingExtraError
from ...stream.scoring.models import card_of
from ..common.loop import save
from ..data import prepared
from ..data.dev_clips import Table
from ..data.prepared import Faces
from ..face import train_encoder, train_head
from ..face.checkpoints import read_encoder, read_head
from ..face.dev_auc import Clips, embed, video_auc
from ..face.feature_bank import FROZEN
from ..face.from_onnx import recover, restate
from ..face.head_windows import write as write_windows
from ..face.labelled_stream import read_face
from ..face.motion_head import read_signs, with_signs
from ..face.norm_stats import frames
from ..face.pairs import Pairs, PairSettings
from ..face.prepared_windows import windows
from ..face.tune import between
from .judge_steps import card, thresholds
from .run import Run

_SHIPPED = WEIGHTS / "face.onnx"
_DEV_FRAMES = 8
_STARTS = {True: 6e-4, False: 2e-4}
"Learning rates from scratch, and from an encoder that knows much already."
_SHARES = (1.0, 0.75, 0.5)
"Of the way from the shipped encoder to the tuned one: what is not gone keeps fakes that this data set has not."
_SETTLE = 40
"Batches of genuine frames that the norms of the shipped encoder are settled on."
_STRETCHES = 1000
"Windows of each kind, genuine and labelled fake, that the head learns from."
_CHECKPOINTS = 10
"At least so many times an encoder is judged on the way."


def split(run: Run) -> None:
    """Choose who is learnt from; write their genuine faces, and the crops of those held back."""
    args = run.args
    held = None if args.hold_out is None else [name for name in args.hold_out if name != "none"]
    clips = prepared.read(args.dataset, args.files)
    parts = prepared.split(clips, share=args.validation, hold_out=held, seed=args.seed)
    for name in ("train", "validation", "test"):
        sys.stderr.write(f"  {name}: {_told(getattr(parts, name))}\n")
    if parts.held_out:
        sys.stderr.write(f"  tested on only: {', '.join(parts.held_out)}\n")
    _write_genuine(parts.train, run.work / "faces")
    _write_dev(_spread(parts.validation, args.limit), run.work / "dev.npz", args.size, args.seed)
    prepared.write_split(run.work / "split.json", parts, args.dataset, args.files)


def start(run: Run) -> None:
    """Turn the shipped encoder into a checkpoint to go on from; nothing to do from scratch."""
    if run.args.from_scratch:
        sys.stderr.write("  from ImageNet\n")
        return
    model = recover(_SHIPPED, own_share(card_of(load(_SHIPPED, "cpu")).training))
    pairs = Pairs(run.work / "faces", PairSettings(size=run.args.size), run.args.seed)
    restate(model, islice(frames(pairs, np.random.default_rng(run.args.seed)), _SETTLE))
    command = {"shipped": card_of(load(_SHIPPED, "cpu")).name, "sha256": load(_SHIPPED, "cpu").sha256}
    settings = asdict(model.settings)
    save(run.work / "start.pt", {"settings": settings, "average": model.state_dict(), "command": command})


def own_share(training: object) -> float:
    """Find in what a card says of its training the share that a picture's own statistics had; 0 where it says none."""
    if not isinstance(training, dict):
        return 0.0
    if "own" in training:
        return float(str(training["own"]))
    return next((share for value in training.values() if (share := own_share(value))), 0.0)


def encoder(run: Run) -> None:
    """Train the frame encoder; the checkpoint that tells those held back best is kept."""
    args, work = run.args, run.work
    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    words = ["--dataset", work / "faces", "--dev", work / "dev.npz", "--out", work / "encoder", "--resume"]
    words += ["--labelled", work / "split.json", "--labelled-share", 0 if args.no_fakes else 0.5]
    words += ["--epochs", args.epochs, "--batch-size", args.batch_size, "--size", args.size, "--seed", args.seed]
    words += ["--lr", args.lr or _STARTS[args.from_scratch], "--device", device, "--threads", args.threads]
    words += ["--workers", args.workers, "--every", _every(run)]
    if args.minutes < math.inf:
        words += ["--minutes", args.minutes]
    if not args.from_scratch:
        words += ["--init", work / "start.pt", "--hold-norms", "--freeze", FROZEN]
    train_encoder.main([str(word) for word in words])
    best = work / "encoder" / "best.pt"
    best = best if best.exists() else work / "encoder" / "checkpoint.pt"
    if args.from_scratch:
        shutil.copyfile(best, work / "encoder.pt")
    else:
        _part_of_the_way(best, run)


def _part_of_the_way(best: Path, run: Run) -> None:
    """Keep what tells those held back best of the encoders between the shipped one and the tuned one (face.tune)."""
    old, new = read_encoder(run.work / "start.pt"), read_encoder(best)
    clips, size = Clips.read(run.work / "dev.npz"), run.args.size
    rows, scale = np.arange(len(clips.clip)), PairSettings(size=size).scale
    found: dict[float, float] = {}
    for share in _SHARES:
        logits = embed(between(old, new, share), clips, rows, size, scale)[:, -1]
        found[share] = float(np.nan_to_num(video_auc(clips, rows, logits)["all"]))
    share = max(found, key=found.__getitem__)
    sys.stderr.write(f"  kept {share:g} of the way from the shipped encoder (AUC on crops: {found})\n")
    state = torch.load(best, map_location="cpu", weights_only=True)
    command = {**state["command"], "share": str(share)}
    weights = between(old, new, share).state_dict()
    save(run.work / "encoder.pt", {"settings": state["settings"], "average": weights, "command": command})


def _every(run: Run) -> int:
    clips = prepared.chosen(run.work / "split.json", "train")
    faces = sum(len(f.files) for f in clips if not f.clip.fake)
    steps: float = run.args.epochs * faces / run.args.batch_size
    return max(1, min(200, math.ceil(steps / _CHECKPOINTS)))


def head(run: Run) -> None:
    """Train the temporal head on windows of those learnt from, and add the signs in motion of the shipped one."""
    args, work = run.args, run.work
    pairs = Pairs(work / "faces", PairSettings(size=args.size), args.seed)
    clips = prepared.chosen(work / "split.json", "train")
    sheet = windows(
        read_encoder(work / "encoder.pt"),
        pairs,
        clips,
        size=args.size,
        most=_STRETCHES,
        fakes=not args.no_fakes,
        seed=args.seed,
    )
    if not sheet.rows:
        raise ConfigError(f"{args.dataset}: no face of it is seen for long enough: prepare it with a higher --rate")
    write_windows(work / "windows.npz", sheet)
    words = ["--windows", work / "windows.npz", "--out", work / "head.pt", "--seed", args.seed, "--epochs", 30]
    train_head.main([str(word) for word in words])
    signs = read_signs(_SHIPPED.with_name("face-window.onnx"))
    if signs is not None:
        state = torch.load(work / "head.pt", map_location="cpu", weights_only=True)
        model = with_signs(read_head(work / "head.pt"), *signs)
        save(work / "head.pt", {**state, "settings": asdict(model.settings), "model": model.state_dict()})


def export(run: Run) -> None:
    """Write the ONNX files. The layer that does it lies above this one and is found as the command line finds it."""
    (entry,) = entry_points(group="truefeed.commands", name="export")
    words = ["face", "--encoder", run.work / "encoder.pt", "--head", run.work / "head.pt"]
    words += ["--faces", run.work / "faces", "--size", run.args.size, "--out", run.out, "--title", run.out.name]
    try:
        entry.load()([str(word) for word in words])
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "onnxscript", "export") from None


STEPS: dict[str, Callable[[Run], None]] = {
    "split": split,
    "start": start,
    "encoder": encoder,
    "head": head,
    "export": export,
    "thresholds": thresholds,
    "card": card,
}
"In order; each is run once."


def _told(clips: Sequence[Faces]) -> str:
    fakes = [faces for faces in clips if faces.clip.fake]
    people = {faces.clip.identity for faces in clips}
    methods = sorted({faces.clip.method for faces in fakes})
    of = f" ({', '.join(methods)})" if methods else ""
    return f"{len(clips) - len(fakes)} genuine files and {len(fakes)} fakes{of} of {len(people)} people"


def _write_genuine(clips: Sequence[Faces], folder: Path) -> None:
    """Write the table of genuine faces that pseudo-fakes are made of; the crops stay where they are."""
    genuine = [faces for faces in clips if not faces.clip.fake]
    counts = [len(faces.files) for faces in genuine]
    folder.mkdir(exist_ok=True)
    np.savez(
        folder / "faces.npz",
        files=np.array([str(path.resolve()) for faces in genuine for path in faces.files], np.str_),
        source=np.repeat([faces.clip.method for faces in genuine], counts),
        identity=np.repeat([faces.clip.identity for faces in genuine], counts),
        points=np.concatenate([faces.points for faces in genuine]),
        mesh=np.concatenate([faces.mesh() for faces in genuine]),
    )


def _write_dev(clips: Sequence[Faces], path: Path, size: int, seed: int) -> None:
    """Write crops of those held back; without labelled fakes among them, pseudo-fakes stand for such."""
    table = Table()
    for faces in clips:
        count = min(_DEV_FRAMES, len(faces.files))
        for row in sorted({round(x) for x in np.linspace(0, len(faces.files) - 1, count)}):
            _add(table, read_face(faces.files[row]), faces, row, fake=faces.clip.fake, method=faces.clip.method)
    if not any(faces.clip.fake for faces in clips):
        folder = path.with_name("dev-faces")
        _write_genuine(clips, folder)
        pairs, rng = Pairs(folder, PairSettings(size=size), seed), np.random.default_rng(seed)
        for faces in clips:
            for row in range(0, len(faces.files), max(1, len(faces.files) // 2)):
                _add(table, pairs.pictures(rng)[1], faces, row, fake=True, method="pseudo-fake")
    table.save(path)


def _add(table: Table, image: np.ndarray, faces: Faces, row: int, *, fake: bool, method: str) -> None:
    clip = f"dev/{method}/{faces.clip.name}" if fake else f"dev/{faces.clip.name}"
    px, t = float(faces.px[row]), float(faces.t[row])
    table.add(image, clip=clip, label=int(fake), method=method, target=faces.clip.identity, px=px, time=t)


def _spread(clips: Sequence[Faces], limit: int) -> list[Faces]:
    """Keep at most so many clips a method, spread evenly."""
    found: list[Faces] = []
    for method in dict.fromkeys(faces.clip.method for faces in clips):
        mine = [faces for faces in clips if faces.clip.method == method]
        count = min(limit, len(mine))
        found += [mine[i * len(mine) // count] for i in range(count)]
    return found
