"""The training loops, a few steps each, on a handful of faces."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import write
from truefeed.stream.cli import main
from truefeed.train.face import train_encoder, train_head
from truefeed.train.face.checkpoints import read_encoder, read_head


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return write(tmp_path / "faces")


def _steps(out: Path) -> list[int]:
    with (out / "curve.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_the_encoder_learns_and_goes_on_where_it_stopped(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--dataset", str(faces), "--out", str(out), "--batch-size", "2", "--every", "1", "--workers", "0"]
    words += ["--threads", "1", "--epochs"]
    assert train_encoder.main([*words, "0.5"]) == 0  # one step of two pairs
    first = torch.load(out / "checkpoint.pt", weights_only=True)
    assert (first["step"], _steps(out)) == (1, [1])
    assert train_encoder.main([*words, "1", "--resume"]) == 0
    second = torch.load(out / "checkpoint.pt", weights_only=True)
    assert (second["step"], _steps(out)) == (2, [1, 2])
    assert not torch.equal(first["model"]["logit.weight"], second["model"]["logit.weight"])
    assert second["command"]["batch_size"] == "2"
    with torch.no_grad():
        embedding, _ = read_encoder(out / "checkpoint.pt")(torch.zeros(1, 3, 64, 64))
    assert bool(torch.isfinite(embedding).all())


def test_a_training_stops_when_it_gets_no_better(faces: Path, tmp_path: Path) -> None:
    dev, out = tmp_path / "dev.npz", tmp_path / "run"
    png = np.empty(4, object)
    png[:] = [cv2.imencode(".png", np.full((96, 96, 3), 90, np.uint8))[1]] * 4  # all alike: the AUC stays at 0.5
    clip = np.array([f"dev/{i}" for i in range(4)])
    columns = {"clip": clip, "label": np.array([0, 1] * 2), "method": np.array(["", "m"] * 2), "target": clip}
    np.savez(dev, png=png, time=np.zeros(4), **columns)
    words = ["--dataset", str(faces), "--dev", str(dev), "--out", str(out), "--batch-size", "1", "--every", "1"]
    words += ["--workers", "0", "--threads", "1", "--size", "64", "--epochs", "10", "--patience", "2"]
    assert train_encoder.main(words) == 0
    assert _steps(out) == [1, 2, 3]  # of forty
    assert torch.load(out / "best.pt", weights_only=True)["step"] == 1
    assert "<svg" in (out / "curve.svg").read_text()
    with pytest.raises(SystemExit):
        train_encoder.main(["--dataset", str(faces), "--out", str(out), "--patience", "2"])


_TEAM = """
import json, sys, pathlib, torch
from truefeed.train.common.ddp import Team
torch.manual_seed(0)
with Team.join("cpu") as team:
    model = torch.nn.Linear(2, 1, bias=False)
    network = team.spread(model)  # kept: without it nobody gathers the gradients
    network(torch.tensor([[1.0 + team.rank, 0.0]])).sum().backward()
    said = [model.weight.grad.tolist(), team.agree(team.rank == 0), team.leads]
    pathlib.Path(sys.argv[1], f"{team.rank}.json").write_text(json.dumps(said))
"""


def _launch(*words: object) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    settings = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *map(str, words)], capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 0, done.stderr


def test_two_processes_share_their_gradients(tmp_path: Path) -> None:
    script = tmp_path / "team.py"
    script.write_text(_TEAM)
    _launch(script, tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == [[[1.5, 0.0]], True, True]  # the mean of the gradients of both
    assert second == [[[1.5, 0.0]], True, False]


def test_of_two_processes_one_writes(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--dataset", faces, "--out", out, "--batch-size", "1", "--every", "1", "--workers", "0", "--threads", "1"]
    _launch("-m", "truefeed.train.face.train_encoder", *words, "--epochs", "1", "--size", "64")
    assert _steps(out) == [1, 2]  # four faces, two at a step; written once
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 2


def test_the_head_learns_what_the_mean_does_not_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    count, length = 240, 12
    label = np.arange(count) % 2
    rows = rng.normal(0, 0.3, (count, length, 5)).astype(np.float32)
    rows[label == 1, :, -1] += (2 * np.array([-1, 1] * (length // 2))).astype(np.float32)  # fakes flicker
    ages = np.repeat((np.arange(length)[::-1] / 8).astype(np.float32)[None], count, 0)
    path, head = tmp_path / "windows.npz", tmp_path / "head.pt"
    np.savez(path, rows=rows, ages=ages, label=label, identity=np.array([str(i // 4) for i in range(count)]))
    assert train_head.main(["--windows", str(path), "--out", str(head), "--epochs", "12", "--lr", "0.01"]) == 0
    err = capsys.readouterr().err
    plain = float(err.rsplit(" ", 1)[1])
    assert plain < 0.75
    assert torch.load(head, weights_only=True)["auc"] > 0.9
    with torch.no_grad():
        logit = read_head(head)(torch.from_numpy(rows), torch.from_numpy(ages), torch.ones(count, length))
    assert logit.shape == (count,)


def test_the_commands_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["train", "--help"], ["export", "--help"], ["evaluate", "--help"], ["preprocess", "--help"]):
        assert main(words) == 0
        assert f"truefeed {words[0]}" in capsys.readouterr().out
    assert main(["train", "smell"]) == 2
    assert "choose `truefeed train video`" in capsys.readouterr().err
