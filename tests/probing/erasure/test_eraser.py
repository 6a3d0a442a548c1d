import numpy as np
import pytest
import torch
from torch import nn

from auditkit.errors import DataError, UsageError
from auditkit.probing.erasure.leace import leace_eraser
from auditkit.probing.pooling import vectors
from auditkit.probing.recording import record


def classes(n=200):
    return np.arange(n) % 2


def steps(n=200, most=9, d=5):
    """Rows of different lengths whose steps lie higher in one class; padding is noise."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(n, most, d, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, most + 1, (n,), generator=generator)
    numbers[:, :, 1] += 2.0 * torch.from_numpy(classes(n))[:, None]
    return numbers, lengths


def difference(means, z):
    return means[z == 1].mean(dim=0) - means[z == 0].mean(dim=0)


def test_each_step_is_erased_and_the_means_of_rows_tell_nothing():
    numbers, lengths = steps()
    eraser = leace_eraser(numbers, classes(), lengths=lengths)
    erased = eraser(numbers, lengths)
    assert difference(vectors(numbers, lengths), classes()).abs().max() > 1
    torch.testing.assert_close(
        difference(vectors(erased, lengths), classes()), torch.zeros(5, dtype=torch.float64)
    )


def test_the_mean_of_a_row_is_erased_as_if_it_were_all_there_is():
    numbers, lengths = steps()
    means = vectors(numbers, lengths)
    erased = leace_eraser(numbers, classes(), lengths=lengths)(numbers, lengths)
    torch.testing.assert_close(vectors(erased, lengths), leace_eraser(means, classes())(means))


def test_padding_is_neither_read_nor_written():
    numbers, lengths = steps()
    within = torch.arange(9) < lengths[:, None]
    other = torch.where(within[..., None], numbers, torch.nan)
    eraser = leace_eraser(other, classes(), lengths=lengths)
    torch.testing.assert_close(
        eraser(numbers, lengths)[within],
        leace_eraser(numbers, classes(), lengths=lengths)(numbers)[within],
    )
    assert torch.equal(eraser(numbers, lengths)[~within], numbers[~within])


def test_each_place_of_a_map_is_erased():
    maps = torch.randn(200, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    maps[:, 2] += torch.from_numpy(classes()).double()[:, None, None]
    erased = leace_eraser(maps, classes())(maps)
    assert difference(vectors(maps), classes()).abs().max() > 0.5
    assert difference(vectors(erased), classes()).abs().max() < 1e-12


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))


def test_at_a_layer_the_model_goes_on_with_what_is_left_and_leaves_as_it_came():
    model, x = network(), torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    z = (x[:, 0] > 0).int().numpy()
    with torch.no_grad():
        with record(model, "1") as seen:
            before = model(x)
        eraser = leace_eraser(seen["1"], z)
        with eraser.at(model, "1"):
            erased = model(x)
        torch.testing.assert_close(erased, model[2](eraser(seen["1"])))
        assert difference(erased, z).abs().max() < 1e-5 < difference(before, z).abs().max()
        assert torch.equal(model(x), before)


def test_an_eraser_of_another_layer_is_refused():
    model, x = network(), torch.randn(20, 6)
    eraser = leace_eraser(x, classes(20))
    with eraser.at(model, "1"), pytest.raises(DataError, match="fitted on 6 dimensions"):
        model(x)
    with pytest.raises(UsageError, match="no layer 'hidden'"), eraser.at(model, "hidden"):
        pass
