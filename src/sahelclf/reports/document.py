"""The folder of a report: report.md, methods.tex, references.bib, tables and figures."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sahelclf.reports.bibliography import bibliography, cited_keys
from sahelclf.reports.methods import as_latex
from sahelclf.reports.tables import Subject, Table
from sahelclf.reports.text import escape_markdown, file_stem, table
from sahelclf.templates import render


def write_report(
    folder: Path,
    subjects: Sequence[Subject],
    tables: Sequence[Table],
    paragraph: str,
    citations: dict[str, str],
    notes: Sequence[str],
) -> None:
    """Write everything into an empty folder; `citations` are entries beside references.bib."""
    named = dict(zip(_stems(t.name for t in tables), tables, strict=True))
    _write_tables(folder / "tables", named)
    drawn = [s for s in subjects if "passages" in s.tables]
    stems = _stems(s.name for s in drawn)
    text = render(
        "sahelclf.reports",
        "report.md",
        paragraph=paragraph,
        tables=named,
        figures={
            s.name: _write_figures(folder, stem, s) for stem, s in zip(stems, drawn, strict=True)
        },
        notes=[*notes, *(f"{s.name}: {n}" for s in subjects for n in s.manifest["notes"])],
        table=table,
        markdown=escape_markdown,
    )
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "methods.tex").write_text(as_latex(paragraph), encoding="utf-8")
    references = bibliography(cited_keys(paragraph), citations)
    (folder / "references.bib").write_text(references, encoding="utf-8")


def _write_tables(folder: Path, tables: dict[str, Table]) -> None:
    import pandas as pd

    folder.mkdir()
    for stem, t in tables.items():
        pd.DataFrame(t.records).to_csv(folder / f"{stem}.csv", index=False)
        text = table(t.shown, "latex_booktabs") + "\n"
        (folder / f"{stem}.tex").write_text(text, encoding="utf-8")


def _write_figures(folder: Path, stem: str, subject: Subject) -> list[Path]:
    """Draw what the predictions allow, as PNG and PDF; paths of the PNGs in the folder."""
    from sahelclf.reports.figures import draw
    from sahelclf.reports.figures.data import FigureData

    (folder / "figures" / stem).mkdir(parents=True)
    thresholds = np.array([subject.manifest["thresholds"][t] for t in subject.names.topics])
    data = FigureData(*subject.tables["passages"], thresholds)
    paths = []
    for name, figure in draw(data).items():
        path = Path("figures", stem, f"{name}.png")
        figure.savefig(folder / path)
        figure.savefig(folder / path.with_suffix(".pdf"))
        paths.append(path)
    return paths


def _stems(names: Iterable[str]) -> list[str]:
    """File names without suffix, each once."""
    stems: list[str] = []
    for name in names:
        stem, n = file_stem(name), 1
        while (stem if n == 1 else f"{stem}-{n}") in stems:
            n += 1
        stems.append(stem if n == 1 else f"{stem}-{n}")
    return stems
