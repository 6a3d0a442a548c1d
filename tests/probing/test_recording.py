"""Recording keeps what a hook by hand would, of any network, and leaves nothing behind."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from auditkit import probing
from auditkit.errors import DataError, ModelError, UsageError
from auditkit.models.layers import stages
from auditkit.probing import record, vectors
from tests import nets

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
NETS = [
    nets.cnn,
    nets.recurrent,
    nets.encoder,
    nets.generator,
    nets.plain_reader,
    nets.plain_encoder,
    nets.plain,
]


def by_hand(model: nn.Module, name: str, inputs: tuple[Tensor, ...]) -> Tensor:
    kept = []
    handle = model.get_submodule(name).register_forward_hook(lambda _m, _g, out: kept.append(out))
    with torch.no_grad():
        model(*inputs)
    handle.remove()
    (found,) = kept
    found = found[0] if isinstance(found, tuple) else found
    if isinstance(found, torch.nn.utils.rnn.PackedSequence):
        found, _ = torch.nn.utils.rnn.pad_packed_sequence(found, batch_first=True)
    return found.to_padded_tensor(0.0) if found.is_nested else found


def hooks(model: nn.Module) -> int:
    return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in model.modules())


def modes(model: nn.Module) -> list[bool]:
    return [getattr(one, "watched", False) for one in model.modules()]


@pytest.mark.parametrize("made", NETS)
@pytest.mark.parametrize("to", ["memory", "disk"])
def test_every_stage_of_every_network_is_what_a_hook_by_hand_keeps(made: Callable, to: str):
    model, inputs = made()
    # The discriminator is not called, and torch runs its blocks in one piece unless all are seen.
    layers = [one for one in stages(model) if one != "discriminator"]
    with torch.no_grad(), record(model, layers, to=to) as activations:
        answer = model(*inputs)
    assert torch.equal(answer, model(*inputs).detach()) or made is nets.plain_encoder
    torch.testing.assert_close(answer, model(*inputs).detach())
    for name in layers:
        torch.testing.assert_close(activations[name], by_hand(model, name, inputs))
        assert not activations[name].requires_grad


def test_rows_of_several_passes_follow_each_other_and_shorter_steps_end_in_zeros():
    model, (steps, lengths) = nets.plain_reader()
    with record(model, "rnn") as activations:
        model(steps, lengths)
        model(steps[1:3, :4], lengths[1:3])
    assert activations["rnn"].shape == (6, 6, 4)
    assert torch.equal(activations["rnn"][4:, :4], activations["rnn"][1:3, :4])
    assert bool((activations["rnn"][4:, 4:] == 0).all())
    assert activations.lengths("rnn").tolist() == [6, 2, 4, 1, 2, 4]


@pytest.mark.parametrize("to", ["memory", "disk"])
def test_passes_of_different_lengths_are_the_same_from_disk(to: str):
    model, inputs = nets.encoder()
    with record(model, "stack.blocks.*", to=to) as activations:
        for most in (2, 6, 4):
            model(inputs[0][:, :most], inputs[1].clamp(max=most))
        assert activations["stack.blocks.0"].shape == (12, 6, 16)
        model(*inputs)
    with record(model, "stack.blocks.0") as short:
        model(inputs[0][:, :2], inputs[1].clamp(max=2))
    whole = activations["stack.blocks.0"]
    assert whole.shape == (16, 6, 16)
    assert torch.equal(whole[:4, :2], short["stack.blocks.0"])
    assert bool((whole[:4, 2:] == 0).all())


@pytest.mark.parametrize("to", ["memory", "disk"])
def test_what_was_read_between_passes_stays_as_it_was_while_more_come(to: str):
    model, (rows,) = nets.plain()
    with torch.no_grad(), record(model, "0", to=to) as activations:
        model(rows)
        early = activations["0"]
        wanted = early.clone()
        for _ in range(12):
            model(torch.randn(1000, 4))
        assert torch.equal(early, wanted)
        assert torch.equal(activations["0"][:6], wanted)
    assert activations["0"].shape == (12_006, 5)


def test_passes_of_no_rows_and_of_no_steps_are_kept_as_they_are():
    model, (rows,) = nets.plain()
    for to in ("memory", "disk"):
        with torch.no_grad(), record(model, "0", to=to) as activations:
            model(rows[:0])
            assert activations["0"].shape == (0, 5)
            model(rows)
        assert activations["0"].shape == (6, 5)


def test_recordings_on_disk_leave_no_file_while_open_or_after(tmp_path: Path):
    model, inputs = nets.plain()
    with record(model, ["0", "1"], to=tmp_path) as activations:
        model(*inputs)
        assert not list(tmp_path.iterdir())
    assert torch.equal(activations["1"], activations["0"].relu())
    kept = activations["1"]
    del activations
    assert kept.sum() > 0, "the map lives as long as somebody holds it"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_are_kept_in_the_precision_that_is_asked(dtype: torch.dtype):
    model, inputs = nets.plain()
    for to in ("memory", "disk"):
        with record(model, "0", dtype=dtype, to=to) as activations:
            model(*inputs)
        assert activations["0"].dtype == dtype
        torch.testing.assert_close(activations["0"], model[0](*inputs).detach().to(dtype))


def test_only_vectors_are_kept_where_they_are_pooled_and_padding_does_not_count():
    model, (steps, lengths) = nets.plain_reader()
    with record(model, "rnn", pool="mean") as pooled:
        model(steps, lengths)
    with record(model, "rnn") as whole:
        model(steps, lengths)
    assert pooled["rnn"].shape == (4, 4)
    assert torch.equal(pooled["rnn"], vectors(whole["rnn"], lengths))
    assert torch.equal(pooled.vectors("rnn"), whole.vectors("rnn"))
    by_row = torch.stack(
        [one[:n].mean(dim=0) for one, n in zip(whole["rnn"], lengths, strict=True)]
    )
    torch.testing.assert_close(pooled["rnn"], by_row)


@pytest.mark.parametrize("made", [nets.encoder, nets.recurrent, nets.plain_encoder])
def test_padding_does_not_matter(made: Callable):
    """What stands behind a row's end, and how much of it, changes nothing that is recorded."""
    model, (given, lengths) = made()
    more = torch.cat([given, given], dim=1)[:, : 9 if made is nets.encoder else 12]
    layers = [one for one in stages(model) if one != "stack.embedding"]
    found = []
    for inputs in (given, more):
        with torch.no_grad(), record(model, layers, lengths=lengths) as activations:
            model(inputs, lengths)
        found.append(activations)
    for name in layers:
        short, long = found[0][name], found[1][name]
        torch.testing.assert_close(short, long[:, : short.shape[1]], atol=1e-6, rtol=1e-5)
        assert bool((long[:, short.shape[1] :] == 0).all())
        assert found[1].lengths(name).tolist() == lengths.tolist()


