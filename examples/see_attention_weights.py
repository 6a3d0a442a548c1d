"""Where does a trained encoder look? Train one on first names and print its attention.

Run it with `python examples/see_attention_weights.py [NAME ...]`. Attention says what is mixed
with what, not what the answer rests on: Jain & Wallace 2019, "Attention is not Explanation".
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from auditkit import Runtime
from auditkit.models.files import Checkpoint, load
from auditkit.models.transformer.weights import attention_weights
from auditkit.training import TrainingData, plan_of, train_checkpoint

CHOICES = {"units": "characters", "longest": 16, "width": 32, "heads": 2, "epochs": 8}


def trained(folder: Path) -> Checkpoint:
    """An encoder that says from its letters whether a name is a woman's."""
    train_checkpoint(
        plan_of("encoder", "names", "quick", CHOICES),
        TrainingData(name="names"),
        folder,
        runtime=Runtime(seed=0),
    )
    return load(folder)


@torch.no_grad()
def attention_to(checkpoint: Checkpoint, name: str) -> tuple[float, pd.Series]:
    """The probability of "female", and the share of attention that each letter gets.

    The share is a mean over blocks, heads and the letters that look.
    """
    encoder = checkpoint.card.encoder
    inputs = encoder.arrays(pd.DataFrame({"name": [name]}))
    with attention_weights(checkpoint.model) as weights:
        logit = checkpoint.model(*map(torch.from_numpy, inputs))
    seen = torch.stack(list(weights.values()))  # (blocks, 1, heads, T, T), each row sums to 1
    letters = [f"{place}{letter}" for place, letter in enumerate(name, start=1)]
    return float(logit.sigmoid()), pd.Series(seen.mean(dim=(0, 1, 2, 3)).numpy(), index=letters)


def main(names: list[str]) -> None:
    """Train, and print a line of shares for each name."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = trained(Path(folder) / "encoder-names")
    for name in names:
        probability, shares = attention_to(checkpoint, name.upper())
        print(f"{name}: P(female) = {probability:.2f}")
        print("  ".join(f"{letter} {share:.2f}" for letter, share in shares.items()))


if __name__ == "__main__":
    main(sys.argv[1:] or ["Maria", "Mario", "Christine", "Christian"])
