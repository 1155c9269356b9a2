"""Values that are paths, sweeps over them, and Hydra's complaints in our words."""

import logging

import pytest

from sahelclf.cli.hydra import composed, run_jobs
from sahelclf.errors import RequestError
from sahelclf.training.compose import compose_benchmark, compose_config, overrides_of

PATHS = [
    "données", "Pays/Ségou", "corpus (v2)", "l'Est", "it~x", "a,b", "x=y", "a&b", "a b", "[x]",
    "{a}", "${b}", "x\\${a}", "a\\", "a\\'b", "C:\\x\\y'", "'q", "1", "true", "~", "a:b", "#x",
    "%", "$x", " lead", "trail ", "choice(a", "glob(*)", "@x", "日本", "a\tb", 'say "so"',
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_it_is_typed(path):
    config = composed("train", [f"corpus={path}", f"out={path}"], compose_config)
    assert (config.corpus, config.out) == (path, path)
    benchmark = composed("benchmark", [f"root={path}", f"out={path}"], compose_benchmark)
    assert (benchmark.root, benchmark.out) == (path, path)
    assert compose_config(overrides_of({"corpus": path, "resume": path})).corpus == path


def jobs(*words: str) -> list[dict]:
    settings: list[dict] = []
    assert run_jobs("train", [*words], lambda s, _: settings.append(s)) == []
    return settings


def test_paths_in_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep = ("-m", f"hydra.sweep.dir={tmp_path}", "hydra.sweep.subdir=.")
    for path in PATHS:
        assert [s["corpus"] for s in jobs(f"corpus={path}")] == [path]
    both = jobs(*sweep, "corpus=a,b", "out=l'Est (é)", "seed=0,1")
    assert [(s["corpus"], s["out"], s["seed"]) for s in both] == [
        ("a,b", "l'Est (é)", 0),
        ("a,b", "l'Est (é)", 1),
    ]
    assert [s["corpus"] for s in jobs(*sweep, "corpus='a,b','é'")] == ["a,b", "é"]
    assert jobs("corpus=null")[0]["corpus"] is None


def test_the_jobs_of_a_sweep_do_not_stop_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def job(settings: dict, _: list[str]) -> None:
        if settings["seed"] == 0:
            raise RequestError("no")

    words = ["-m", "seed=0,1,0", f"hydra.sweep.dir={tmp_path}", "hydra.sweep.subdir=."]
    assert [str(f) for f in run_jobs("train", words, job)] == ["no", "no"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sed=3", "train: no setting 'sed'; did you mean 'seed'?"),
        ("modle=tfidf", "train: no setting 'modle'; did you mean 'model'?"),
        ("model.CC=3", "train: 'model' has no 'CC'; did you mean 'C'?"),
        ("model.zzz=3", "train: 'model' has no 'zzz'; expected one of kind, features, C"),
        ("model=tfdf", "train: model=tfdf: did you mean 'tfidf'?"),
        ("seed=1,2", "train: seed=1,2: several values; add -m"),
        ("split=é", "train: split=é: not readable; expected key=value"),
        ("seed", "train: 'seed' has no '='; expected seed=VALUE"),
        ("keywords", "train: 'keywords' has no '='; did you mean model=keywords?"),
        ("+foo=1", "train: foo: no such setting; expected one of seed, model"),
        ("+sed=1", "train: sed: no such setting; did you mean 'seed'?"),
        ("model.C=-1", "train: model.C: found -1; expected more than 0"),
        ("model.class_weight=x", "train: model.class_weight: "),
        ("--nonsense", "train: unknown option '--nonsense'"),
        ("seed=x", "train: seed: found 'x'; expected a whole number"),
    ],
)
def test_a_complaint_says_what_to_type(word, message):
    with pytest.raises(RequestError) as raised:
        composed("train", [word], compose_config)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_settings_of_the_api_become_overrides():
    block = {"name": "w", "analyzer": "word", "ngram_range": [1, 2], "min_df": 1}
    settings = {"model": "tfidf", "model.C": 8, "cv": None, "seed": 3}
    config = compose_config(
        overrides_of(settings | {"model.features": [block | {"max_features": None}]})
    )
    assert (config.model.C, config.cv, config.seed) == (8.0, None, 3)
    assert config.model.features[0].ngram_range == [1, 2]


def test_hydra_leaves_our_messages_on():
    log = logging.getLogger("sahelclf.predict.run")
    assert run_jobs("train", [], lambda _settings, _overrides: None) == []
    assert not log.disabled
