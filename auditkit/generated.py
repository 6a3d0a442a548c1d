"""Images that a generator made beside real ones, and how a judge sees both; each looked at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind
from auditkit.data.tables import Table
from auditkit.errors import NotApplicable
from auditkit.models.predictor import Images, Judge
from auditkit.runtime import Runtime

MOST_REAL = 10_000  # real images: twice the made ones, since their floor takes two halves
MOST_MADE = 5000
MOST_TRAINING = 60_000  # a copy of an image that is left out would not be found
FEWEST = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Generated:
    """What was made, and the rows it is held against.

    table holds the real images that the generator never saw, train those it learned from, None
    where these are not known; judge is a classifier of such images, or None.
    """

    made: Images
    table: Table
    train: Table | None
    given: Judge | None
    runtime: Runtime

    @property
    def judge(self) -> Judge:
        """The classifier that looks at images. Raises NotApplicable where none is known."""
        if self.given is None:
            raise NotApplicable(
                "made images need a judge: give a classifier of the same data with --judge "
                "CHECKPOINT, such as `auditkit train cnn --data ...` makes"
            )
        return self.given

    @property
    def pixels(self) -> np.ndarray:
        """The first 5,000 made images at most, (m, C, H, W) uint8."""
        self._require_enough()
        return self.made.pixels[:MOST_MADE]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The real rows, 10,000 drawn at most."""
        return self._drawn(self.table.frame, MOST_REAL)

    @cached_property
    def real(self) -> np.ndarray:
        """Their images (n, C, H, W) uint8. Raises NotApplicable where they are unlike the made."""
        self._require_enough()
        return self._images(self.rows)

    @cached_property
    def training(self) -> np.ndarray:
        """Training images (t, C, H, W), 60,000 at most. Raises NotApplicable without any."""
        return self._images(self._drawn(self.required_train.frame, MOST_TRAINING))

    @cached_property
    def seen_real(self) -> tuple[np.ndarray, np.ndarray]:
        """The judge's features (n, d) and probabilities (n, K) of real images."""
        return self.judge.look(self.real)

    @cached_property
    def seen_made(self) -> tuple[np.ndarray, np.ndarray]:
        """The same of made images."""
        return self.judge.look(self.pixels)

    @cached_property
    def seen_training(self) -> np.ndarray:
        """The judge's features of training images, (t, d)."""
        return self.judge.look(self.training)[0]

    @property
    def required_train(self) -> Table:
        """The training rows. Raises NotApplicable where these are not known."""
        if self.train is None:
            raise NotApplicable("the rows the model was trained on are not known")
        return self.train

    @property
    def column(self) -> Column:
        """The column whose levels the judge tells: the target, or a sensitive one.

        Raises NotApplicable where it is none of these.
        """
        schema = self.table.schema
        for one in (schema.target, *schema.sensitive):
            if one.levels and one.levels == self.judge.levels:
                return one
        raise NotApplicable(
            f"{self.judge.name} tells {', '.join(self.judge.levels[:4])} ...: these are the levels "
            "of no target and of no sensitive column, so that its errors cannot be counted"
        )

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes (m,) of the real images that have a level, and the judge's answers to these."""
        codes, said = self.codes(self.rows), self.seen_real[1].argmax(axis=1)
        return codes[codes >= 0], said[codes >= 0]

    @property
    def trained(self) -> np.ndarray:
        """How many training images there are of each level, (K,)."""
        codes = self.codes(self.required_train.frame)
        if not (codes >= 0).any():
            raise NotApplicable(f"no training image has a {self.column.name} that the judge knows")
        return np.bincount(codes[codes >= 0], minlength=len(self.judge.levels))

    def codes(self, frame: pd.DataFrame) -> np.ndarray:
        """The level of each row as a place among the judge's, -1 for another or none, (n,).

        Raises NotApplicable where the rows do not tell.
        """
        if self.column.name not in frame:
            raise NotApplicable(f"the rows do not say their {self.column.name}")
        said = frame[self.column.name].astype(str)
        return np.asarray(pd.Index(self.judge.levels).get_indexer(pd.Index(said)))

    def _require_enough(self) -> None:
        if min(len(self.made.pixels), len(self.table.frame)) < FEWEST:
            raise NotApplicable(
                f"{len(self.made.pixels)} made and {len(self.table.frame)} real images are too few "
                f"to compare; {FEWEST} of each are needed"
            )

    def _drawn(self, frame: pd.DataFrame, most: int) -> pd.DataFrame:
        if len(frame) <= most:
            return frame
        return frame.iloc[np.sort(self.runtime.rng("real images").permutation(len(frame))[:most])]

    def _images(self, frame: pd.DataFrame) -> np.ndarray:
        names = [one.name for one in self.table.schema.features if one.kind is Kind.IMAGE]
        if not names:
            raise NotApplicable("the audited rows hold no images to compare with")
        pixels = np.stack(list(frame[names[0]]))
        if pixels.shape[1:] != self.made.pixels.shape[1:]:
            raise NotApplicable(
                f"the audited images have (channels, height, width) {pixels.shape[1:]}, the made "
                f"ones {self.made.pixels.shape[1:]}: audit on images like those the generator was "
                "trained on"
            )
        return pixels
