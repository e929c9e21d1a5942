# `make quickstart` and `make test` need nothing but Python 3.11: each makes .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help install quickstart from-scratch test test-full test-extras test-gpu lint format notebooks bench bench-gpu docs clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed  ## .venv with the pinned dependencies and the package, editable

.venv/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; assert (3,11) <= sys.version_info[:2] < (3,13), f"Python 3.11 or 3.12 is needed, this is {sys.version}: make PYTHON=python3.11"'
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt 'pip>=25.1' 'setuptools>=77'
	$(BIN)/python -m pip install --quiet --progress-bar off -c constraints.txt -e '.[notebooks]' --group dev
	@touch $@

quickstart: install  ## trains a unified model on the package's tokenizer: logs/quickstart/index.html
	$(BIN)/unif2ace-quickstart

from-scratch: install  ## trains classifier, tokenizer, unified model and evaluator: logs/from_scratch/index.html
	$(BIN)/unif2ace-quickstart from_scratch=true

test: install  ## the tests, on two processes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow"

test-full: install  ## all tests, slow ones too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q

test-extras: install  ## what needs optional packages: installs the extras, runs their tests
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[clip,collect,demo,identity,lora,parquet,ray,comet,mlflow,trackio,wandb]' onnx
	$(BIN)/python -m pip install --quiet --no-deps -c constraints.txt facenet-pytorch   # pins an old torch; only its weights are read
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/nets/visual_encoders tests/loggers tests/modules/test_lora.py tests/evaluation/test_clip_score.py tests/curation tests/data/sources tests/data/export_formats tests/demo tests/inference/test_pipeline.py

test-gpu: install  ## what needs a GPU
	$(BIN)/python -m pytest -q -k gpu

lint: install  ## style, types, docstrings, spelling: all hooks on all files
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

format: install  ## mends what can be mended by itself
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

notebooks: install  ## runs every notebook
	$(BIN)/python scripts/run_notebooks.py

bench: install  ## every benchmark: a table here, logs/bench/NAME.json beside
	$(BIN)/python -m benchmarks

bench-gpu: install  ## training and attention on the GPUs of this machine, at most 8 minutes: logs/bench/gpu.json
	$(BIN)/python -m benchmarks.gpu

docs: install  ## the documentation: site/index.html; fails on a broken link
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:  ## removes .venv and caches; data and logs stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info
