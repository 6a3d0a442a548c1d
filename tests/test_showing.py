"""`auditkit.show`: every result of the probing room is seen, and nothing else is taken for one."""

from functools import cache
from html import unescape
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit
from auditkit import probing
from auditkit.errors import UsageError
from auditkit.models.transformer import Decoder
from auditkit.models.transformer.decoder import DecoderOptions
from auditkit.probing.causes.ablation import ablate
from auditkit.probing.causes.approximation import attribution_patching
from auditkit.probing.causes.harm import harm_by_group
from auditkit.probing.causes.patching import patch
from auditkit.probing.causes.steering import steer
from auditkit.probing.concepts.examples import concept_of
from auditkit.probing.concepts.sensitivity import tcav
from auditkit.probing.latents.attributes import image_properties
from auditkit.probing.latents.channels import generator_units
from auditkit.probing.latents.directions import latent_directions
from auditkit.probing.latents.making import made_by
from auditkit.probing.lens.answers import logit_lens
from auditkit.probing.lens.attention_heads import repetition
from auditkit.probing.lens.grids import lens_grid
from auditkit.probing.lens.passages import passages_of
from auditkit.probing.lens.tuned import tuned_lens
from auditkit.probing.probes.labels import labels_of
from auditkit.probing.probes.reading import read, read_layers
from auditkit.probing.probes.sweep import sweep
from auditkit.probing.units.gradients import gradient_flow
from auditkit.probing.usage.measured import encoded_or_used
from auditkit.results import Bars, Section, Table
from auditkit.runtime import Runtime
from auditkit.showing import DRAWN, MAPPED, MOST_ROWS, Shown, show
from tests.report.samples import NASTY
from tests.report.test_html import Outline

ROWS = 240


@cache
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)).eval()


@cache
def inputs() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(ROWS, 6)).astype("float32"))


@cache
def groups() -> np.ndarray:
    return np.where(inputs()[:, 0].numpy() > 0, "women", "men")


@cache
def answers() -> np.ndarray:
    return np.asarray(inputs()[:, 1].numpy() > 0, dtype="int64")


def swept(name: str = "gender"):
    return sweep(held(), labels_of(groups(), name=name), inputs=inputs())


def ablated():
    return ablate(network(), inputs(), answers(), "0", draws=20)


def harm():
    change = np.random.default_rng(0).normal(size=(2, ROWS))
    rng = np.random.default_rng(1)
    return harm_by_group([("0", "unit 1"), ("0", "unit 2")], change, groups(), draws=50, rng=rng)


def held() -> dict[str, torch.Tensor]:
    with probing.record(network(), ["0", "2"]) as activations, torch.no_grad():
        network()(inputs())
    return dict(activations)


def used():
    return encoded_or_used(
        network(),
        inputs(),
        labels_of(groups(), name="gender"),
        labels_of(answers().astype(str), name="answer"),
        logits=lambda outputs: outputs[:, 1] - outputs[:, 0],
        positive="1",
        draws=1,
    )


def flowing():
    batches = [((inputs(),), torch.from_numpy(answers()))]
    return gradient_flow(network(), batches, nn.CrossEntropyLoss(reduction="none"))


@cache
def writer() -> nn.Module:
    options = DecoderOptions(width=16, depth=2, heads=2)
    torch.manual_seed(0)
    return Decoder(20, 16, options).eval()


def texts(seed: int = 0):
    return passages_of(torch.from_numpy(np.random.default_rng(seed).integers(4, 20, (24, 12))))


@cache
def making_images():
    torch.manual_seed(0)
    stage = nn.Sequential(nn.Linear(4, 8 * 16), nn.Unflatten(1, (8, 4, 4)), nn.Tanh())
    generator = nn.Sequential(stage, nn.ConvTranspose2d(8, 1, 2, 2), nn.Sigmoid()).eval()
    return made_by(generator, 4, image_properties, runtime=Runtime(device="cpu"))