def test_lengths_of_all_rows_go_through_pass_by_pass_and_by_the_beginning_of_a_name():
    model, (tokens, lengths) = nets.encoder()
    layer = "stack.blocks.1"
    with record(model, layer, lengths={"stack": lengths, "other": lengths[:1]}) as activations:
        model(tokens[:3], lengths[:3])
        model(tokens[3:], lengths[3:])
    assert activations.lengths(layer).tolist() == lengths.tolist()
    assert bool((activations[layer][1, 2:] == 0).all())
    with (
        record(model, layer, lengths=lengths[:3]),
        pytest.raises(DataError, match=r"layer 'stack.blocks.1': lengths of shape \(3,\) for 4"),
    ):
        model(tokens, lengths)


def test_of_beginnings_of_a_name_the_longest_says_the_lengths():
    model, (tokens, lengths) = nets.encoder()
    told = {"stack": torch.ones_like(lengths), "stack.blocks": lengths}
    with record(model, "stack.blocks.1", lengths=told) as activations:
        model(tokens, lengths)
    assert activations.lengths("stack.blocks.1").tolist() == lengths.tolist()


@pytest.mark.parametrize("to", ["memory", "disk"])
def test_a_pass_that_fails_takes_no_earlier_one_with_it_and_no_graph_is_kept(to: str):
    model, (inputs,) = nets.plain()
    with record(model, ["0", "1"], to=to) as activations:
        model(inputs)
        last, model[2] = model[2], nn.Linear(4, 2)
        with pytest.raises(RuntimeError, match="mat1"):
            model(inputs)
        model[2] = last
        model(inputs * 2)
    expected = torch.cat([model[0](inputs), model[0](inputs * 2)])
    torch.testing.assert_close(activations["0"], expected.detach())
    assert not activations["0"].requires_grad


