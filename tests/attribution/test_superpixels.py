"""Pieces of an image follow the edges that it has."""

import pytest
import torch

from auditkit.attribution.superpixels import superpixels


def test_no_piece_crosses_a_sharp_edge():
    image = torch.zeros(1, 12, 12)
    image[:, :, 5:] = 1.0  # an edge where no cell of the grid ends
    found = superpixels(image, 9)
    assert not set(found[:, :5].unique().tolist()) & set(found[:, 5:].unique().tolist())


def test_an_even_image_is_cut_into_an_even_grid():
    found = superpixels(torch.full((3, 12, 12), 0.5), 9)
    assert torch.bincount(found.flatten()).tolist() == [16] * 9
    assert torch.equal(found, superpixels(torch.full((3, 12, 12), 0.5), 9))


@pytest.mark.parametrize(("height", "width", "many"), [(28, 28, 49), (5, 40, 7), (8, 8, 1)])
def test_pieces_are_numbered_without_a_gap_and_are_never_too_many(height, width, many):
    generator = torch.Generator().manual_seed(0)
    found = superpixels(torch.rand(1, height, width, generator=generator), many)
    assert found.unique().tolist() == list(range(int(found.max()) + 1))
    assert int(found.max()) < many
