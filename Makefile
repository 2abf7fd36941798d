# What one types every day. `make` alone lists the targets.
PYTHON ?= python

KIND ?= thread
THREAD_TESTS = tests/engine/test_turns.py tests/engine/test_threads.py tests/engine/test_bound.py

.PHONY: help install test peers sanitize lint bench wheel wheels examples clang clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install:  ## compile, and install what is in the checkout for working on it
	$(PYTHON) -m pip install "setuptools>=77" "cython>=3.3" "numpy>=2"
	$(PYTHON) -m pip install --no-build-isolation --editable '.[dev]'

test:  ## run the tests
	$(PYTHON) -m pytest

peers:  ## compare with other libraries; peers/README.md says what to install
	$(PYTHON) -m pytest peers

sanitize:  ## run tests under a sanitizer: make sanitize KIND=thread (address, undefined)
	bash tools/sanitize.sh $(KIND) $(if $(filter thread,$(KIND)),$(THREAD_TESTS))

lint:  ## check style, types, and that imports run one way
	ruff check
	ruff format --check
	cython-lint src examples
	lint-imports --no-cache
	mypy
	basedpyright
	$(PYTHON) tools/check_types.py

bench:  ## list the benchmarks
	$(PYTHON) -m benchmarks

wheel:  ## build the source distribution, and a wheel for this machine from it
	$(PYTHON) -m build

wheels:  ## build the source distribution and the wheels for Linux, check and test them
	$(PYTHON) -m pip install '.[wheels]'
	$(PYTHON) tools/build_wheels.py

clang:  ## install, compiled by clang instead of the compiler of Python; every warning is an error
	CC=clang CYPROP_WERROR=1 $(PYTHON) -m pip install --force-reinstall --no-deps .

examples: wheel  ## build the examples against the wheel, and test them
	$(PYTHON) -m pytest -n 0 examples --wheel dist/*.whl

clean:  ## remove what was built
	rm -rf build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache
	find src \( -name '*.so' -o -name '*.c' -o -name __pycache__ \) -exec rm -rf {} +
