"""Members that read a patch's spectrum: generators leave traces where upsampling did its work."""

import torch
from torch import Tensor, nn

BANDS = 32  # of frequency, from 0 to the highest that pixels can hold


def azimuthal_spectrum(patches: Tensor, bands: int = BANDS) -> Tensor:
    """Mean log power in rings of equal width: (B, 1, h, w) to (B, bands).

    Rings are of frequency in cycles a pixel, so that patches of all sizes have the same ones;
    a ring without a point takes the mean of its neighbours.
    """
    power = torch.fft.fft2(patches[:, 0]).abs().square()
    log = (power + 1e-8).log()
    down, right = (torch.fft.fftfreq(one, device=patches.device) for one in patches.shape[-2:])
    radius = (down[:, None].square() + right.square()).sqrt()
    ring = (radius * 2 * bands).long().clamp(max=bands - 1).flatten()
    one = torch.nn.functional.one_hot(ring, bands).to(log.dtype)  # (h * w, bands)
    count = one.sum(0)
    mean: Tensor = log.flatten(1) @ one / count.clamp(min=1)
    empty = (count == 0).nonzero().flatten().tolist()
    for place in empty:
        mean[:, place] = mean[:, max(place - 1, 0)]
    return mean


class AzimuthalSpectrum(nn.Module):
    """A linear model of the spectrum by frequency. Durall 2020, "Watch your Up-Convolution"."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("deviation", torch.ones(BANDS))
        self.linear = nn.Linear(BANDS, 1)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, bands), not yet standardised."""
        return azimuthal_spectrum(patches)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B,) logits."""
        features = (self.features(patches) - self.mean) / self.deviation
        return self.linear(features).squeeze(-1)  # type: ignore[no-any-return]