EXAMPLES = {
    "Sweep": swept,
    "Reading": lambda: read(inputs(), labels_of(groups(), name="gender")),
    "Usage": used,
    "TCAV": lambda: tcav(
        network(), ["0"], inputs(), concept_of(groups() == "women", name="g"), targets=1, draws=20
    ),
    "Ablated": ablated,
    "Harm": harm,
    "Patched": lambda: patch(network(), inputs(), inputs().flip(0), ["0", "2"], targets=1),
    "Approximated": lambda: attribution_patching(
        network(), inputs(), inputs().flip(0), ["0"], targets=1
    ),
    "Steered": lambda: steer(
        network(), "0", np.eye(8)[0], [-1.0, 0.0, 1.0], inputs(), targets=1, draws=5
    ),
    "Comparison": lambda: probing.compare(held()),
    "Similarity": lambda: probing.cka(inputs(), inputs() ** 2, permutations=19),
    "Canonical": lambda: probing.cca(inputs(), inputs() ** 2),
    "Geometry": lambda: probing.geometry(held()),
    "Doubles": lambda: probing.duplicates(torch.cat([inputs(), 2 * inputs()], dim=1)),
    "UnitSelectivity": lambda: probing.unit_selectivity(inputs(), labels_of(groups(), name="g")),
    "Exciting": lambda: probing.exciting(network(), "0", [0, 1], [inputs()], k=2),
    "GradientFlow": flowing,
    "Lens": lambda: logit_lens(writer(), texts()),
    "TunedLens": lambda: tuned_lens(writer(), texts(1), texts(2)),
    "LensGrid": lambda: lens_grid(writer(), texts()),
    "Repetition": lambda: repetition(writer(), range(4, 20), length=6, texts=4),
    "Directions": lambda: latent_directions(making_images(), images=60, moved=8),
    "Channels": lambda: generator_units(making_images(), images=4, most=4, mixtures=8),
}
MADE = cache(lambda name: EXAMPLES[name]())


def test_there_is_an_example_of_everything_that_is_drawn():
    assert {name.rsplit(".", 1)[1] for name in DRAWN} == set(EXAMPLES)


@pytest.mark.parametrize("name", [*DRAWN, *MAPPED])
def test_every_name_is_that_of_a_type_and_of_a_function(name):
    module, kind = name.rsplit(".", 1)
    assert isinstance(getattr(import_module(module), kind), type)
    views, function = (DRAWN | MAPPED)[name].views.split(":")
    assert callable(getattr(import_module(f"auditkit.checks.inside.{views}"), function))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_result_is_seen(name):
    shown = show(MADE(name))
    assert type(MADE(name)).__name__ == name
    assert len(shown.views) > 0
    assert shown.frame is MADE(name).frame or shown.frame.equals(MADE(name).frame)
    html = shown._repr_html_()
    assert len(html) < 100_000
    outline = Outline(html)
    assert "script" not in outline.text
    assert not [attrs for _, attrs in outline.tags if "style" in attrs]
    said = html.split("</style>")[1]
    for view in shown.views:
        assert view.title in unescape(said)
    pictures = [one for one in shown.views if not isinstance(one, Table)]
    assert len(shown.figures) == len(pictures)
    assert all(len(one.data) > 0 for one in shown.figures)
    assert shown.page().startswith("<!doctype html>")
    assert len(repr(shown)) < 200
    assert len(repr(MADE(name))) < 250  # a line in a notebook, and no activation in it


def test_it_is_there_under_the_package_s_own_name():
    assert auditkit.show is show
    assert "show" in dir(auditkit)


def test_what_a_result_says_in_words_stands_above_its_pictures_and_once():
    shown = show(MADE("Usage"))
    assert shown.facts["in short"] == MADE("Usage").sentence
    said = unescape(shown._repr_html_()).replace("\u00a0", " ")
    assert said.count(MADE("Usage").sentence) == said.count(MADE("Usage").limits) == 1
    assert show(MADE("Sweep")).facts == {}  # its note is said beside its curve
    said = unescape(show(MADE("Sweep"))._repr_html_()).replace("\u00a0", " ")
    assert said.count(MADE("Sweep").note) == 1


