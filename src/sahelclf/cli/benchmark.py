"""`benchmark`: read the request, run the models on public sets, and print the table."""

from sahelclf.cli.console import progress, result, say, table

HELP = """usage: python -m sahelclf benchmark root=FOLDER [key=value …]

Fit the models on public sets and score them: by the published metric on the published split and by
macro-F1 over the labels, both with 95% intervals; again without the test texts that are also in the
training part; beside the figures that others report. No text of a set is stored.

  benchmark=conflict     the suite (default conflict; also stance): conf/benchmark/
  root=FOLDER            the folder with the clones of the public repositories, each under its own
                         name; the message about a missing one says how to get it
  part=dev               scores on development rows, cross-fitted (default): use these for choices
  part=test              the final table; every use adds a line to the ledger
  sets=[satp_relevant]   some of the sets of the suite
  models=[tfidf,blend]   some of keywords, tfidf, embedding, transformer, blend
  seeds=[0,1,2]          seeds of the transformer
  model.transformer.epochs=3    settings, for every set
  out=FOLDER             cells, ledger and results (default benchmarks/<suite>); fits that are there
                         already are not repeated

The table goes to standard error. The last line of standard output is the folder. An MLflow run of
kind 'benchmark' holds both.

examples:
  python -m sahelclf benchmark root=clones
  python -m sahelclf benchmark root=clones benchmark=stance models=[tfidf,blend] part=test
"""


def run(args: list[str]) -> int:
    """Fit the cells that are missing, score, and print the table."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    from sahelclf.cli.hydra import composed
    from sahelclf.training.compose import compose_benchmark

    config = composed("benchmark", args, compose_benchmark)
    from sahelclf.studies.benchmark.leakage import leak_table
    from sahelclf.studies.benchmark.results import HEADER, shown_rows
    from sahelclf.workflows.benchmark import benchmark

    with progress("reading the sets") as show:
        outcome = benchmark(config, show)
    for name, leaks in outcome.leaks.items():
        say(f"{name}: texts that occur more than once\n")
        table(leak_table(leaks))
        say()
    table([HEADER, *shown_rows(outcome.rows)])
    say(f"\nrun {outcome.run_id}; the same table is in {outcome.folder / outcome.name}.md")
    result(str(outcome.folder))
    return 0
