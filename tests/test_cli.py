"""The command line as a user meets it: exit codes, one-line errors, nothing half-written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from auditkit import cli
from auditkit.arguments import spread
from auditkit.report.html import report_from_html
from tests.subjects import gap_of


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A checkpoint trained by the command itself, on data that come with scikit-learn."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tumours"
    code = cli.run(
        ["train", "fnn", "--data", "breast-cancer", "--epochs", "3", "--out", str(folder)]
    )
    assert code == 0
    return folder


@pytest.fixture
def checkpoint(trained, here) -> Path:
    return Path(shutil.copytree(trained, here / "tumours"))


def people(gap: float = 0.0, n: int = 2000) -> pd.DataFrame:
    frame = gap_of(gap, n=n)
    return frame.rename(columns={"group": "gender", "label": "hired"})


ASK = ["--target", "hired", "--prediction", "prediction", "--sensitive", "gender"]


def write(frame: pd.DataFrame, name: str = "people.csv") -> str:
    frame.to_csv(name, index=False)
    return name


def audit(frame: pd.DataFrame, *more: str) -> int:
    return cli.run(["report", "--predictions", write(frame), *ASK, *more])


def refused(capsys, *arguments: str) -> str:
    """The one line with which a command is refused; nothing may have been written."""
    before = listing()
    code = cli.run(arguments)
    out, err = capsys.readouterr()
    assert code == 2, err
    assert out == ""
    assert err.startswith("auditkit: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert listing() == before
    return err


def listing() -> list[str]:
    return sorted(str(one) for one in Path().rglob("*"))


# --- what it exits with ---


def test_a_fair_model_exits_0_and_prints_the_page_alone(here, capsys):
    assert audit(people()) == 0
    out, err = capsys.readouterr()
    assert out == "reports/people/report.html\n"
    assert "verdict: passed" in err
    assert Path("reports/people/report.json").is_file()


def test_an_unfair_model_exits_1_with_a_line_for_each_failing_rule(here, capsys):
    assert audit(people(0.3)) == 1
    err = capsys.readouterr().err
    assert "AK201 demographic-parity: By gender" in err
    assert "AK206" in err


def test_a_name_from_data_neither_breaks_a_line_nor_steers_the_terminal(here, capsys):
    frame = people(0.3)
    names = dict(
        zip(frame["gender"].unique(), ["a\nverdict: passed", "\x1b[2J\u202eb"], strict=True)
    )
    frame["gender"] = frame["gender"].map(names)
    assert cli.run(["report", "--predictions", write(frame), *ASK]) == 1
    err = capsys.readouterr().err
    assert [line for line in err.split("\n") if line.startswith("verdict")] == ["verdict: failed"]
    assert r"a\nverdict: passed" in err
    assert r"\x1b[2J\u202eb" in err
    assert not set("\x1b\u202e") & set(err)


def test_thin_evidence_exits_3_and_can_be_forgiven(here):
    assert audit(people(0.15, n=200)) == 3
    assert audit(people(0.15, n=200), "--allow-insufficient") == 0


def test_people_of_one_group_alone_are_no_evidence_that_groups_are_treated_alike(here, capsys):
    alone = people(n=300).assign(gender="a")
    assert audit(alone) == 3
    told = capsys.readouterr().err
    assert "insufficient evidence the groups of 'gender' could not be compared" in told
    assert "verdict: insufficient evidence" in told
    bands = people(n=300).assign(gender=range(300))
    assert audit(bands, "--bands", "gender=900") == 3


def test_a_broken_check_exits_3_and_is_not_forgiven(here, monkeypatch):
    from auditkit.checks.groups import GroupResults

    def breaks(self, subject):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(GroupResults, "run", breaks)
    assert audit(people()) == 3
    assert audit(people(), "--allow-insufficient") == 3
    assert audit(people(0.3)) == 1
    assert "on purpose" in Path("reports/people/report.html").read_text()


def test_our_own_fault_exits_4_with_a_traceback(here, monkeypatch, capsys):
    import auditkit.runner

    def bug(*_):
        raise KeyError("oops")

    monkeypatch.setattr(auditkit.runner, "run_checks", bug)
    assert audit(people()) == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "fault of auditkit's own" in err


def test_an_interrupt_writes_nothing_and_says_so(here, monkeypatch, capsys):
    import auditkit.runner

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(auditkit.runner, "run_checks", stop)
    assert audit(people()) == 130
    assert not Path("reports").exists()
    assert capsys.readouterr().err == "auditkit: interrupted; nothing was written\n"


# --- ways to hand over a model ---


def test_a_checkpoint_carries_all_that_a_report_needs(checkpoint, capsys):
    assert cli.run(["report", "tumours"]) in (0, 1, 3)
    report = json.loads(Path("reports/tumours/report.json").read_text())
    assert report["data"]["name"] == "breast-cancer (test)"
    assert report["data"]["training rows"] == 427


def test_scores_predictions_and_parquet(here):
    frame = people().assign(wrong_words="x")
    frame.to_parquet("people.parquet")
    ask = ["--target", "hired", "--score", "score", "--sensitive", "gender", "branch"]
    ask += ["--features", "merit", "noise"]
    code = cli.run(["report", "--predictions", "people.parquet", *ask])
    assert code in (0, 1, 3)
    report = json.loads(Path("reports/people/report.json").read_text())
    assert report["data"]["sensitive columns"] == ["gender", "branch"]
    assert report["data"]["features"] == ["merit", "noise"]


def test_several_columns_can_be_given_at_once_or_one_by_one():
    once = spread(["report", "m", "--sensitive", "a", "b", "--out", "x"])
    assert once == ["report", "m", "--sensitive", "a", "--sensitive", "b", "--out", "x"]
    assert spread(once) == once
    ambiguous = ["report", "--sensitive", "a", "model"]
    assert spread(ambiguous) == ambiguous


FACTORY = """
import torch
from torch import nn