def test_nothing_is_left_behind_even_when_a_pass_fails():
    model, _ = nets.plain()
    with pytest.raises(RuntimeError, match="mat1"), record(model, ["0", "1"]) as activations:
        model(torch.zeros(2, 3))
    assert hooks(model) == 0
    with pytest.raises(ModelError, match="'0' was not called: run the model"):
        activations["0"]


@pytest.mark.parametrize("to", ["memory", "disk"])
def test_a_pass_that_failed_half_way_leaves_no_rows_and_the_next_is_whole(to: str):
    model, (inputs,) = nets.plain()
    model[2] = nn.Linear(4, 2)  # does not fit: the first two layers have run by then
    with record(model, ["0", "1"], to=to) as activations:
        with pytest.raises(RuntimeError, match="mat1"):
            model(-inputs)
        model[2] = nn.Linear(5, 2)
        model(inputs)
    assert torch.equal(activations["0"], model[0](inputs).detach())
    assert len(activations["1"]) == len(inputs)
    assert activations.frame["rows"].tolist() == [6, 6]


@pytest.mark.parametrize("made", [nets.encoder, nets.plain_encoder, nets.recurrent])
def test_hooks_modes_and_shortcuts_are_as_they_were(made: Callable):
    model, inputs = made()
    kinds = {
        nets.encoder: "stack.blocks.*.own:weights",
        nets.plain_encoder: "encoder.layers.*.self_attn:weights",
        nets.recurrent: "layers.*:cell",
    }
    before, fast = modes(model), torch.backends.mha.get_fastpath_enabled()
    with torch.no_grad():
        own = model(*inputs)
        with record(model, kinds[made]):
            model(*inputs)
        assert hooks(model) == 0
        assert modes(model) == before
        assert torch.backends.mha.get_fastpath_enabled() == fast
        assert torch.equal(model(*inputs), own)


def test_recordings_may_stand_within_each_other():
    model, inputs = nets.plain()
    with record(model, "0") as outer:
        model(*inputs)
        with record(model, ["0", "1"]) as inner:
            model(*inputs)
    assert len(outer["0"]) == 12
    assert torch.equal(inner["0"], outer["0"][6:])
    assert hooks(model) == 0


def test_a_layer_that_is_called_several_times_is_told_with_the_number_and_each_call_has_a_name():
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.relu = nn.Linear(4, 4), nn.ReLU()

        def forward(self, rows: Tensor) -> Tensor:
            return self.relu(self.first(self.relu(self.first(self.relu(rows)))))

    model, rows = Shared(), torch.randn(3, 4)
    with (
        record(model, "relu"),
        pytest.raises(ModelError, match=r"'relu' is called 3 times in a pass.*'relu#2'"),
    ):
        model(rows)
    with record(model, ["relu#1", "relu#2", "relu#3:input", "first#1"]) as activations:
        answer = model(rows)
    assert torch.equal(activations["relu#1"], rows.relu())
    assert torch.equal(activations["relu#2"], activations["first#1"].relu())
    assert torch.equal(activations["relu#3:input"].relu(), answer)
    with record(model, "relu#4"), pytest.raises(ModelError, match=r"no call 4.*a pass has 3"):
        model(rows)


def test_where_a_part_of_the_model_is_called_alone_each_call_is_a_pass():
    model, inputs = nets.plain()
    with record(model, "0") as activations:
        model[0](*inputs)
        model[0](*inputs)
    assert len(activations["0"]) == 12
    with record(model, "0") as activations:
        model(*inputs)
        model[0](*inputs)
        with pytest.raises(RuntimeError, match="mat1"):
            model(torch.zeros(2, 3))
        model[0](*inputs)
        model[0](*inputs)
    assert len(activations["0"]) == 24, "after a whole pass, and after one that failed"
    with record(model, "0#1"), pytest.raises(ModelError, match="only a part of the model"):
        model[0](*inputs)


def test_what_comes_in_is_the_residual_stream():
    model, inputs = nets.encoder()
    with record(model, ["stack.blocks.*", "stack.blocks.1:input"]) as activations:
        model(*inputs)
    assert torch.equal(activations["stack.blocks.1:input"], activations["stack.blocks.0"])


def test_what_is_changed_in_place_afterwards_stays_as_it_was_recorded():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True))
    with torch.no_grad(), record(model, ["0", "1"]) as activations:
        model(torch.randn(20, 4))
    assert bool((activations["0"] < 0).any())


