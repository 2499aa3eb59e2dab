"""Copies of genuine speech by small neural vocoders of our own: `python -m truefeed.train.voice_vocoder --out DIR`.

Two networks learn, on the genuine training clips alone, to make a waveform from a mel spectrogram: one predicts the
spectrum that an inverse Fourier transform turns into sound (as Vocos does, Siuzdak 2023), one raises the rate step by
step with transposed convolutions (as HiFi-GAN does, Kong 2020). What they leave in the sound, at several stages of
their training, is what real ones leave: the trace of the way the waveform is made. Writes a folder of the form that
`truefeed train voice --extra` takes, in which `copy_of` names the original, sample by sample.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..stream.audio import RATE, level
from ..stream.values import Floats
from .voice_copies import mel_bank
from .voice_data import Clip, licences
from .voice_data import load as load_clips
from .voice_speak import write

SIZE, HOP, MELS = 512, 160, 80
SEGMENT = 64
"Frames of 10 ms in a training segment."
SCALES = ((256, 64), (512, 128), (1024, 256))
"Frame and hop of the spectra that the loss compares, samples."
STAGES = 2
"Checkpoints of each network that make copies, at equal steps of the training."


class Fourier(nn.Module):
    """Mel frames (B, MELS, T) to a waveform (B, T * HOP), through magnitudes and phases."""

    def __init__(self, width: int = 160, depth: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv1d(MELS, width, 7, padding=3)
        self.blocks = nn.ModuleList(_block(width) for _ in range(depth))
        self.last = nn.Conv1d(width, 2 * (SIZE // 2 + 1), 1)
        self.register_buffer("window", torch.hann_window(SIZE), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel)
        for block in self.blocks:
            x = x + block(x)
        log, phase = self.last(x).chunk(2, 1)
        spectrum = torch.polar(log.clamp(max=5).exp(), phase)
        window = self.get_buffer("window")
        return torch.istft(F.pad(spectrum, (0, 1)), SIZE, HOP, window=window, length=mel.shape[2] * HOP)


def _block(width: int) -> nn.Sequential:
    depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
    wide = (nn.Conv1d(width, 3 * width, 1), nn.GELU(), nn.Conv1d(3 * width, width, 1))
    return nn.Sequential(depthwise, nn.GroupNorm(1, width), *wide)


class Raising(nn.Module):
    """Mel frames (B, MELS, T) to a waveform (B, T * HOP), through transposed convolutions."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(MELS, width, 7, padding=3)]
        for factor in (5, 4, 4, 2):
            layers += [
                nn.LeakyReLU(0.1),
                nn.ConvTranspose1d(width, width // 2, 2 * factor, factor, (factor + 1) // 2, factor % 2),
                _Residual(width // 2),
            ]
            width //= 2
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(0.1), nn.Conv1d(width, 1, 7, padding=3))

    def forward(self, mel: Tensor) -> Tensor:
        wave: Tensor = self.layers(mel)[:, 0]
        return wave


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in (1, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.1))
        return x


NETS: dict[str, type[nn.Module]] = {"fourier": Fourier, "raising": Raising}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.voice_vocoder", description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the prepared clips, as for the training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0, help="CPU time to train each network")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    clips = load_clips(args.dataset, args.cache / "clips.npz", args.seed)
    genuine = [c for c in clips if c.split == "train" and not c.fake]
    rows: list[dict[str, str]] = []
    for name in NETS:
        nets = learn(name, genuine, args.seconds, args.seed)
        rows += _write(args.out, name, nets, genuine, args.seed)
    names = ["path", "split", "label", "generator", "source", "speaker", "seconds", "licence", "copy_of"]
    stated = {line.split(":")[0]: line.split(" clips, ", 1)[1] for line in licences(args.dataset) if "bonafide" in line}
    with (args.out / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(row | {"licence": f"copy of {stated[row['source']]}"} for row in rows)
    return 0


def mel(samples: Tensor, bank: Tensor) -> Tensor:
    """Log mel spectrogram of (B, N), N a multiple of HOP: (B, MELS, N / HOP)."""
    spectrum = torch.stft(samples, SIZE, HOP, window=torch.hann_window(SIZE), return_complex=True).abs()
    return torch.log(bank @ spectrum[..., :-1] + 1e-4)


def bank() -> Tensor:
    return torch.from_numpy(mel_bank(SIZE, MELS, 7600.0).astype(np.float32))


def learn(name: str, genuine: Sequence[Clip], seconds: float, seed: int) -> list[nn.Module]:
    """Train one of NETS for so many CPU seconds; return it as it was at STAGES equal steps of them."""
    torch.manual_seed(seed)
    net, rng, filters = NETS[name](), np.random.default_rng(seed), bank()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.8, 0.99))
    kept: list[nn.Module] = []
    begin, losses = time.process_time(), []
    while len(kept) < STAGES:
        spent = (time.process_time() - begin) / max(seconds, 1e-6)
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 - 0.9 * min(spent, 1.0))
        wave = torch.from_numpy(_segments(genuine, 8, rng))
        loss = distance(net(mel(wave, filters)), wave)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
        if spent >= (len(kept) + 1) / STAGES:
            kept.append(NETS[name]())
            kept[-1].load_state_dict(net.state_dict())
            sys.stderr.write(f"{name}: {len(losses)} steps, loss {np.mean(losses[-50:]):.3f}\n")
    return [net.eval() for net in kept]


