# Two commands: `make train` and `make test`. Everything they need is installed into .venv from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test docs quick test-tools lint clean

train: .venv/transformer.stamp
	$(BIN)/python -m sahelclf train

test: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder  # files of few long tests first, not last

# Types and the fast tests at the same time: each takes about one core.
quick: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & pid=$$!; $(BIN)/python -m pytest -q -m 'not slow and not tools'; tests=$$?; wait $$pid && exit $$tests

test-tools: .venv/dev.stamp
	$(BIN)/python -m pytest -m tools --override-ini addopts="-ra --strict-markers --strict-config"

# The documentation as a site, in site/; a broken link ends it.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/transformer.stamp: pyproject.toml requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[transformer]'
	touch $@

.venv/dev.stamp: pyproject.toml requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	touch $@ .venv/transformer.stamp

.venv/docs.stamp: pyproject.toml requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[docs]'
	touch $@

clean:
	rm -rf .venv build dist site .pytest_cache .mypy_cache .ruff_cache
