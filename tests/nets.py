"""Small untrained networks to open: ours and plain torch ones, with inputs that they take."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from auditkit.data.schema import Task
from auditkit.models.base import Head
from auditkit.models.cnn import CNN, CNNOptions
from auditkit.models.gan import GAN, GANOptions
from auditkit.models.rnn import GRU, LSTM, RNN, RecurrentOptions
from auditkit.models.transformer.encoder import Encoder, EncoderOptions

HEAD = Head(task=Task.CLASSES, size=3)
LENGTHS = torch.tensor([6, 2, 4, 1])


def cnn() -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    model = CNN((0.5,), (0.25,), HEAD, CNNOptions(width=4)).eval()
    return model, (torch.rand(4, 1, 16, 16),)


def recurrent(
    kind: type[RNN] | type[LSTM] | type[GRU] = LSTM,
) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Two layers that read in both directions, four rows of 6, 2, 4 and 1 steps."""
    torch.manual_seed(0)
    model = kind(HEAD, RecurrentOptions(width=5, depth=2), channels=3).eval()
    return model, (torch.randn(4, 6, 3), LENGTHS)


def encoder() -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    model = Encoder(20, 12, HEAD, EncoderOptions(width=16, depth=2, heads=2)).eval()
    return model, (torch.randint(3, 20, (4, 6)), LENGTHS)


def generator() -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    pictures = SimpleNamespace(channels=1, height=16, width=16)
    return GAN(pictures, GANOptions(latent=6, width=2)).eval(), (torch.randn(4, 6),)


class Reader(nn.Module):
    """A plain recurrent layer of torch's and an answer from its last step."""

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.rnn = rnn
        self.output = nn.Linear(4, 3)
        self.ends: tuple[Tensor, ...] = ()

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is not None:
            steps = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        states, last = self.rnn(steps)
        self.ends = last if isinstance(last, tuple) else (last,)
        if lengths is not None:
            states, _ = pad_packed_sequence(states, batch_first=True)
        return self.output(states[..., :4]).sum(dim=1)


def plain_reader(
    kind: type[nn.RNNBase] = nn.LSTM, *, packed: bool = True, **choices: object
) -> tuple[Reader, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    model = Reader(kind(3, 4, batch_first=True, **choices)).eval()
    steps = torch.randn(4, 6, 3)
    return model, (steps, LENGTHS) if packed else (steps,)


class Padded(nn.Module):
    """torch's own encoder, told where padding is."""

    def __init__(self) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 2)
        self.output = nn.Linear(8, 3)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        padding = torch.arange(steps.shape[1]) >= lengths[:, None]
        read = self.encoder(steps, src_key_padding_mask=padding)
        return self.output(read.masked_fill(padding[..., None], 0).sum(dim=1))


def plain_encoder() -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    return Padded().eval(), (torch.randn(4, 6, 8), LENGTHS)


def plain() -> tuple[nn.Sequential, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval(), (torch.randn(6, 4),)
