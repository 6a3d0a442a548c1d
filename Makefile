# make report: train the reference network on Adult if need be, audit it, print the page's path.
# make test:   everything that tells whether auditkit works, in a few minutes on two cores.
# make references: train and audit every reference network (the better part of an hour).
# All set up their own virtual environment; a second call reuses it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: report references test test-all lint types format coverage benchmark benchmark-training \
	wheel-test clean
.DELETE_ON_ERROR:

# An audit that fails or stays undecided (1 and 3) is a result, and no fault of make's.
report: $(VENV)/.installed checkpoints/fnn-adult/card.json
	@$(BIN)/auditkit report checkpoints/fnn-adult --out reports/fnn-adult; code=$$?; \
	case $$code in 0|1|3) ;; *) exit $$code;; esac

checkpoints/fnn-adult/card.json: | $(VENV)/.installed
	$(BIN)/auditkit train fnn --data adult --out checkpoints/fnn-adult

# Every quick preset in the order of the list, so that the generator finds its judge. What is
# trained already is not trained again.
references: $(VENV)/.installed
	@listed=$$($(BIN)/auditkit train --list) || exit $$?; \
	echo "$$listed" | awk '$$3 == "quick" { print $$1, $$2 }' | while read -r network data; do \
		name=$$network-$$data; \
		test -f checkpoints/$$name/card.json \
		|| $(BIN)/auditkit train $$network --data $$data --out checkpoints/$$name </dev/null \
		|| exit $$?; \
		$(BIN)/auditkit report checkpoints/$$name --out reports/$$name </dev/null; code=$$?; \
		case $$code in 0|1|3) ;; *) exit $$code;; esac; \
	done

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "slow or not slow"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes the tables of docs/methods.md anew (about a quarter of an hour on two cores).
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.coverage

benchmark: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.group_metrics

# Trains every quick preset over seeds and writes benchmarks/training.md and training.json.
benchmark-training: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.training

# The wheel in an environment of its own, away from this folder, must draw a report.
wheel-test: $(VENV)/.installed-dev
	PYTHON=$(PYTHON) bash tests/wheel.sh $(BIN)/python

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "auditkit needs Python 3.11 or newer; say which with make PYTHON=python3.12" >&2; exit 2; }
	@echo "installing into $(VENV); the first time this takes a few minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
