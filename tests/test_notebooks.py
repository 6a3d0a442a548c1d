"""Each notebook runs from its first cell to its last, and what it shows is drawn."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SECONDS = 600  # a shared machine is slow; on two idle cores it takes two minutes

# What a notebook does with the last line of a cell: an object that can draw itself draws itself.
DRAWS = """
import json, sys
_seen = []
def _displayed(cell, shown):
    if shown is not None:
        html = shown._repr_html_() if hasattr(shown, "_repr_html_") else repr(shown)
        figures = len(shown.figures) if hasattr(shown, "figures") else 0
        _seen.append([cell, type(shown).__name__, len(html), figures])
"""
TELLS = "\nsys.stdout.write('\\n' + json.dumps(_seen))\n"


def code_cells(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]


def script(cells: list[str]) -> str:
    """The cells as one program that displays the last expression of each."""
    parts = [DRAWS]
    for place, cell in enumerate(cells, start=1):
        body = ast.parse(cell).body
        lines = [ast.unparse(one) for one in body]
        if isinstance(body[-1], ast.Expr):
            lines[-1] = f"_displayed({place}, {lines[-1]})"
        parts += lines
    return "\n".join([*parts, TELLS])


def shown_by(
    cells: list[str], folder: Path, full: bool = False
) -> tuple[str, list[tuple[int, str, int, int]]]:
    """What was printed; and of each cell that showed something its type, size and figures."""
    path = folder / "notebook.py"
    path.write_text(script(cells), encoding="utf-8")
    environment = os.environ | {"AUDITKIT_FULL": "1" if full else "0"}
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True, text=True, cwd=EXAMPLES, env=environment, check=False,
        timeout=None if full else SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    *printed, last = done.stdout.splitlines()
    return "\n".join(printed), [tuple(one) for one in json.loads(last)]


def test_there_is_a_notebook():
    assert [one.name for one in NOTEBOOKS] == ["probing.ipynb"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.name)
def test_a_notebook_is_kept_without_outputs(notebook):
    text = notebook.read_text(encoding="utf-8")
    held = json.loads(text)
    assert held["nbformat"] == 4
    ids = [one["id"] for one in held["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in held["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert text == json.dumps(held, indent=1, ensure_ascii=False) + "\n"


def test_a_cell_that_raises_is_told(tmp_path):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        shown_by(["a = 1", "a / 0"], tmp_path)


def test_what_a_cell_ends_with_is_shown(tmp_path):
    printed, seen = shown_by(["a = [1]\nprint('here')\na", "b = a", "None"], tmp_path)
    assert printed.strip() == "here"
    assert seen == [(1, "list", 3, 0)]


@pytest.mark.network
def test_the_probing_notebook_draws_what_it_finds(tmp_path):
    drawn(tmp_path, full=False)


@pytest.mark.slow
@pytest.mark.network
def test_the_probing_notebook_runs_on_all_rows(tmp_path):
    drawn(tmp_path, full=True)


def drawn(folder: Path, *, full: bool) -> None:
    """Nothing raises; each instrument is seen, but those whose data cannot be had here."""
    printed, seen = shown_by(code_cells(EXAMPLES / "probing.ipynb"), folder, full)
    pictures = [figures for _, kind, _, figures in seen if kind == "Shown"]
    assert all(one >= 1 for one in pictures)
    missing = printed.count("cannot be had here")
    assert len(pictures) == 11 or (missing and len(pictures) >= 2)


def test_the_start_in_the_guide_runs_as_it_stands(tmp_path):
    guide = EXAMPLES.parent / "docs" / "probing.md"
    block = guide.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    _, ((_, kind, size, figures),) = shown_by([block], tmp_path)
    assert kind == "Shown"
    assert size > 5000
    assert figures == 3
