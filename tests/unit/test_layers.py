"""A module imports only from layers above it; mlflow has one importer; no label name stands in the code."""

import ast
from pathlib import Path

import yaml

import sahelclf

SOURCE = Path(sahelclf.__file__).parent
LAYERS = ["errors", "aside", "codebook", "records", "config", "paths", "corpus", "tasks", "models", "evaluation", "training", "tracking", "export", "labelling", "cli"]
GROUND = {"errors", "aside", "codebook", "records", "config", "paths"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def modules() -> list[tuple[Path, str]]:
    files = [p for p in SOURCE.rglob("*.py") if "data" not in p.relative_to(SOURCE).parts]
    return [(p, p.relative_to(SOURCE).parts[0].removesuffix(".py")) for p in files if (p.name not in {"__main__.py"} and p.parent != SOURCE) or p.stem in GROUND]


def test_a_module_imports_only_from_layers_above_it():
    wrong = []
    for path, own in modules():
        for module in imports(path):
            other = layer(module)
            if module.startswith("sahelclf.") and other != own and LAYERS.index(other) > LAYERS.index(own):
                wrong.append(f"{path.relative_to(SOURCE)} imports {module}")
    assert not wrong


def test_models_and_evaluation_do_not_import_each_other():
    wrong = []
    for path, own in modules():
        pair = {"models": "evaluation", "evaluation": "models"}.get(own)
        wrong += [f"{path.name} imports {m}" for m in imports(path) if pair and layer(m) == pair]
    assert not wrong


def test_tracking_is_the_only_importer_of_mlflow():
    importers = {own for path, own in modules() if any(m.split(".")[0] == "mlflow" for m in imports(path))}
    assert importers == {"tracking"}


def test_training_knows_no_tracker_and_no_export():
    wrong = [m for path, own in modules() if own == "training" for m in imports(path) if layer(m) in {"tracking", "export"}]
    assert not wrong


def test_the_layers_test_sees_every_module():
    assert {own for _, own in modules()} == set(LAYERS)
    assert len(modules()) > 40


def test_no_label_name_stands_in_the_code():
    book = yaml.safe_load((SOURCE.parents[1] / "annotations" / "codebook.yaml").read_text(encoding="utf-8"))
    names = [n for n in (*book["topics"], *book["parties"]) if n != "other"]
    wrong = []
    for path in SOURCE.rglob("*.py"):
        if "data" in path.relative_to(SOURCE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                wrong.append(f"{path.name}:{node.lineno}: {node.value}")
    assert not wrong


def test_modules_and_functions_stay_short_enough_to_hold_in_the_head():
    long = []
    for path, _ in modules():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 350:
            long.append(f"{path.name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > 60:
                long.append(f"{path.name}: {node.name}")
    assert not long
