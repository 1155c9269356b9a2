# Two commands: `make train` and `make test`. Everything they need is installed into .venv from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-tools lint lock clean

train: .venv/transformer.stamp
	$(BIN)/python -m sahelclf train

test: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder  # files of few long tests first, not last

test-tools: .venv/dev.stamp
	$(BIN)/python -m pytest -m tools --override-ini addopts="-ra --strict-markers --strict-config"

lint: .venv/dev.stamp
	$(BIN)/ruff check --fix .

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/transformer.stamp: pyproject.toml requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[transformer]'
	touch $@

.venv/dev.stamp: pyproject.toml requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@ .venv/transformer.stamp

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
