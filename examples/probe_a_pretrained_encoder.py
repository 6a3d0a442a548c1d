"""What do the layers of a pretrained encoder know of a review's author, and of her verdict?

Run it with `python examples/probe_a_pretrained_encoder.py [ROWS] [FOLDER]`. MiniLM (22.6 million
parameters, 80 MB, fetched once) reads clothing reviews; linear probes read from each of its layers
whether the piece is recommended and how old the author is, beside labels drawn at random, the
words alone and a network of the same shape that was never trained. Then a head is fitted on its
vectors, and the whole is audited as anybody's own torch module, as on the command line by

    auditkit report --model probe_a_pretrained_encoder:reviewer \
        --preprocess probe_a_pretrained_encoder:pieces --weights FOLDER/reviewer.safetensors \
        --data FOLDER/reviews.csv --target recommended --positive 1 --sensitive age --features text
"""

import sys
from functools import cache
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from auditkit import Runtime, probing, run_checks
from auditkit.checks.base import CHECKS
from auditkit.config import AuditConfig
from auditkit.data import catalogue
from auditkit.loading import load_subject
from auditkit.models.layers import stages
from auditkit.models.minilm import MiniLM, load_minilm
from auditkit.probing.probes.sweep import Verdict
from auditkit.report.files import write_report

PIECES = 32  # of each review, so that none has to be filled up
ASKED = ("layers",)  # of the checks; a report with all of them takes some minutes


@cache
def encoder() -> tuple[MiniLM, object]:
    """The network and its tokenizer, loaded once."""
    return load_minilm(longest=PIECES)


def pieces(frame: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Reviews as the network takes them: --preprocess."""
    tokens, lengths = encoder()[1](list(frame["text"]))
    return tokens, lengths


class Reviewer(nn.Module):
    """MiniLM and a linear head: the logit of a recommendation."""

    def __init__(self, minilm: MiniLM) -> None:
        super().__init__()
        self.minilm = minilm
        self.head = nn.Linear(minilm.options.width, 1)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(n, T) and (n,) to (n,)."""
        return self.head(self.minilm(tokens, lengths)).squeeze(-1)


def reviewer() -> Reviewer:
    """The module as it is before its weights are laid in: --model."""
    return Reviewer(encoder()[0])


def reviews(rows: int) -> pd.DataFrame:
    """Reviews of 32 pieces or more, one of each hand."""
    frame = catalogue.load("clothing-reviews").frame.drop_duplicates("document")
    frame = frame.sample(3 * rows, random_state=0)
    whole = pieces(frame)[1] == PIECES
    return frame[whole.numpy()].head(rows).reset_index(drop=True)


@torch.no_grad()
def held(model: nn.Module, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
    """What each layer holds of each review, (n, 384): the mean over its pieces."""
    layers = stages(model)
    with probing.record(model, layers) as activations:
        for some in torch.arange(len(tokens)).split(64):
            model(tokens[some], lengths[some])
    return {name: probing.vectors(activations[name], lengths) for name in layers}


def words(tokens: Tensor) -> Tensor:
    """The pieces of each review, counted in 512 numbers: what can be had without a network."""
    counts = torch.zeros(len(tokens), 512)
    return counts.scatter_add_(1, tokens % 512, torch.ones(tokens.shape)).log1p()


def told(found: probing.Sweep) -> str:
    """One column in a sentence or two."""
    name, best = found.labels.name, found.best
    read, last = (found.layers[one].sorted_right.value for one in (best, [*found.layers][-1]))
    verdict = found.readable(best)
    text = (
        f"{name}: {verdict.verdict.value}, best from {best}. Two reviews are told apart {read:.2f} "
        f"of the time, from the last layer {last:.2f}; from the untrained twin "
        f"{found.untrained[best].sorted_right.value:.2f}, from the words alone "
        f"{found.inputs.sorted_right.value:.2f}."
    )
    if verdict.verdict is not Verdict.READABLE:
        text += f" ({verdict.reason}.)"
    return text


def fitted(vectors: Tensor, recommended: Tensor) -> nn.Linear:
    """The head in closed form: ridge regression of the answer on the vectors."""
    mean = vectors.mean(dim=0)
    squares = (vectors - mean).T @ (vectors - mean) + torch.eye(vectors.shape[1])
    weight = torch.linalg.solve(squares, (vectors - mean).T @ (recommended - recommended.mean()))
    head = nn.Linear(vectors.shape[1], 1)
    scale = 4.0  # a logit rises four times as fast as its probability, near the middle
    head.weight.data = scale * weight[None]
    head.bias.data = scale * (recommended.mean() - mean @ weight - 0.5)[None]
    return head


def main(rows: int, folder: Path) -> Path:
    """Probe the layers, then hand the network to the audit; the report's path."""
    minilm, _ = encoder()
    frame = reviews(rows)
    tokens, lengths = pieces(frame)
    layers = held(minilm, tokens, lengths)
    twin = held(probing.untrained_twin(minilm, runtime=Runtime(seed=0)), tokens, lengths)
    for name, column in {
        "recommended": frame["recommended"],
        "age": (frame["age"] >= 50).map({True: "50 and over", False: "under 50"}),
    }.items():
        labels = probing.labels_of(column, name=name)
        print(told(probing.sweep(layers, labels, untrained=twin, inputs=words(tokens))))

    half = rows // 2
    with torch.no_grad():
        vectors = torch.cat(
            [minilm(tokens[some], lengths[some]) for some in torch.arange(half).split(64)]
        )
    model = reviewer()
    model.head = fitted(vectors, torch.tensor(frame["recommended"][:half].astype(float)).float())
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "reviewer.safetensors")
    frame[half:].to_csv(folder / "reviews.csv", index=False)

    config = AuditConfig(
        model=f"{Path(__file__).stem}:reviewer",
        preprocess=f"{Path(__file__).stem}:pieces",
        weights=str(folder / "reviewer.safetensors"),
        data=str(folder / "reviews.csv"),
        target="recommended",
        positive="1",
        features=("text",),
        sensitive=("age",),
        bands={"age": (50,)},
        title="A pretrained encoder that says whether a review recommends",
        checks={name: {"skip": "left out of the example"} for name in CHECKS if name not in ASKED},
    )
    report = run_checks(load_subject(config), config)
    for finding in report.findings:
        print(finding.message)
    return write_report(report, folder)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    print(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 600,
            Path(sys.argv[2] if len(sys.argv) > 2 else "reports/minilm"),
        )
    )