def test_recordings_of_inference_mode_may_be_trained_on():
    model, inputs = nets.plain()
    with torch.inference_mode(), record(model, "1") as activations:
        model(*inputs)
    weight = torch.ones(5, requires_grad=True)
    (activations["1"] @ weight).sum().backward()
    torch.testing.assert_close(weight.grad, activations["1"].sum(dim=0))


def test_under_autocast_numbers_are_as_they_are_computed():
    model, inputs = nets.plain()
    with torch.autocast("cpu", dtype=torch.bfloat16), record(model, "0") as activations:
        model(*inputs)
    assert activations["0"].dtype == torch.bfloat16


def test_a_lazy_layer_is_recorded_and_a_compiled_or_scripted_one_refused():
    lazy = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    with record(lazy, "0") as activations:
        lazy(torch.randn(2, 4))
    assert activations["0"].shape == (2, 3)
    model, _ = nets.plain()
    for one in (torch.compile(model, backend="eager"),):
        with pytest.raises(ModelError, match="the model is compiled"), record(one, "_orig_mod.0"):
            pass
    model[1].compile(backend="eager")
    with pytest.raises(ModelError, match="layer '1' is compiled"), record(model, "1"):
        pass


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_runs_inside_of_a_script_is_refused():
    model, inputs = nets.plain()
    script = torch.jit.trace(model, inputs)
    with pytest.raises(ModelError, match="the model is a script"), record(script, "0"):
        pass


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("3", "no layer '3' in the model"),
        ("0:hiden", "did you mean 'hidden'"),
        ("0:cell", "is a Linear and has no 'cell'"),
        ("0:heads", "not known where its heads are joined"),
        ("0:weights", "does not show where it looks"),
        ("0:output.1", "levels are those of hidden"),
        ("0#0", "no call '0'"),
        ([], "no layer was named"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_what_there_is(asked: str, told: str):
    with pytest.raises(UsageError, match=told), record(nets.plain()[0], asked):
        pass


def test_what_was_not_recorded_and_a_folder_that_is_none_are_told():
    model, inputs = nets.plain()
    with record(model, "0") as activations:
        model(*inputs)
    with pytest.raises(UsageError, match="'1' was not recorded; there is 0"):
        activations["1"]
    assert "1" not in activations
    with pytest.raises(UsageError, match="no folder"), record(model, "0", to=Path("/no/where")):
        pass


def test_maps_of_different_sizes_are_refused_unless_they_are_pooled():
    model, _ = nets.cnn()
    for pool in (None, "mean"):
        with record(model, "stem", pool=pool) as activations:
            model(torch.rand(2, 1, 16, 16))
            model(torch.rand(2, 1, 8, 8))
        if pool:
            assert activations["stem"].shape == (4, 4)
        else:
            with pytest.raises(DataError, match=r"in one pass and \(2, 4, 4, 4\) in another"):
                activations["stem"]


def test_maps_keep_their_channels_side_by_side():
    model, inputs = nets.cnn()
    with record(model, "stem") as activations:
        model(*inputs)
        model(*inputs)
    assert activations["stem"].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(activations["stem"][:4], activations["stem"][4:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_network_on_a_gpu_is_recorded_on_the_cpu():
    model, inputs = nets.recurrent()
    with record(model, ["layers.*", "layers.*:cell"]) as here:
        model(*inputs)
    model.cuda()
    with record(model, ["layers.*", "layers.*:cell"], to="disk") as there:
        model(*(one.cuda() for one in inputs))
    for name in here:
        torch.testing.assert_close(here[name], there[name], atol=1e-5, rtol=1e-5)


def test_a_recording_shows_as_a_frame():
    model, inputs = nets.plain()
    with record(model, ["0", "1"], dtype=torch.float16) as activations:
        model(*inputs)
    line = activations.frame.iloc[0].to_dict()
    assert line["layer"] == "0"
    assert (line["rows"], line["shape"], line["precision"]) == (6, "5", "float16")
    assert repr(activations) == "Recording(0: 6 rows, 1: 6 rows)"


def test_the_room_is_entered_without_torch_and_every_name_can_be_had():
    code = "import sys; from auditkit import probing; dir(probing); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    for name in dir(probing):
        assert getattr(probing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = probing.nonsense
