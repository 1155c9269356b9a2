"""Rooms import only from rooms above, without circles; one room imports mlflow."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

import sahelclf

SOURCE = Path(sahelclf.__file__).parent
ROOMS = [
    "errors",
    "records",
    "codebook",
    "files",
    "delimited",
    "versions",
    "paths",
    "templates",
    "models.runtime",
    "corpus",
    "tasks",
    "models",
    "config",
    "evaluation",
    "tracking",
    "training",
    "bundle",
    "reports",
    "studies.benchmark",
    "studies.robustness",
    "predict",
    "annotation",
    "measurement",
    "workflows",
    "look",
    "cli",
]
OUTSIDE = {"", "__main__"}  # the package itself offers names of all rooms
NEVER = {("models", "evaluation"), ("evaluation", "models"), ("evaluation", "models.runtime")}


def modules() -> dict[str, Path]:
    files = [p for p in SOURCE.rglob("*.py") if "data" not in p.relative_to(SOURCE).parts]
    names = {".".join(p.relative_to(SOURCE).with_suffix("").parts): p for p in files}
    return {n.removesuffix("__init__").removesuffix("."): p for n, p in names.items()}


MODULES = modules()


def imports(path: Path) -> set[str]:
    """Full names that a module imports, anywhere in it, those inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            package = ("sahelclf", *path.relative_to(SOURCE).parts)[: -node.level]
            module = ".".join([*package, node.module]) if node.level else node.module
            found.update(f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def own_imports(path: Path) -> set[str]:
    """Modules of this package that a module imports."""
    found = set()
    for name in imports(path):
        if name.startswith("sahelclf."):
            inner = name.removeprefix("sahelclf.")
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found


def room(module: str) -> str:
    inside = [r for r in ROOMS if module == r or module.startswith(f"{r}.")]
    return max(inside, key=len, default=module)


GRAPH = {name: own_imports(path) for name, path in MODULES.items()}


def test_every_module_is_in_a_room():
    packages = {"studies"}
    assert {room(m) for m in MODULES} - OUTSIDE - packages == set(ROOMS)


def test_a_module_imports_only_from_rooms_above_it():
    wrong = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if module not in OUTSIDE and other not in OUTSIDE and room(module) != room(other)
        if ROOMS.index(room(other)) > ROOMS.index(room(module))
    ]
    assert not wrong


def test_no_circle_imports_inside_functions_included():
    try:
        TopologicalSorter({m: o - OUTSIDE for m, o in GRAPH.items()}).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def test_models_and_evaluation_do_not_import_each_other():
    wrong = [(m, o) for m, others in GRAPH.items() for o in others if (room(m), room(o)) in NEVER]
    assert not wrong


def test_readers_of_bundles_import_few_packages():
    allowed = {"sahelclf", "numpy", "onnxruntime", "tokenizers"}
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if room(module) == "models.runtime"
        for name in imports(path)
        if name.split(".")[0] not in allowed | set(sys_modules())
    ]
    assert not wrong


def sys_modules() -> frozenset[str]:
    import sys

    return sys.stdlib_module_names


def test_tracking_is_the_only_importer_of_mlflow():
    importers = {
        room(m)
        for m, path in MODULES.items()
        if any(n.split(".")[0] == "mlflow" for n in imports(path))
    }
    assert importers == {"tracking"}


def test_training_knows_no_tracker_and_no_bundle():
    wrong = [
        (m, o)
        for m, others in GRAPH.items()
        if room(m) in {"training", "studies.benchmark", "studies.robustness"}
        for o in others
        if room(o) in {"tracking", "bundle"}
    ]
    assert not wrong


def test_no_label_name_stands_in_the_code():
    codebook = SOURCE.parents[1] / "annotations" / "codebook.yaml"
    book = yaml.safe_load(codebook.read_text(encoding="utf-8"))
    names = [n for n in (*book["topics"], *book["parties"]) if n != "other"]
    wrong = [
        f"{module}:{node.lineno}: {node.value}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not wrong


def test_modules_and_functions_stay_short_enough_to_hold_in_the_head():
    long = []
    for module, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 350:
            long.append(f"{module}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > 60:
                long.append(f"{module}: {node.name}")
    assert not long