def test_several_results_are_seen_below_each_other():
    one, other = MADE("Sweep"), MADE("Steered")
    shown = show([one, other])
    assert len(shown.views) == len(show(one).views) + len(show(other).views)
    assert len(shown.frame) == len(one.frame) + len(other.frame)
    assert shown.title == f"{show(one).title}; {show(other).title}"


def test_readings_by_layer_are_seen_together():
    found = read_layers(held(), labels_of(groups(), name="gender"))
    shown = show(found)
    assert list(shown.frame["layer"]) == ["0", "0", "2", "2"]
    (view,) = shown.views
    assert list(view.frame["layer"]) == ["0", "2"]
    assert view.reference == found["0"].chance


def test_idle_units_are_seen_by_activation_and_none_is_said_too():
    shown = show(probing.layer_census(network(), [(inputs(),)]))
    assert list(shown.frame["layer"]) == ["1"]
    assert len(shown.views) == 1


def test_a_result_without_pictures_of_its_own_is_a_table_of_its_frame():
    with probing.record(network(), ["0"]) as recording, torch.no_grad():
        network()(inputs())
    shown = show(recording)
    assert shown.title == "Recording"
    assert isinstance(shown.views[0], Table)
    assert shown.frame.equals(recording.frame)
    with pytest.raises(UsageError, match="no picture; look at its frame"):
        _ = shown.figure


def test_frames_views_and_sections_are_seen_too():
    frame = pd.DataFrame({"layer": ["a", "b"], "cka": [0.5, 1.0]})
    bars = Bars(title="alike", frame=frame, x="layer", y=("cka",))
    section = Section(title="Layers", text="How alike they are.", views=(bars,))
    assert "0.500" in show(frame)._repr_html_()
    assert show(bars).frame is frame
    assert show(section).title == "Layers"
    assert "How alike they are." in show(section).page()
    assert show(show(bars)).title == "alike"


def test_of_a_long_frame_the_first_rows_are_written():
    shown = show(pd.DataFrame({"row": range(5000)}))
    assert len(shown.views[0].frame) == MOST_ROWS
    assert "The first 200 of 5,000 rows." in shown._repr_html_()
    assert len(shown.frame) == 5000


def test_a_frame_s_own_index_is_kept():
    shown = show(pd.DataFrame({"cka": [1.0]}, index=pd.Index(["stage1"], name="layer")))
    assert "stage1" in shown._repr_html_()


@pytest.mark.parametrize("wrong", [3, "text", {"a": 1}, None, torch.zeros(2), [], [3]])
def test_what_cannot_be_shown_is_refused_with_what_can(wrong):
    with pytest.raises(UsageError, match=r"what can be shown: Ablated, .*Sweep.*TCAV"):
        show(wrong)


def test_a_class_of_somebody_else_with_a_frame_is_not_taken_for_a_result():
    class Other:
        frame = pd.DataFrame({"a": [1]})

    with pytest.raises(UsageError, match="Other cannot be shown"):
        show(Other())


def test_hostile_names_make_no_element():
    labels = labels_of(np.where(groups() == "men", NASTY, "<b>b</b>"), name=NASTY)
    with probing.record(network(), ["0"]) as activations, torch.no_grad():
        network()(inputs())
    html = show([sweep(dict(activations), labels), pd.DataFrame({NASTY: [NASTY]})]).page()
    calm = Outline(show(MADE("Sweep")).page())
    assert {tag for tag, _ in Outline(html).tags} <= {tag for tag, _ in calm.tags}


def test_a_page_is_written_whole_or_refused_in_one_line(tmp_path):
    shown = show(MADE("Sweep"))
    path = shown.save(tmp_path / "sweep.html")
    assert path.read_text(encoding="utf-8") == shown.page()
    with pytest.raises(UsageError, match="cannot write"):
        shown.save(tmp_path / "no such folder" / "sweep.html")
    assert isinstance(shown, Shown)