def make():
    return nn.Linear(2, 1)

def tensors(frame):
    return torch.tensor(frame[["merit", "noise"]].to_numpy().copy(), dtype=torch.float32)
"""


def test_a_network_of_the_users_own(here):
    import torch
    from safetensors.torch import save_file

    Path("mine_net.py").write_text(FACTORY)
    weights = {"weight": torch.tensor([[20.0, 0.0]]), "bias": torch.tensor([-10.0])}
    save_file(weights, "w.safetensors")
    command = ["report", "--model", "mine_net:make", "--weights", "w.safetensors"]
    command += ["--data", write(people()), "--target", "hired", "--sensitive", "gender"]
    assert cli.run([*command, "--features", "merit", "noise"]) in (0, 1, 3)
    first = json.loads(Path("reports/mine_net-make/report.json").read_text())
    assert first["model"]["outputs read as"] == "logits, through a sigmoid"
    assert cli.run([*command, "--preprocess", "mine_net:tensors"]) in (0, 1, 3)
    second = json.loads(Path("reports/mine_net-make/report.json").read_text())
    accuracy = [one["findings"][0]["value"] for one in (first["results"][0], second["results"][0])]
    assert accuracy[0] == accuracy[1] > 0.85


def test_a_configuration_file_says_it_all(here):
    write(people(0.3))
    Path("audit.toml").write_text(
        'predictions = "people.csv"\ntarget = "hired"\nprediction = "prediction"\n'
        'sensitive = ["gender"]\nout = "elsewhere"\n'
        + "".join(
            f"[checks.{name}]\nmax_difference = 0.5\n"
            for name in ("demographic-parity", "equal-opportunity", "equalized-odds")
        )
        + '[checks.four-fifths]\nskip = "not in our jurisdiction"\n'
        + '[checks.predictive-parity]\nskip = "x"\n[checks.simpler-model]\nskip = "x"\n'
    )
    assert cli.run(["report", "--config", "audit.toml"]) == 0
    assert Path("elsewhere/report.html").is_file()


def test_a_report_of_predictions_never_loads_torch(here):
    write(people())
    code = (
        "import sys; from auditkit import cli; cli.run(sys.argv[1:]); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "report", "--predictions", "people.csv", *ASK],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


# --- the same again ---


def test_the_same_audit_twice_gives_the_same_bytes_but_for_the_timings(checkpoint):
    def once(out: str) -> dict:
        cli.run(["report", "tumours", "--out", out])
        return json.loads(Path(out, "report.json").read_text())

    first, second = once("a"), once("b")
    assert first.pop("timings") != second.pop("timings")
    assert json.dumps(first) == json.dumps(second)


def test_the_page_holds_the_whole_report(here):
    from auditkit.report.json import dumps

    audit(people(0.3))
    folder = Path("reports/people")
    held = report_from_html((folder / "report.html").read_text())
    assert dumps(held) == (folder / "report.json").read_text()


# --- bad input ---


def test_no_such_file(here, capsys):
    write(people())
    assert "no file poeple.csv" in refused(capsys, "report", "--predictions", "poeple.csv", *ASK)


def test_an_empty_file(here, capsys):
    Path("people.csv").write_text("")
    assert "empty" in refused(capsys, "report", "--predictions", "people.csv", *ASK)


def test_ragged_rows(here, capsys):
    Path("people.csv").write_text("hired,prediction,gender\n1,1,f\n1,0,f,x\n")
    assert "line 3" in refused(capsys, "report", "--predictions", "people.csv", *ASK)


def test_not_utf_8(here, capsys):
    Path("people.csv").write_bytes("hired,prediction,gender\n1,1,fé\n".encode("latin-1"))
    assert "UTF-8" in refused(capsys, "report", "--predictions", "people.csv", *ASK)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="hired"), "no column 'hired'"),
        (lambda f: f.rename(columns={"hired": "hird"}), "did you mean 'hird'"),
        (lambda f: f.assign(hired=1), "nothing to predict"),
        (lambda f: f.assign(hired=f["hired"].astype("object").where(f.index > 0)), "missing in 1"),
        (lambda f: f.drop(columns="gender"), "no column 'gender'"),
        (lambda f: f.assign(gender=None), "is empty"),
        (lambda f: f.drop(columns="prediction"), "no column 'prediction'"),
        (lambda f: f.assign(prediction=3), "'3'"),
        (lambda f: f.assign(hired=f["hired"].map({0: "no", 1: "yes"})), "--positive"),
        (lambda f: f.iloc[:0], "no rows"),
    ],
)
def test_columns_that_are_not_what_was_said(here, capsys, change, said):
    name = write(change(people()))
    assert said in refused(capsys, "report", "--predictions", name, *ASK)


def test_a_target_with_levels_never_seen_in_training(checkpoint, capsys):
    from auditkit.data.catalogue import load

    frame = load("breast-cancer").frame
    frame["diagnosis" if "diagnosis" in frame else frame.columns[-1]] = "unheard of"
    name = write(frame)
    assert "never seen" in refused(capsys, "report", "tumours", "--data", name)


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
@pytest.mark.parametrize("harm", ["missing", "cut off", "tampered"])
def test_a_harmed_checkpoint(checkpoint, capsys, name, harm):
    path = checkpoint / name
    content = path.read_bytes()
    match harm:
        case "missing":
            path.unlink()
        case "cut off":
            path.write_bytes(content[:100])
        case "tampered":
            path.write_bytes(
                content.replace(b"0", b"1", 1) if name == "card.json" else content[::-1]
            )
    assert "tumours" in refused(capsys, "report", "tumours")


def test_a_checksum_that_does_not_match(here, monkeypatch, capsys):
    from auditkit.data.catalogue import CATALOGUE

    monkeypatch.setenv("AUDITKIT_CACHE", str(here / "cache"))
    cached = CATALOGUE["german"].source.cached
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"not what was promised")
    said = refused(capsys, "train", "fnn", "--data", "german", "--out", "x")
    assert "sha256" in said
    assert "auditkit data fetch german" in said


def test_no_network_and_no_cache(here, monkeypatch, capsys):
    monkeypatch.setenv("AUDITKIT_CACHE", str(here / "cache"))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "2")
    said = refused(capsys, "train", "fnn", "--data", "adult", "--out", "x")
    assert "archives" in said


def test_a_configuration_with_an_unknown_key(here, capsys):
    Path("audit.toml").write_text('modle = "x"\n')
    assert "did you mean 'model'" in refused(capsys, "report", "--config", "audit.toml")
    Path("audit.toml").write_text('[checks.performence]\nmin_auc = 0.9\npredictions = "x"\n')
    assert "did you mean 'performance'" in refused(capsys, "report", "--config", "audit.toml")


def test_an_output_folder_that_cannot_be_written(here, capsys):
    name = write(people())
    Path("taken").write_text("a file")
    said = refused(capsys, "report", "--predictions", name, *ASK, "--out", "taken")
    assert "--out" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["report"],
        ["report", "nowhere"],
        ["report", "tumours", "--model", "a:b"],
        ["report", "tumours", "--nonsense"],
        ["report", "--predictions", "people.csv", "--target", "hired"],
        ["report", "--predictions", "people.csv", "--prediction", "prediction"],
        ["report", "--model", "nowhere:make", "--data", "people.csv", "--target", "hired"],
        ["report", "--model", "json:dumps"],
        ["train", "fnn", "--data", "people.csv", "--out", "x"],
        ["train", "fnn", "--data", "adlt", "--out", "x"],
        ["train", "fm", "--data", "breast-cancer", "--out", "x"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--epochs", "0"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--set", "width"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--set", "with=3"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--device", "abacus"],
        ["train"],
        ["train", "fnn"],
        ["train", "fnn", "--data", "digits", "--out", "x"],
        ["train", "cnn", "--data", "adult", "--out", "x"],
        ["train", "encoder-decodr", "--data", "digits", "--out", "x"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--preset", "slow"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--preset", "full"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--set", "conditional=true"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--resume"],
        ["train", "gan", "--data", "digits", "--out", "x", "--set", "width=0"],
        ["report", "tumours", "--judge", "tumours"],
        ["train", "gan", "--data", "digits", "--out", "x", "--judge", "nowhere"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--judge", "nowhere"],
        ["train", "cnn", "--data", "digits", "--out", "x", "--sensitive", "image"],
        ["train", "decoder", "--data", "names", "--out", "x", "--set", "units=pieces"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--seed", "-1"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--set", "width=0"],
        ["train", "fnn", "--data", "breast-cancer", "--out", "x" * 300],
        ["report", "x" * 300],
        ["report", "--predictions", "x" * 300, *ASK],
        ["report", "--predictions", "**.csv", *ASK],
        ["report", "--predictions", "people.csv", *ASK, "--seed", "-1"],
        ["report", "--predictions", "people.csv", *ASK, "--sensitive", "prediction"],
        ["report", "--predictions", "people.csv", *ASK, "--prediction", "hired"],
        ["report", "--predictions", "people.csv", *ASK, "--features", "prediction"],
        ["data", "show", "adlt"],
        ["data", "fetch", "adlt"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line(here, capsys, arguments):
    write(people())
    refused(capsys, *arguments)


def test_a_training_that_diverges_keeps_its_best_epoch_and_says_so(here, capsys):
    command = ["train", "fnn", "--data", "breast-cancer", "--out", "x", "--learning-rate", "1e30"]
    assert cli.run([*command, "--set", "clip=0", "batch_size=100000"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    # One step an epoch: the first loss is that of the first weights, the second no number.
    assert "diverged at step 2" in err
    assert ("saved in x" in err) == Path("x").exists()


def test_a_pair_that_does_not_fit_says_which_do(here, capsys):
    said = refused(capsys, "train", "fnn", "--data", "digits", "--out", "x")
    assert "fnn does not fit these data (images" in said
    assert "cnn, dcgan, gan would" in said


def test_an_unknown_network_and_an_unknown_choice_are_met_with_the_nearest(here, capsys):
    said = refused(capsys, "train", "encoder-decodr", "--data", "digits")
    assert "did you mean 'encoder-decoder'" in said
    said = refused(capsys, "train", "cnn", "--data", "digits", "--set", "epoch=3")
    assert "did you mean 'epochs'" in said


def test_every_pair_is_listed_with_its_score_and_its_time(capsys):
    from auditkit.models.presets import PRESETS

    assert cli.run(["train", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + sum(map(len, PRESETS.values()))
    line = next(one for one in lines if one.startswith("cnn") and "quick" in one)
    assert line.split() == ["cnn", "fashion-mnist", "quick", "accuracy", "0.925", "180", "s"]


def test_code_that_ends_the_program_never_ends_it_with_success(here, capsys):
    Path("quits.py").write_text("import sys\nsys.exit(0)\n")
    command = ["report", "--model", "quits:make", "--data", write(people()), "--target", "hired"]
    assert "SystemExit" in refused(capsys, *command)


def test_a_folder_called_like_a_data_set_is_not_mistaken_for_it(checkpoint):
    Path("breast-cancer").mkdir()
    assert cli.run(["report", "tumours"]) in (0, 1, 3)


def test_another_positive_value_than_the_catalogues_is_refused(here, capsys):
    Path("mine_too.py").write_text(FACTORY)
    command = ["report", "--model", "mine_too:make", "--data", "breast-cancer"]
    assert "--positive" in refused(capsys, *command, "--positive", "benign")


def test_names_too_long_to_be_shown_are_refused(here, capsys):
    long = people().assign(gender=lambda f: f["gender"].replace("A", "x" * 5000))
    assert "shorten" in refused(capsys, "report", "--predictions", write(long), *ASK)
    wide = people().rename(columns={"noise": "x" * 5000})
    assert "shorten" in refused(capsys, "report", "--predictions", write(wide), *ASK)


def test_help_and_version(capsys):
    assert cli.run(["--help"]) == 0
    assert cli.run(["report", "--help"]) == 0
    assert cli.run(["--version"]) == 0
    assert "auditkit" in capsys.readouterr().out


def test_the_catalogue_can_be_read(capsys):
    assert cli.run(["data", "list"]) == 0
    assert cli.run(["data", "show", "compas"]) == 0
    out = capsys.readouterr().out
    for word in ("adult", "german", "licence", "citation", "known problems", "race"):
        assert word in out
    assert cli.run(["data", "fetch", "diabetes"]) == 0
