"""The wheel, installed elsewhere without the repository, trains and predicts from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_wheel_works_without_the_repository(tmp_path):
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(REPOSITORY),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    source = REPOSITORY / "src"
    suffixes = {
        ".html",
        ".css",
        ".js",
        ".md",
        ".tex",
        ".yaml",
        ".bib",
        ".R",
        ".json",
        ".py",
        ".typed",
    }
    packaged = [p for p in source.rglob("*") if p.suffix in suffixes or p.name == "py.typed"]
    assert {p.relative_to(source).as_posix() for p in packaged} <= set(names)
    assert {"sahelclf/data/conf/train.yaml", "sahelclf/data/annotations/passages.jsonl"} <= set(
        names
    )
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
        timeout=120,
    )
    work = tmp_path / "anywhere"
    work.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")} | {
        "PYTHONPATH": str(site)
    }

    def run(*args, stdin=None):
        return subprocess.run(
            [sys.executable, *args],
            cwd=work,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    where = run(
        "-c",
        "import sahelclf, sahelclf.paths; print(sahelclf.__file__, sahelclf.paths.data_root())",
    ).stdout
    assert str(REPOSITORY) not in where
    assert str(site) in where
    trained = run("-m", "sahelclf", "train", "model=keywords", "crossfit=2")
    assert trained.returncode == 0, trained.stderr
    said = run(
        "-m",
        "sahelclf",
        "predict",
        trained.stdout.split()[-1],
        "-",
        stdin="Niger expelled the ambassador of France on Friday, the ministry said.",
    )
    assert said.returncode == 0, said.stderr
    assert '"unit":"document"' in said.stdout
