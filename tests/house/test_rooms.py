"""The never-rules of docs/architecture.md, kept by reading the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import auditkit

HOUSE = Path(auditkit.__file__).parent
MODULES = {
    ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in HOUSE.rglob("*.py")
}
# fmt: off
MATHEMATICS = {
    "mean", "nanmean", "average", "median", "quantile", "percentile", "std",
    "var", "ptp", "sqrt", "square", "power", "exp", "log",
    "cumsum", "bincount", "histogram", "dot", "cov", "corr", "corrcoef",
}  # asked of a room
# fmt: on
HEAVY = ("torch", "captum", "pandas", "numpy", "plotly", "fairlearn", "jinja2", "sklearn", "scipy")


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """What a file imports, by dotted name; lazy=False leaves out imports inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not lazy:
            hidden |= {id(inner) for inner in ast.walk(node)}
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            hidden |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots; write the whole name"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


def ours(path: Path, *, lazy: bool = True) -> set[str]:
    return {name for name in imports(path, lazy=lazy) if name.split(".")[0] == "auditkit"}


def in_room(name: str, room: str) -> bool:
    return name == f"auditkit.{room}" or name.startswith(f"auditkit.{room}.")


def modules_in(*rooms: str) -> list[tuple[str, Path]]:
    found = [(n, p) for n, p in MODULES.items() if any(in_room(n, room) for room in rooms)]
    assert found, f"no module in {rooms}: the test would pass on nothing"
    return found


def test_no_import_circle():
    graph = {name: ours(path, lazy=True) & set(MODULES) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_errors_import_nothing_of_auditkit():
    assert ours(MODULES["auditkit.errors"]) == set()


def test_results_and_report_know_results_and_errors_alone():
    for name, path in [*modules_in("report"), ("results", MODULES["auditkit.results"])]:
        known = {one for one in ours(path) if not in_room(one, "report")}
        assert known <= {"auditkit.results", "auditkit.errors", "auditkit"}, name
        assert not any(one.split(".")[0] == "torch" for one in imports(path)), name


def test_checks_draw_nothing():
    for name, path in modules_in("checks"):
        tops = {one.split(".")[0] for one in imports(path)}
        assert not tops & {"plotly", "jinja2"}, name
        assert not any(in_room(one, "report") for one in ours(path)), name


def test_checks_do_no_mathematics():
    """They count, order and compare; whatever needs a formula is asked of a measuring room."""
    for name, path in modules_in("checks"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            assert not (called and node.func.attr in MATHEMATICS), f"{name}: {ast.unparse(node)}"
            powered = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
            assert not powered, f"{name}: {ast.unparse(node)}"


def test_measuring_rooms_can_be_used_alone():
    rooms = ("attribution", "probing", "bias", "detection", "statistics")
    present = [room for room in rooms if (HOUSE / room).is_dir()]
    for name, path in modules_in(*present):
        strange = [
            one
            for one in ours(path)
            if any(in_room(one, room) for room in ("results", "subject", "checks", "report"))
        ]
        assert not strange, name


def test_nobody_imports_the_command_line_and_only_it_prints():
    for name, path in MODULES.items():
        if name in ("auditkit.cli", "auditkit.__main__"):  # the second is its other door
            continue
        assert "auditkit.cli" not in imports(path), name
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), name


def test_no_public_name_equals_a_module():
    modules = {name.split(".")[1] for name in MODULES if name.count(".") >= 1}
    assert not modules & set(auditkit.__all__)


def test_nothing_unpickles_or_evaluates():
    for name, path in MODULES.items():
        assert not {one.split(".")[0] for one in imports(path)} & {"pickle", "joblib", "dill"}, name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "torch.load", "pd.read_pickle"), (
                f"{name}: {called}"
            )
            assert called != "np.load", f"{name}: np.load"


@pytest.mark.parametrize("module", ["auditkit", "auditkit.cli", "auditkit.errors"])
def test_the_door_is_light(module: str):
    code = f"import sys, {module}; print([one for one in {HEAVY!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_report_of_predictions_needs_no_torch():
    code = "import sys, auditkit.report.files, auditkit.models.predictions, auditkit.bias.disparity"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_can_be_had():
    for name in auditkit.__all__:
        assert getattr(auditkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = auditkit.nonsense
