from collections import Counter

import numpy as np
import pytest
import torch

from auditkit.data.encoders import fit_encoder
from auditkit.data.schema import Task
from auditkit.data.text import END, PAD, START
from auditkit.models.batches import SPAN, Held, Streamed, Windows, in_order, shuffled
from auditkit.models.preparation import _head, part_of, task_of
from auditkit.models.recipe import Engine
from tests import media
from tests.media import CODING


def windows(count: int, context: int) -> Windows:
    """One text of so many tokens, 5 and on: with START and END a stream of count + 2."""
    return Windows([np.arange(5, 5 + count)], context, "cpu")


def everything(part: Windows) -> tuple[list[list[int]], list[list[int]]]:
    (batch,) = part.batches([np.arange(len(part))])
    return batch.inputs[0].tolist(), batch.targets.tolist()


def test_windows_lie_end_to_end_and_ask_for_what_follows():
    inputs, targets = everything(windows(7, 4))
    assert inputs == [[START, 5, 6, 7], [8, 9, 10, 11]]
    assert targets == [[5, 6, 7, 8], [9, 10, 11, END]]


def test_texts_stand_in_their_frames_one_after_another():
    part = Windows([np.array([5, 6]), np.array([7])], 100, "cpu")
    assert part.stream.tolist() == [START, 5, 6, END, START, 7, END]


class Shifting:
    """A generator that draws what it is told, and keeps below which bound."""

    def __init__(self, value: int) -> None:
        self.value, self.bound = value, 0

    def integers(self, bound: int) -> int:
        self.bound = bound
        return min(self.value, bound - 1)


def test_a_shift_moves_every_window():
    part = windows(8, 4)
    part.begin(Shifting(1))
    assert everything(part)[0] == [[5, 6, 7, 8], [9, 10, 11, 12]]


@pytest.mark.parametrize("count", range(1, 14))
@pytest.mark.parametrize("context", [1, 2, 4, 5])
def test_over_all_shifts_every_token_is_predicted_and_no_window_leaves_the_stream(count, context):
    part = windows(count, context)
    bound = Shifting(0)
    part.begin(bound)
    seen = Counter()
    for shift in range(bound.bound):
        part.begin(Shifting(shift))
        assert part.shift == shift
        inputs, targets = everything(part)
        stream = part.stream.tolist()
        for one, following in zip(inputs, targets, strict=True):
            start = stream.index(one[0])
            assert stream[start : start + len(one) + 1] == [*one, following[-1]]
        seen.update(token for row in targets for token in row)
    assert set(seen) == set(part.stream.tolist()) - {START}


def test_a_text_shorter_than_the_context_is_one_window():
    part = windows(3, 100)
    assert len(part) == 1
    assert len(everything(part)[0][0]) <= 4


LENGTHS = np.array([5, 3, 9, 1, 7, 3, 8, 2, 6, 4])
HELD = Held(
    inputs=(torch.arange(100).reshape(10, 10), torch.from_numpy(LENGTHS)),
    targets=torch.arange(10),
    lengths=LENGTHS,
)
PLAIN = Held(inputs=(torch.zeros(10, 2),), targets=torch.arange(10))


