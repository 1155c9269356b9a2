"""Put the tables of `benchmark` into docs/benchmarks.md: one line a set, then all rows.

python -m sahelclf benchmark root=CLONES part=test out=experiments/08-public-sets
python -m sahelclf benchmark root=CLONES part=test out=experiments/08-public-sets benchmark=stance
python experiments/08-public-sets/page.py
"""

import json
from pathlib import Path

from tabulate import tabulate

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"
MODELS = ("keywords", "tfidf", "embedding", "transformer", "blend")


def summary(suites):
    """Published metric on the published rows: every model, and the best of what others report."""
    lines = []
    for suite in suites:
        rows = [
            r
            for r in json.loads((HERE / f"{suite}-test.json").read_text(encoding="utf-8"))["rows"]
            if r["published"]
        ]
        for name in dict.fromkeys(r["set"] for r in rows):
            own = {r["system"]: r for r in rows if r["set"] == name}
            first = next(iter(own.values()))
            best = max(first["others"], key=lambda o: o["value"], default=None)
            values = [f"{100 * own[m]['value']:.1f}" if m in own else "" for m in MODELS]
            lines.append(
                [
                    f"{name} ({first['n_rows']:,})",
                    first["metric"],
                    *values,
                    f"{best['value']:.1f} {best['system']}" if best else "",
                ]
            )
    headers = ["set (test rows)", "published metric", *MODELS, "best of others"]
    return tabulate(lines, headers=headers, tablefmt="github", disable_numparse=True)


def main():
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    suites = ("conflict", "stance")
    tables = "\n".join((HERE / f"{suite}-test.md").read_text(encoding="utf-8") for suite in suites)
    title = "All rows: both metrics, unseen rows, intervals, seeds averaged"
    every = f"<details markdown><summary>{title}</summary>\n\n{tables}\n</details>"
    text = f"{summary(suites)}\n\n{every}\n"
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
