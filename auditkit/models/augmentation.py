"""Images moved and mirrored at random while a network trains, so that it memorises fewer."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from auditkit.models.batches import Batch
from auditkit.models.recipe import Recipe


def augmented(batch: Batch, recipe: Recipe) -> Batch:
    """The batch with its images moved and mirrored as the recipe says; others as they are."""
    images = batch.inputs[0]
    if images.ndim != 4 or not (recipe.shift or recipe.flip):
        return batch
    if recipe.shift:
        images = moved_about(images, recipe.shift)
    if recipe.flip:
        mirrored = torch.rand(len(images), device=images.device) < 0.5
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return Batch(inputs=(images, *batch.inputs[1:]), targets=batch.targets)


def moved_about(images: Tensor, most: int) -> Tensor:
    """Each image (B, C, H, W) moved by up to `most` pixels either way; what comes in is 0."""
    _, _, height, width = images.shape
    around = pad(images, (most, most, most, most))
    # One move for a whole batch is a slice; many batches see many moves.
    down, right = torch.randint(2 * most + 1, (2,)).tolist()
    return around[:, :, down : down + height, right : right + width]
