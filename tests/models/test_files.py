import json
import os
import resource
from pathlib import Path

import pytest

from auditkit.errors import ModelError, UsageError
from auditkit.models import files, sealed
from auditkit.models.files import CARD, WEIGHTS


@pytest.fixture
def folder(model_and_card, tmp_path) -> Path:
    return files.save(tmp_path / "made", *model_and_card)


def test_a_checkpoint_is_two_files_and_nothing_else(folder):
    assert sorted(one.name for one in folder.iterdir()) == [CARD, WEIGHTS]
    assert sorted(one.name for one in folder.parent.iterdir()) == ["made"]
    json.loads((folder / CARD).read_text())


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        files.load(folder)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_file_cut_off_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="again"):
        files.load(folder)


def test_one_changed_bit_of_the_weights_is_found(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-10] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(content))
    with pytest.raises(ModelError, match="checksum"):
        files.load(folder)


def test_one_changed_figure_of_the_card_is_found(folder):
    raw = json.loads((folder / CARD).read_text())
    raw["training"]["seed"] += 1
    (folder / CARD).write_text(json.dumps(raw))
    with pytest.raises(ModelError, match="changed"):
        files.load(folder)


def test_a_card_laid_out_anew_is_still_itself(folder):
    raw = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(raw, indent=7, sort_keys=True))
    files.load(folder)


@pytest.mark.parametrize("text", ["[]", "3", '"card"', "{}", '{"format": 9}'])
def test_json_that_is_no_card_is_refused(folder, text):
    (folder / CARD).write_text(text)
    with pytest.raises(ModelError):
        files.load(folder)


def test_a_resealed_card_with_a_strange_architecture_is_refused(folder):
    raw = json.loads((folder / CARD).read_text())
    raw.pop("sha256")
    raw["options"]["width"] = 3
    raw["sha256"] = sealed.seal_of(raw)
    (folder / CARD).write_text(json.dumps(raw))
    with pytest.raises(ModelError, match="do not fit"):
        files.load(folder)


def test_a_card_that_asks_for_far_more_than_its_weights_is_refused_without_making_them(folder):
    resealed(folder, options__width=65_536, options__depth=64)  # a terabyte
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes
    with pytest.raises(ModelError, match="do not fit"):
        files.load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 500_000


def resealed(folder: Path, **changes: object) -> None:
    raw = json.loads((folder / CARD).read_text())
    raw.pop("sha256")
    for path, value in changes.items():
        part, place = raw, path.split("__")
        for one in place[:-1]:
            part = part[one]
        part[place[-1]] = value
    raw["sha256"] = sealed.seal_of(raw)
    (folder / CARD).write_text(json.dumps(raw))


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": 3},
        {"architecture": []},
        {"architecture": "fm"},
        {"options__width": -1},
        {"options__width": 10**12},
        {"schema__target__name": 5},
        {"schema__target__name": [1]},
        {"schema__positive": "zz"},
        {"schema__positive": 1},
        {"data__test_fraction": "a"},
        {"data__split_seed": -1},
        {"data__split_seed": "x"},
        {"training__history": []},
        {"training__best_epoch": 99},
        {"training__seconds": "a"},
        {"encoder__numeric": 3},
    ],
    ids=str,
)
def test_a_card_sealed_over_nonsense_is_refused(folder, changes):
    resealed(folder, **changes)
    with pytest.raises(ModelError):
        files.load(folder)


def test_a_card_too_deep_to_be_one_is_refused(folder):
    (folder / CARD).write_text("[" * 100_000)
    with pytest.raises(ModelError, match="not JSON"):
        files.load(folder)


def test_no_folder_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match="auditkit train"):
        files.load(tmp_path / "nothing")


def test_a_folder_of_other_things_is_not_replaced(model_and_card, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        files.save(tmp_path, *model_and_card)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_older_checkpoint_is_replaced_whole(model_and_card, folder):
    (folder / WEIGHTS).write_bytes(b"old")
    files.save(folder, *model_and_card)
    files.load(folder)
    assert [one.name for one in folder.parent.iterdir()] == ["made"]


def test_a_save_that_dies_leaves_the_old_checkpoint(model_and_card, folder, monkeypatch):
    before = (folder / CARD).read_bytes()

    def die(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", die)
    with pytest.raises(UsageError, match="No space"):
        files.save(folder, *model_and_card)
    assert (folder / CARD).read_bytes() == before
    files.load(folder)
    assert [one.name for one in folder.parent.iterdir()] == ["made"], "nothing half-written"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_refused(model_and_card, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="--out"):
        files.save(tmp_path / "made", *model_and_card)
