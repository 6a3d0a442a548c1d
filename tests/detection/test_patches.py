import numpy as np
import pytest

from auditkit.detection.patches import MOST, SIDE, SMALLEST, grey, patches, stacked


def image(height: int, width: int, channels: int = 1) -> np.ndarray:
    count = channels * height * width
    return (np.arange(count) % 251).astype(np.uint8).reshape(channels, height, width)


def test_brightness_weighs_green_most() -> None:
    colours = np.zeros((3, 1, 3), np.uint8)
    for channel in range(3):
        colours[channel, 0, channel] = 255
    assert grey(colours)[0] == pytest.approx([0.299, 0.587, 0.114])
    assert grey(np.full((3, 2, 2), 255, np.uint8)) == pytest.approx(1)


def test_a_grey_image_says_the_same_in_one_channel_and_in_three() -> None:
    one = image(20, 20)
    assert grey(one) == pytest.approx(grey(one.repeat(3, 0)), abs=1e-6)


@pytest.mark.parametrize(
    ("size", "count", "sides"),
    [
        ((28, 28), 1, (28, 28)),
        ((64, 64), 1, (64, 64)),
        ((112, 92), 4, (64, 64)),
        ((256, 256), 6, (64, 64)),
        ((40, 1000), 6, (40, 64)),
        ((3000, 2000), 6, (64, 64)),
    ],
)
def test_patches_are_a_few_squares_as_they_are(
    size: tuple[int, int], count: int, sides: tuple[int, int]
) -> None:
    found = patches(image(*size))
    assert found.shape == (count, *sides)
    assert count <= MOST
    assert found.dtype == np.float32


def test_patches_reach_every_edge_of_the_image() -> None:
    whole = grey(image(150, 150))
    found = patches(image(150, 150))
    assert np.array_equal(found[0], whole[:SIDE, :SIDE])
    assert np.array_equal(found[-1], whole[-SIDE:, -SIDE:])


@pytest.mark.parametrize("size", [(1, 1), (3, 100), (15, 15), (100, 2)])
def test_a_side_that_is_too_short_is_filled_with_the_edge(size: tuple[int, int]) -> None:
    found = patches(image(*size))
    assert min(found.shape[1:]) == SMALLEST
    if size[0] < SMALLEST:
        assert (found[0, size[0] :] == found[0, size[0] - 1]).all()
    if size[1] < SMALLEST:
        assert (found[0, :, size[1] - 1] == found[0, :, size[1] :].T).all()


def test_patches_of_one_size_are_stacked_and_keep_their_owner() -> None:
    cut = [patches(image(*size)) for size in ((28, 28), (64, 128), (28, 28))]
    found = {stack.shape[1:]: (owner.tolist(), len(stack)) for owner, stack in stacked(cut)}
    assert found == {(28, 28): ([0, 2], 2), (64, 64): ([1, 1], 2)}