@pytest.mark.parametrize("part", [HELD, PLAIN], ids=["by length", "plain"])
@pytest.mark.parametrize("size", [1, 3, 10, 64])
def test_every_order_holds_each_row_once(part, size):
    for chosen in (in_order(part, size), shuffled(part, size, np.random.default_rng(0))):
        assert sorted(np.concatenate(chosen).tolist()) == list(range(10))
        assert max(map(len, chosen)) <= size
        assert len(chosen) == -(-10 // size)


def test_in_order_is_by_length_where_lengths_differ():
    rows = np.concatenate(in_order(HELD, 3))
    assert LENGTHS[rows].tolist() == sorted(LENGTHS)
    assert np.concatenate(in_order(PLAIN, 3)).tolist() == list(range(10))


def many(count: int, seed: int = 0) -> Held:
    lengths = np.random.default_rng(seed).integers(1, 100, size=count)
    return Held(inputs=(torch.zeros(count, 1),), targets=torch.zeros(count), lengths=lengths)


def test_shuffling_by_length_wastes_little_and_still_shuffles():
    part, size = many(SPAN * 8 * 2), 8
    rng = np.random.default_rng(0)
    chosen, again = shuffled(part, size, rng), shuffled(part, size, rng)
    waste = sum(int((part.lengths[rows].max() - part.lengths[rows]).sum()) for rows in chosen)
    assert waste / part.lengths.sum() < 0.05  # at random it would be four fifths
    assert [one.tolist() for one in chosen] != [one.tolist() for one in again]
    longest = [int(part.lengths[rows].max()) for rows in chosen]
    assert longest != sorted(longest), "batches come in any order"
    firsts = {frozenset(one.tolist()) for one in chosen}
    assert len(firsts & {frozenset(one.tolist()) for one in again}) < 5, "rows meet others"


def test_the_same_seed_gives_the_same_order():
    first, second = (shuffled(HELD, 3, np.random.default_rng(5)) for _ in range(2))
    assert [one.tolist() for one in first] == [one.tolist() for one in second]


def test_held_rows_are_those_asked_for_cut_to_their_longest():
    first, second = HELD.batches([np.array([2, 3]), np.array([3, 7])])
    assert first.inputs[0].shape == (2, 9)
    assert second.inputs[0].tolist() == [[30, 31], [70, 71]]
    assert second.inputs[1].tolist() == [1, 2]
    assert second.targets.tolist() == [3, 7]
    assert len(first) == 2


def test_texts_to_be_written_are_cut_where_only_padding_is_left():
    targets = torch.tensor([[2, 5, 3, PAD, PAD], [2, 5, 6, 7, 3], [2, 3, PAD, PAD, PAD]])
    part = Held(inputs=(torch.zeros(3, 1),), targets=targets)
    first, second = part.batches([np.array([0, 2]), np.array([1])])
    assert first.targets.tolist() == [[2, 5, 3], [2, 3, PAD]]
    assert second.targets.tolist() == [[2, 5, 6, 7, 3]]


MEDIA = {
    "table": ("fnn", media.rows),
    "image": ("cnn", media.images),
    "sequence": ("gru", media.sequences),
    "text": ("encoder", media.texts),
    "pair": ("encoder-decoder", media.pairs),
    "made images": ("gan", media.images),
}


@pytest.mark.parametrize("medium", list(MEDIA))
def test_streamed_rows_are_the_rows_that_are_held(medium):
    name, made = MEDIA[medium]
    table = made(40)
    task = task_of(name, table.schema)
    encoder = fit_encoder(table.frame, table.schema, task, CODING)
    head = _head(task, table, table.frame, encoder)
    held, streamed = (
        part_of(table.frame, table, head, encoder, Engine(memory_mb=size), "cpu")
        for size in (4096, 0)
    )
    assert (type(held), type(streamed)) == (Held, Streamed)
    assert len(held) == len(streamed) == 40
    chosen = [np.array([3, 1, 7]), np.array([39]), np.array([8, 8])]
    for one, other in zip(held.batches(chosen), streamed.batches(chosen), strict=True):
        assert len(one.inputs) == len(other.inputs)
        for mine, theirs in zip(
            (*one.inputs, one.targets), (*other.inputs, other.targets), strict=True
        ):
            assert mine.dtype == theirs.dtype
            assert torch.equal(mine, theirs)


def test_language_has_windows_and_no_rows():
    table = media.speeches(3)
    encoder = fit_encoder(table.frame, table.schema, Task.LANGUAGE, CODING)
    head = _head(Task.LANGUAGE, table, table.frame, encoder)
    part = part_of(table.frame, table, head, encoder, Engine(memory_mb=0), "cpu")
    assert isinstance(part, Windows)
    assert part.context == CODING.longest
    assert part.stream.tolist().count(START) == 3