def _segments(genuine: Sequence[Clip], count: int, rng: np.random.Generator) -> Floats:
    """Stretches of genuine speech, RMS near 1."""
    rows: list[Floats] = []
    while len(rows) < count:
        clip = genuine[int(rng.integers(len(genuine)))]
        start = int(rng.integers(max(1, clip.samples.shape[1] - SEGMENT * HOP)))
        piece = clip.version(0)[start : start + SEGMENT * HOP] * np.float32(32.0)
        if len(piece) == SEGMENT * HOP:
            rows.append(piece)
    return np.stack(rows)


def distance(made: Tensor, true: Tensor) -> Tensor:
    """Spectral convergence and log magnitude over several resolutions (Yamamoto 2020)."""
    total = torch.zeros(())
    for size, hop in SCALES:
        window = torch.hann_window(size)
        ours, theirs = (torch.stft(x, size, hop, window=window, return_complex=True).abs() for x in (made, true))
        total = total + torch.linalg.norm(theirs - ours) / torch.linalg.norm(theirs)
        total = total + (torch.log(theirs + 1e-2) - torch.log(ours + 1e-2)).abs().mean()
    return total / len(SCALES)


def _write(out: Path, name: str, nets: Sequence[nn.Module], genuine: Sequence[Clip], seed: int) -> list[dict[str, str]]:
    (out / "train").mkdir(parents=True, exist_ok=True)
    rng, filters = np.random.default_rng(seed), bank()
    rows: list[dict[str, str]] = []
    for number, clip in enumerate(genuine):
        path = f"train/{name}-{number:03d}.flac"
        write(out / path, remade(clip.version(0), nets[int(rng.integers(len(nets)))], filters, rng))
        common = {"path": path, "split": "train", "label": "spoof", "generator": name, "source": clip.source}
        rows.append(
            common | {"speaker": clip.speaker, "seconds": f"{clip.samples.shape[1] / RATE:.2f}", "copy_of": clip.path}
        )
    return rows


@torch.no_grad()
def remade(samples: Floats, net: nn.Module, filters: Tensor, rng: np.random.Generator) -> Floats:
    """Return samples through the network, as long as they were.

    Below a frequency drawn at random the original may stay, or its magnitudes may stay with phases of the network:
    half-trained networks are easier to tell than those in use, and this makes harder ones of them.
    """
    count = -(-len(samples) // HOP) * HOP
    wave = torch.from_numpy(np.pad(samples, (0, count - len(samples))) * np.float32(32.0))[None]
    made = net(mel(wave, filters))
    window = torch.hann_window(SIZE)
    theirs, ours = (torch.stft(x, SIZE, HOP, window=window, return_complex=True) for x in (wave, made))
    if rng.random() < 0.4:
        ours = torch.polar(theirs.abs(), ours.angle())
    if rng.random() < 0.6:
        cut = int(rng.uniform(0.0, 0.5) * ours.shape[1])
        ours = torch.cat([theirs[:, :cut], ours[:, cut:]], 1)
    back = torch.istft(ours, SIZE, HOP, window=window, length=count)[0]
    return level(back.numpy()[: len(samples)])


if __name__ == "__main__":
    sys.exit(main())
