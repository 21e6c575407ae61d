# Everything a new machine needs beyond Rust, Python 3.10+ with pip, and make is installed here.
PYTHON ?= python3
BIN := .venv/bin
RUST := $(shell find src benches -type f 2>/dev/null) Cargo.toml Cargo.lock

.PHONY: demo test bench lint clean setup

demo: .venv/built
	$(BIN)/redlane demo

test: lint
	cargo test --release --quiet
	cargo test --release --quiet --doc
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest redlane._core --ignore-missing-stub --concise
	$(BIN)/python -m pytest

bench: .venv/built
	$(BIN)/python benches/compare.py

lint: .venv/built
	cargo fmt --check
	cargo clippy --release --quiet --all-targets --features python -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

setup: .venv/built

.venv/built: pyproject.toml $(RUST) README.md LICENSE-MIT LICENSE-APACHE
	test -x $(BIN)/maturin || ($(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check "maturin>=1.8,<2" pip)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/maturin develop --release --quiet --extras dev
	touch $@

clean:
	rm -rf .venv target demo-report.html
