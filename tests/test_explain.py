"""`auditkit.explain` in a notebook and `auditkit explain` on the command line."""

import json
import math
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import auditkit
from auditkit import cli
from auditkit.errors import DataError, NotApplicable, UsageError
from auditkit.explained import Explained
from auditkit.explanation import Explanation, explain, methods_for
from auditkit.explanation_text import as_csv, as_json, as_text, ensure_place
from auditkit.models.checkpoint import CheckpointModel
from auditkit.models.files import Checkpoint, save
from auditkit.models.predictions import PredictionsModel
from auditkit.models.recipe import Recipe
from auditkit.runtime import Runtime
from auditkit.subject import Subject
from tests.media import TABLES, trained

ARCHITECTURES = ("fnn", "cnn", "gru", "encoder", "decoder", "encoder-decoder", "gan")
QUICK = Recipe(epochs=4, batch_size=64)
CPU = Runtime(device="cpu")


def subject_of(name: str, recipe: Recipe | None = None) -> Subject:
    model, card = trained(name, recipe)
    table = TABLES[name]()
    predictor = CheckpointModel(
        checkpoint=Checkpoint(model=model, card=card, sha256="0" * 64),
        runtime=CPU,
        name=f"{name}-planted",
    )
    return Subject(
        predictor=predictor, table=replace(table, schema=card.schema), train=table, card=card,
        runtime=CPU,
    )  # fmt: skip


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {name: subject_of(name, QUICK if name == "fnn" else None) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def shown(subjects) -> dict[str, Explanation]:
    return {name: explain(one, row=3, method="shapley") for name, one in subjects.items()}


@pytest.fixture(scope="module")
def tumours(tmp_path_factory):
    """A checkpoint on disk, of data that come with scikit-learn."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tumours"
    asked = ["train", "fnn", "--data", "breast-cancer", "--epochs", "3", "--device", "cpu"]
    assert cli.run([*asked, "--out", str(folder)]) == 0
    return folder


def test_it_is_there_under_the_package_s_own_name():
    assert auditkit.explain is explain
    assert "explain" in auditkit.__all__


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("fnn", ["feature", "value"]),
        ("cnn", ["row", "column", "grey"]),
        ("gan", ["row", "column", "grey"]),
        ("gru", ["step", "channel", "value"]),
        ("encoder", ["word"]),
        ("decoder", ["word"]),
        ("encoder-decoder", ["explained", "word"]),
    ],
)
def test_the_frame_has_a_line_for_each_part_of_the_row(shown, name, columns):
    frame = shown[name].frame
    assert list(frame.columns) == [*columns, "attribution", "standard_error"]
    assert np.isfinite(frame["attribution"]).all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_contributions_add_up_to_the_answer_less_that_of_the_baseline(shown, name):
    found = shown[name].found
    frame = shown[name].frame
    asks = shown[name].rows.asks
    for i, ask in enumerate(asks):
        own = frame if len(asks) == 1 else frame[frame["explained"] == ask]
        gap = float(found.answers[i] - found.reference[i])
        assert own["attribution"].sum() == pytest.approx(gap, abs=2e-4)


def test_the_values_are_those_of_the_row(subjects, shown):
    row = subjects["fnn"].frame.iloc[3]
    frame = shown["fnn"].frame.set_index("feature")["value"]
    for name, value in frame.items():
        assert str(value) in (
            str(row[name]),
            f"{row[name]:.6g}" if not isinstance(row[name], str) else "",
        )
    image = subjects["cnn"].frame["image"].iloc[3]
    assert shown["cnn"].frame["grey"].tolist() == image.ravel().tolist()


def test_what_is_planted_is_what_weighs_most():
    subject = subject_of("encoder", Recipe(epochs=12, batch_size=32))
    for row in range(4):
        frame = explain(subject, row=row, method="shapley").frame
        word = frame.loc[frame["attribution"].abs().idxmax(), "word"]
        assert word in ("good", "bad")


def test_standard_errors_are_there_where_a_method_samples_and_undefined_where_not(subjects):
    subject = subjects["cnn"]
    sampled = explain(subject, method="shapley_sampling", evaluations=300).frame
    assert (sampled["standard_error"] > 0).any()
    assert explain(subject, method="saliency").frame["standard_error"].isna().all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_medium_is_drawn_as_html_without_a_script_and_as_a_figure(shown, name):
    html = shown[name]._repr_html_()
    assert "<script" not in html
    assert " style=" not in html
    assert not re.search(r'(href|src)="(?!data:image/png)', html)
    assert shown[name].title in html
    figure = shown[name].figure
    assert type(figure).__name__ == "Figure"
    assert "var(--" not in figure.to_json()


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)


def test_names_and_words_of_the_data_make_no_element(subjects):
    frame = subjects["encoder"].frame.copy()
    frame.loc[frame.index[0], "text"] = "good <script>alert(1)</script> <img src=x> bad"
    made = explain(subjects["encoder"], frame, row=0, method="input_x_gradient")
    for html in (made._repr_html_(), made.page()):
        assert not {"script", "img"} & Tags(html).seen
        assert "&lt;" in html


def test_the_page_may_run_nothing_and_allows_its_own_style_alone(shown):
    page = shown["fnn"].page()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;; script-src ;")
    assert "unsafe" not in policy
    assert page.count("<style>") == 1


def test_scores_that_are_all_zero_are_said_to_be(subjects):
    subject = subjects["fnn"]
    model = subject.predictor.checkpoint.model
    kept = {name: one.clone() for name, one in model.state_dict().items()}
    try:
        with torch.no_grad():
            for one in model.parameters():
                one.zero_()
        made = explain(subject, method="shapley")
        assert (made.frame["attribution"] == 0).all()
        assert "No part carries any weight." in "\n".join(as_text(made))
        assert "<svg" in made._repr_html_()
    finally:
        model.load_state_dict(kept)


def test_the_class_that_is_explained_can_be_named(subjects):
    chosen = {one: explain(subjects["cnn"], target=one).rows.asks[0] for one in ("l", "m", "r")}
    assert chosen == {one: f"logit of {one}" for one in ("l", "m", "r")}


def test_the_baseline_is_named_and_can_be_chosen(subjects):
    made = [explain(subjects["fnn"], baseline=one) for one in ("zero", "typical")]
    assert [one.baseline for one in made] == ["zero", "typical"]
    assert made[0].facts["compared with"] == "zero"
    assert explain(subjects["fnn"], method="saliency").baseline == ""


def test_trust_is_what_a_report_would_say_and_is_asked_for_only_then(subjects, monkeypatch):
    asked = []
    own = Explained.examination.func
    monkeypatch.setattr(
        Explained, "examination", property(lambda self: asked.append(1) or own(self))
    )
    few = replace(subjects["fnn"].table, frame=subjects["fnn"].frame.head(12))
    made = explain(replace(subjects["fnn"], table=few), method="input_x_gradient")
    assert made.facts["trust"] == "not put to the test on this model"
    assert asked == []
    assert made.trust.verdict in ("trusted", "weak", "failed", "not tested")
    assert made.facts["trust"].startswith(made.trust.verdict)
    assert made.trust.verdict in made._repr_html_()
    assert asked == [1]


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"method": "shaply"}, UsageError, "did you mean 'shapley'"),
        ({"method": 3}, UsageError, "method is 3, not the name of one, such as 'shapley'"),
        ({"method": "attention"}, NotApplicable, "these can: .*saliency"),
        ({"row": 800}, UsageError, "no row 800: planted has 800 rows here, 0 to 799"),
        ({"row": -1}, UsageError, "no row -1"),
        ({"row": 1.5}, UsageError, "not a whole number"),
        ({"row": True}, UsageError, "not a whole number"),
        ({"baseline": "typicl"}, UsageError, "did you mean 'typical'"),
        ({"method": "saliency", "baseline": "zero"}, UsageError, "compares with nothing"),
        ({"target": "nobody"}, UsageError, "no outcome 'nobody'"),
        ({"samples": 3}, UsageError, "has no option 'samples'"),
        ({"data": "people.csv"}, UsageError, "a Subject has its rows"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(subjects, given, kind, said):
    with pytest.raises(kind, match=said) as error:
        explain(subjects["fnn"], **given)
    assert "\n" not in str(error.value)


def test_a_class_that_does_not_exist_is_refused_with_those_that_do(subjects):
    with pytest.raises(UsageError, match="no class 'middle'; there are l, m, r"):
        explain(subjects["cnn"], target="middle")


def test_answers_without_a_model_cannot_be_explained():
    table = TABLES["fnn"]()
    answers = PredictionsModel(
        name="p", where="p.csv", schema=table.schema, prediction="merit", score=None
    )
    subject = Subject(predictor=answers, table=table, train=None, card=None, runtime=CPU)
    with pytest.raises(NotApplicable, match="only the model's answers are known"):
        explain(subject)


def test_a_row_with_a_gap_is_explained_and_an_empty_frame_is_refused(subjects):
    frame = subjects["fnn"].frame.head(2).copy()
    frame["merit"] = frame["merit"].astype(float)
    frame.loc[frame.index[0], "merit"] = math.nan
    found = explain(subjects["fnn"], frame, row=0).frame
    assert "not known" in found["value"].tolist()
    with pytest.raises(UsageError, match="0 rows here, none"):
        explain(subjects["fnn"], frame.head(0))


def test_nothing_is_left_on_the_model_and_no_global_generator_is_touched(subjects):
    model = subjects["fnn"].predictor.checkpoint.model
    model.train()
    grads = [one.grad for one in model.parameters()]
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    explain(subjects["fnn"], method="smoothgrad")
    assert model.training
    model.eval()
    assert all(one.grad is grad for one, grad in zip(model.parameters(), grads, strict=True))
    assert not any(one._forward_hooks or one._backward_hooks for one in model.modules())
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_the_same_question_has_the_same_answer(subjects):
    made = [explain(subjects["cnn"], method="shapley").frame for _ in range(2)]
    pd.testing.assert_frame_equal(*made)


def test_the_methods_that_can_serve_the_model_are_listed(shown):
    names = methods_for(shown["fnn"])
    assert {"shapley", "saliency", "integrated_gradients"} <= set(names)
    assert "attention" not in names


# ---- as text ----


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_text_is_plain_and_no_wider_than_a_screen(shown, name):
    lines = list(as_text(shown[name]))
    assert lines[0] == shown[name].title
    pictures = lines[len([one for one in shown[name].facts.values() if one]) + 1 :]
    assert all(len(one) <= 100 for one in pictures)
    assert not any("\x1b" in one or "\n" in one for one in lines)


def test_bars_lie_on_the_side_of_their_sign_the_longest_first(shown):
    lines = [one for one in as_text(shown["fnn"]) if "|" in one]
    frame = shown["fnn"].frame
    assert len(lines) == len(frame)
    first = frame.loc[frame["attribution"].abs().idxmax()]
    assert lines[0].startswith(f"{first['feature']} = {first['value']}")
    assert (("█" * 20) if first["attribution"] > 0 else ("▒" * 20 + "|")) in lines[0]


def test_words_are_coloured_only_where_the_terminal_can(shown):
    plain, coloured = (list(as_text(shown["encoder"], colour=one)) for one in (False, True))
    assert not any("\x1b[" in one for one in plain)
    assert any("\x1b[48;5;" in one for one in coloured)
    stripped = [re.sub(r"\x1b\[[\d;]*m", "", one) for one in coloured]
    assert stripped == plain


def test_an_image_is_a_picture_of_blocks_with_a_sentence(shown):
    lines = list(as_text(shown["cnn"]))
    picture = [one for one in lines if one.startswith("|")]
    assert [len(one) for one in picture] == [10] * 8
    assert "█" in "".join(picture)
    assert lines[-1].replace("\u00a0", " ").endswith(".")
    assert "weight" in lines[-1]


def test_names_that_would_steer_the_terminal_are_spelled_out(subjects):
    frame = subjects["encoder"].frame.copy()
    frame.loc[frame.index[0], "text"] = "good\x1b[31m \u202ebad"
    lines = list(as_text(explain(subjects["encoder"], frame, row=0, method="saliency")))
    assert not set("".join(lines)) & {"\x1b", "\u202e"}


def test_json_and_csv_hold_the_frame(shown):
    made = shown["gru"]
    body = json.loads(as_json(made))
    assert len(body["attributions"]) == len(made.frame)
    assert body["attributions"][0]["attribution"] == pytest.approx(made.frame["attribution"][0])
    assert body["method"] == "shapley"
    assert "NaN" not in as_json(explain_without_errors(made))
    back = pd.read_csv(StringIO(as_csv(made)))
    assert back.columns.tolist() == made.frame.columns.tolist()
    assert np.allclose(back["attribution"], made.frame["attribution"])


def explain_without_errors(made: Explanation) -> Explanation:
    return replace(made, found=replace(made.found, errors=None))


# ---- the command ----


def test_the_command_prints_one_explanation(tumours, capsys):
    assert cli.run(["explain", str(tumours), "--row", "2", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Row 2 of breast-cancer")
    assert "compared with  typical" in said
    assert "█" in said or "▒" in said


def test_the_command_writes_what_it_is_asked_for(tumours, tmp_path, capsys):
    asked = ["explain", str(tumours), "--device", "cpu", "--method", "saliency"]
    for name, more in (
        ("x.html", []),
        ("x.json", ["--format", "json"]),
        ("x.csv", ["--format", "csv"]),
    ):
        assert cli.run([*asked, *more, "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "x.html").read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((tmp_path / "x.json").read_text("utf-8"))["method"] == "saliency"
    assert (tmp_path / "x.csv").read_text("utf-8").startswith("feature,value,attribution")
    assert capsys.readouterr().out.split() == [
        str(tmp_path / f"x.{one}") for one in ("html", "json", "csv")
    ]
    assert cli.run([*asked, "--format", "csv"]) == 0
    printed = capsys.readouterr().out
    assert pd.read_csv(StringIO(printed))["attribution"].ge(0).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--method", "salience"], "did you mean 'saliency'?"),
        (["--method", "grad_cam"], "these can: "),
        (["--row", "5000"], "no row 5,000: breast-cancer"),
        (["--target", "perhaps"], "no outcome 'perhaps'"),
        (["--baseline", "none"], "no baseline 'none'; there are "),
        (["--format", "xml"], "no format 'xml'; there are text, json, csv"),
        (["--out", "/no/such/folder/x.html"], "its folder does not exist"),
    ],
)
def test_the_command_refuses_in_one_line(tumours, capsys, more, said):
    assert cli.run(["explain", str(tumours), "--device", "cpu", *more]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert said in seen.err
    assert seen.err.count("\n") == 1


def test_rows_of_a_file_are_explained_by_a_checkpoint(tumours, tmp_path, capsys):
    frame = explain(tumours, device="cpu").explained.frame.head(3)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    code = cli.run(
        [
            "explain",
            str(tumours),
            "--data",
            str(tmp_path / "rows.csv"),
            "--row",
            "2",
            "--device",
            "cpu",
        ]
    )
    assert code == 0
    assert capsys.readouterr().out.startswith("Row 2 of rows.csv")
    given = explain(tumours, frame, row=2, device="cpu")
    whole = explain(tumours, row=2, device="cpu")
    assert given.data == "the frame given"
    assert np.allclose(given.frame["attribution"], whole.frame["attribution"], atol=1e-5)
    with pytest.raises(DataError, match="no column"):
        explain(tumours, frame.drop(columns=frame.columns[0]), device="cpu")


def test_a_place_that_is_a_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(UsageError, match="it is a folder"):
        ensure_place(tmp_path)
    ensure_place(tmp_path / "x.html")


def test_a_pipe_or_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(UsageError, match="it is a pipe or device"):
            ensure_place(place)


def test_a_checkpoint_of_a_file_is_explained_on_rows_given_as_a_frame(tmp_path, subjects):
    subject = subjects["fnn"]
    save(tmp_path / "own", subject.predictor.checkpoint.model, subject.card)
    made = explain(tmp_path / "own", subject.frame.head(5), row=4, device="cpu")
    assert made.baseline == "zero"  # what was typical in training is not known
    with pytest.raises(UsageError, match="give it, or other rows, with --data"):
        explain(tmp_path / "own", device="cpu")
