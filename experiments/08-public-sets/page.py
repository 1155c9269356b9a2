"""Put the tables of `benchmark` into docs/benchmarks.md.

python -m sahelclf benchmark root=CLONES part=test out=experiments/08-public-sets
python -m sahelclf benchmark root=CLONES part=test out=experiments/08-public-sets benchmark=stance
python experiments/08-public-sets/page.py
"""

from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"


def main():
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tables = [(HERE / f"{suite}-test.md").read_text(encoding="utf-8") for suite in ("conflict", "stance")]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(tables) + f"{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
