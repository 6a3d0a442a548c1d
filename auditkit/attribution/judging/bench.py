"""What all tests of an examination share, so that nothing is asked of the model twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.attribution.base import METHODS, Attributions, asked
from auditkit.attribution.baselines import Baseline
from auditkit.attribution.judging.deletion import Chance, Curves, chance_of, curves_of
from auditkit.attribution.judging.randomisation import NETWORKS, redrawn, similarity
from auditkit.attribution.judging.removal import Removal, reactions, removal_of
from auditkit.attribution.methods.controls import distances
from auditkit.attribution.players import HELD
from auditkit.attribution.question import Cost, Question, at_rest

FEW = 12  # rows that a method is asked about again: with other weights, seeds, baselines
FEWEST = 4  # of a costly one, whose passes for them are held near AGAIN
AGAIN = 600
SIZE = "input_size"


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """A question with the sets that all methods are tried on, and what is to be compared.

    few are the rows asked again; seed is that of the examination; networks are () where the
    model is a mere function.
    """

    question: Question
    removal: Removal
    chance: Chance
    few: Tensor
    seed: int
    baselines: tuple[Baseline, ...]
    networks: tuple[nn.Module, ...]
    relabelled: nn.Module | None
    truth: Tensor | None

    def for_passes(self, passes: float) -> "Bench":
        """The bench with as many rows asked again as a method of so many passes a row allows."""
        rows = int(min(len(self.few), max(FEWEST, AGAIN // max(passes, 1))))
        return self if rows == len(self.few) else self._shorter.setdefault(rows, self._first(rows))

    @cached_property
    def _shorter(self) -> dict[int, "Bench"]:
        return {}

    def _first(self, rows: int) -> "Bench":
        return replace(self, few=self.few[:rows])

    def generator(self, name: str) -> torch.Generator:
        """Draws for one method, which no other method changes."""
        return torch.Generator().manual_seed((self.seed + crc32(name.encode())) % 2**63)

    @property
    def exists(self) -> Tensor:
        """Which players each row has."""
        return self.removal.exists

    def oriented(self, found: Attributions) -> Tensor:
        """Players' scores (B, P) by which the first takes the answer farthest to the baseline's.

        Where the baseline's answer is the higher one, what speaks against the answer comes first.
        """
        scores = found.of(self.question.players)
        return scores * self.chance.sign[:, None] if METHODS[found.method].signed else scores

    @cached_property
    def size(self) -> Curves | None:
        """The curves of the control that knows the size of the inputs alone; None where none."""
        if METHODS[SIZE].can(self.question):
            return None
        scores = asked(SIZE, self._free(self.question)).of(self.question.players)
        return curves_of(self.removal, scores, self.chance, self.generator(SIZE))

    @cached_property
    def again(self) -> Question:
        """The question of the few rows; its costs are not the methods'."""
        return self._free(self.question.at(self.few.to(self.question.device)))

    @cached_property
    def places(self) -> Tensor:
        """Which numbers of the few rows belong to a player, (b, N) bool."""
        masks = self.again.players.masks
        rows = len(self.few)
        kept = [one.expand(rows, *one.shape[1:]).reshape(rows, -1) != HELD for one in masks]
        return torch.cat(kept, dim=1).cpu()

    @cached_property
    def sizes(self) -> tuple[Tensor, ...]:
        """How far numbers of the few rows and their players are from the baseline and from 0.

        (b, N) each; () where the inputs have no size.
        """
        if METHODS[SIZE].can(self.again):
            return ()
        found: list[Tensor] = []
        for from_zero in (False, True):
            values = distances(self.again, from_zero=from_zero)
            players = self.again.players
            for one in (values, players.spread(players.gathered(values))):
                found.append(self._flat(one))
        return tuple(found)

    @cached_property
    def reacting(self) -> Tensor:
        """How alike `networks` and the model react to the players, (b,): a map may stay so."""
        return self._as_the_model(self.networks)

    @cached_property
    def reacting_anew(self) -> Tensor:
        """The same of networks of which every layer is drawn anew."""
        return self._as_the_model(self.networks_anew)

    @cached_property
    def networks_anew(self) -> tuple[nn.Module, ...]:
        """Networks of which every layer is drawn anew; more of them, since chance is in each."""
        with self.question.runtime.seeded("networks drawn anew as a whole"):
            return tuple(
                redrawn(model, self.question.inputs, all_of_it=True) for model in 2 * self.networks
            )

    def _as_the_model(self, networks: tuple[nn.Module, ...]) -> Tensor:
        own = self._reaction(self.again)
        alike = [
            similarity(own, self._reaction(one), self.sizes, self.places)
            for one in self.others(networks)
        ]
        return torch.stack(alike).nanmean(dim=0)

    def _reaction(self, question: Question) -> Tensor:
        return self._flat(question.players.spread(reactions(removal_of(question))))

    def map(self, found: Attributions) -> Tensor:
        """All numbers of an explanation of the few rows, (b, N); 0 where no player moves them."""
        return self._flat(found.values)

    def kept(self, found: Attributions) -> Tensor:
        """The same of an explanation of all rows: its few."""
        return self._flat(tuple(one[self.few] for one in found.values))

    def others(self, models: tuple[nn.Module, ...]) -> Iterator[Question]:
        """The few rows put to other networks, each at rest meanwhile."""
        for model in models:
            with at_rest(model):
                yield self._free(replace(self.again, model=model))

    def _flat(self, values: tuple[Tensor, ...]) -> Tensor:
        flat = [one.cpu().double().reshape(len(one), -1) for one in values]
        return torch.cat(flat, dim=1) * self.places

    def _free(self, question: Question) -> Question:
        return replace(question, cost=Cost())


def bench_of(
    question: Question,
    rng: np.random.Generator,
    *,
    baselines: tuple[Baseline, ...] = (),
    untrained: Callable[[], nn.Module] | None = None,
    relabelled: nn.Module | None = None,
    truth: Tensor | None = None,
) -> Bench:
    """The bench of a question whose model is at rest; asks random orders of every row."""
    seed = int(rng.integers(2**62))
    removal = removal_of(replace(question, cost=Cost()))
    exists = removal.exists
    return Bench(
        question=question,
        removal=removal,
        chance=chance_of(removal, torch.Generator().manual_seed(seed)),
        few=torch.arange(min(FEW, question.rows)),
        seed=seed,
        baselines=baselines,
        networks=_networks(question, untrained),
        relabelled=relabelled,
        truth=None if truth is None else truth.cpu().bool().expand(exists.shape),
    )


def _networks(
    question: Question, untrained: Callable[[], nn.Module] | None
) -> tuple[nn.Module, ...]:
    """Networks of the same kind that know less; () where none can be made of this one."""
    model = question.model
    with question.runtime.seeded("networks drawn anew"):
        if untrained is not None:
            return tuple(untrained().to(question.device) for _ in range(NETWORKS))
        if not isinstance(model, nn.Module) or not any(True for _ in model.parameters()):
            return ()
        try:
            return tuple(redrawn(model, question.inputs) for _ in range(NETWORKS))
        except Exception:  # a script, a lock: some modules cannot be copied, hooked or drawn anew
            return ()
