"""A small untrained network of each architecture, with rows that it takes and what is asked."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.attribution.players import Players
from auditkit.data.schema import Task
from auditkit.models.base import ARCHITECTURES, Head

CLASSES = Head(task=Task.CLASSES, size=3)
DECISION = Head(task=Task.DECISION)


@dataclass(frozen=True)
class Pictures:
    """What a GAN asks of an encoder."""

    channels: int = 1
    height: int = 8
    width: int = 8


class Brightness(nn.Module):
    """A generator's answer as one number a row: how bright the middle of its image is."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor) -> Tensor:
        """(B, z) -> (B,)."""
        return self.generator(latent)[:, 0, 2:6, 2:6].mean(dim=(1, 2))


def made(name: str) -> tuple[nn.Module, tuple[Tensor, ...], object]:
    """A network in eval mode, three rows of inputs, and targets."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, inputs, targets = _MADE[name]()
        return model.eval(), inputs, targets


def quarters(inputs: tuple[Tensor, ...]) -> Players | None:
    """Of an image its four quarters as players, which keeps a game small; else None."""
    if inputs[0].ndim != 4:
        return None
    height, width = inputs[0].shape[2:]
    below = (torch.arange(height) >= height // 2).long()[:, None]
    right = (torch.arange(width) >= width // 2).long()
    mask = (2 * below + right).expand(1, *inputs[0].shape[1:])
    return Players(masks=(mask,), names=(("a", "b", "c", "d"),))


def _tokens() -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([5, 2, 3])
    tokens = torch.randint(5, 11, (3, 5))
    return tokens * (torch.arange(5) < lengths[:, None]), lengths


def _fnn():
    edges = [np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.5, 2.0])]
    kind = ARCHITECTURES["fnn"]
    model = kind(edges, [3, 4], kind.Options(width=8, embedding=3), DECISION)
    missing = torch.tensor([[False, True], [False, False], [True, False]])
    return model, (torch.randn(3, 2), missing, torch.tensor([[1, 2], [2, 3], [0, 1]])), None


def _cnn():
    kind = ARCHITECTURES["cnn"]
    model = kind((0.4, 0.5), (0.3, 0.2), CLASSES, kind.Options(width=4))
    with torch.no_grad():
        for one in model.modules():
            if isinstance(one, nn.BatchNorm2d):  # as after a training: neither 0 nor 1
                one.running_mean.normal_(std=0.2)
                one.running_var.uniform_(0.5, 1.5)
                one.bias.normal_(std=0.2)
    return model, (torch.rand(3, 2, 16, 16),), (2,)


def _recurrent(name: str):
    def build():
        kind = ARCHITECTURES[name]
        model = kind(CLASSES, kind.Options(width=4), channels=2)
        return model, (torch.randn(3, 5, 2), torch.tensor([5, 2, 3])), torch.tensor([0, 1, 2])

    return build


def _reviews():
    kind = ARCHITECTURES["lstm"]
    return kind(DECISION, kind.Options(width=4, embedding=4), vocabulary=11), _tokens(), None


def _encoder():
    kind = ARCHITECTURES["encoder"]
    return kind(11, 8, DECISION, kind.Options(width=8, depth=1, heads=2)), _tokens(), None


def _decoder():
    kind = ARCHITECTURES["decoder"]
    model = kind(11, 8, kind.Options(width=8, depth=1, heads=2))
    return model, (torch.randint(5, 11, (3, 4)),), (3, 7)


def _encoder_decoder():
    kind = ARCHITECTURES["encoder-decoder"]
    model = kind((11, 8), (9, 8), kind.Options(width=8, depth=1, heads=2))
    return model, (*_tokens(), torch.randint(5, 9, (3, 4))), (2, 6)


def _generator(name: str):
    def build():
        kind = ARCHITECTURES[name]
        model = kind(Pictures(), kind.Options(width=2, latent=4))
        return Brightness(model), (torch.randn(3, 4),), None

    return build


def _discriminator(name: str):
    def build():
        kind = ARCHITECTURES[name]
        model = kind(Pictures(), kind.Options(width=2, latent=4)).discriminator
        return model, (torch.rand(3, 1, 8, 8),), None

    return build


_MADE = {
    "fnn": _fnn,
    "cnn": _cnn,
    "rnn": _recurrent("rnn"),
    "gru": _recurrent("gru"),
    "lstm": _recurrent("lstm"),
    "lstm of tokens": _reviews,
    "encoder": _encoder,
    "decoder": _decoder,
    "encoder-decoder": _encoder_decoder,
    "gan": _generator("gan"),
    "dcgan": _generator("dcgan"),
    "discriminator": _discriminator("gan"),
    "plain discriminator": _discriminator("dcgan"),
}
NAMES = tuple(_MADE)
