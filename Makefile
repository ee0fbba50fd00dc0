# Every target works alone on a fresh clone: it makes .venv, installs what is pinned, and runs.

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Hundreds of processes of the tests import the same modules: keep their byte code, wherever this runs.
export PYTHONDONTWRITEBYTECODE :=
# Tests in the order of tests/conftest.py, a file to a worker; a third worker fills the waits.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: corpus test test-quick coverage soak lint bench docs examples audit

corpus: .venv/.base
	@echo "Making the corpus: about a minute for the sample, two for a million records. It resumes if stopped."
	@$(BIN)/dvc repro --quiet || { $(BIN)/iepile doctor; exit 1; }
	@$(BIN)/iepile audit

test: .venv/.dev
	$(BIN)/pytest $(SPREAD) --max-worker-restart=0

# What takes no process and no minute: while you work.
test-quick: .venv/.dev
	$(BIN)/pytest $(SPREAD) --quick -q

# The same tests; then the lines of pipeline/ that none of them ran. Fails under 97 %.
coverage: .venv/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SPREAD) --max-worker-restart=0
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# The long forms of the tests of faults, fuzzing and a day of use.
soak: .venv/.dev
	$(BIN)/pytest -m soak
	HYPOTHESIS_PROFILE=soak $(BIN)/pytest -m hypothesis

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Known vulnerabilities of the pinned versions; needs a network that reaches pypi.org.
audit: .venv/.audit
	.ci/audit

bench: .venv/.dev
	$(BIN)/python -m bench

# The reference pages from the code, then all pages of docs/ as a site in site/.
docs: .venv/.docs
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

# The four training examples, on planted texts with tiny models, which threads only slow down.
examples: .venv/.consumers
	for name in bert_crf uie_pointer spert llm_sft; do \
		OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python examples/$$name.py || exit 1; done

.venv/bin/pip:
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip

.venv/.base: pyproject.toml constraints.txt | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,ray,s3,consumers]'
	touch $@

.venv/.audit: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audit]'
	touch $@

.venv/.docs: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

.venv/.consumers: .venv/.base
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[consumers]'
	touch $@
