# One command from a fresh machine to each result. Needs Python 3.11 to 3.13, a C++17 compiler and make.
# Stamp files in .venv/ remember what is done, so a second run starts at once; build/ keeps the objects,
# so that a changed .cc file alone is compiled again.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint ctest pytest hosts sanitize fuzz aarch64 bench docs format clean

# The first Python with venv that TensorFlow has wheels for; `make PYTHON=… demo` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  2>/dev/null && echo $$p && break; done)
CXX_FILES = $(wildcard $(foreach d,custom_ops/* custom_ops/*/*,$(d)/*.cc $(d)/*.h $(d)/*.inc))
BIN := .venv/bin
comma := ,
OUTPUT_DIR ?= demo_output
PYTEST_ARGS ?= -n 2
FUZZ_CALLS ?= 1000000
FUZZ_FIRST ?= 1

help:
	@echo 'make TARGET, where TARGET is one of'
	@echo '  demo    train the documented model on real digits and show the result'
	@echo '  test    formatters, linters, C++ tests, Python tests, documentation: what .ci/run calls'
	@echo '  hosts   the part of it that runs on JAX and PyTorch, where TensorFlow is not installed'
	@echo '  bench   peers side by side: table, plot, JSON; quick with ROWS=vgg1,resnet PEERS=tf,litert;'
	@echo '          random shapes of published networks with SHAPES=200'
	@echo '  sanitize  C++ tests under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer'
	@echo '  fuzz    random calls of the C entry, FUZZ_CALLS=1000000 of them, under sanitizers'
	@echo '  aarch64 C++ tests cross-compiled and run in QEMU, their bits compared with this machine'
	@echo '  docs    the documentation site, in site/: API, semantics, guides; every warning is an error'
	@echo '  format  format the Python and C++ sources'
	@echo '  clean   remove .venv/, .venv-bench/, .venv-docs/, .venv-hosts/, build/, site/ and all that was made'

# Prints what a target needs, of pyproject.toml: "run" to compile, run and show examples, else a dependency group.
define LIST_REQUIREMENTS
import sys, tomllib
table = tomllib.load(open("pyproject.toml", "rb"))
project, build = table["project"], table["build-system"]["requires"]
extras = project["optional-dependencies"]
groups = table["dependency-groups"]
run = build + groups["build"] + project["dependencies"] + extras["tensorflow"] + extras["examples"]
print(*(run if sys.argv[1] == "run" else groups[sys.argv[1]]), sep="\n")
endef
export LIST_REQUIREMENTS
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check

.venv/python.stamp:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.13 with venv found. On Debian or Ubuntu:' \
	  'sudo apt-get install python3-venv. Or name one: make PYTHON=/path/to/python3'; exit 1; }
	@command -v $(CXX) >/dev/null || { echo 'No C++ compiler found. On Debian or Ubuntu:' \
	  'sudo apt-get install g++. Or name one: make CXX=clang++'; exit 1; }
	@echo "==> 1/3 Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@touch $@

# Installed first, with pip's progress; our own compilation then needs no isolation.
.venv/run.stamp: .venv/python.stamp pyproject.toml
	@echo '==> 2/3 Installing TensorFlow, Keras and what the examples draw with into .venv (several hundred MB the first time)'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" run > .venv/run.txt
	@$(PIP_INSTALL) -r .venv/run.txt
	@touch $@

# mypy reads the types of NumPy, which comes with what runs.
.venv/lint.stamp: .venv/run.stamp
	@echo '==> Installing formatters, linters and the type checker into .venv'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" lint > .venv/lint.txt
	@$(PIP_INSTALL) -r .venv/lint.txt
	@touch $@

.venv/test.stamp: .venv/run.stamp
	@echo '==> Installing pytest, JAX and PyTorch to test every layer on these Keras backends too, and the runtimes of'
	@echo '    exported models (ONNX Runtime, OpenVINO, LiteRT), into .venv.'
	@echo '    On PyPI PyTorch for Linux brings CUDA, some GB; PIP_EXTRA_INDEX_URL may name an index that has it for CPUs.'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" test > .venv/test.txt
	@$(PIP_INSTALL) -r .venv/test.txt
	@touch $@

# Editable: Python files are used where they stand, the compiled library goes to .venv.
.venv/install.stamp: .venv/run.stamp $(CXX_FILES) $(wildcard custom_ops/*.*)
	@echo '==> 3/3 Compiling the ops and installing keras_pooling into .venv'
	@CXX='$(CXX)' $(PIP_INSTALL) --verbose --no-deps --no-build-isolation \
	  --config-settings=build-dir=build --editable .
	@touch $@

install: .venv/install.stamp

demo: install
	@$(BIN)/python examples/max_pooling_in_cnn.py --output-dir $(OUTPUT_DIR)

test: lint ctest pytest hosts docs
	@echo '==> All checks passed'

lint: .venv/lint.stamp
	@echo '==> ruff, mypy and clang-format'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(filter %.cc %.h,$(CXX_FILES))

ctest: install
	@echo '==> C++ tests'
	@$(BIN)/cmake -S custom_ops -B build -DKERAS_POOLING_TESTS=ON >/dev/null
	@$(BIN)/cmake --build build
	@$(BIN)/ctest --test-dir build --no-tests=error --output-on-failure

pytest: install .venv/test.stamp
	@echo '==> Python tests'
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

# The wheel where TensorFlow is not installed. JAX and PyTorch are in pip's cache by then.
.venv-hosts/requirements.stamp: .venv/test.stamp
	@echo '==> Installing Keras, JAX and PyTorch, without TensorFlow, into .venv-hosts'
	@$(PYTHON) -m venv .venv-hosts
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" hosts > .venv-hosts/requirements.txt
	@.venv-hosts/bin/python -m pip install --disable-pip-version-check -r .venv-hosts/requirements.txt
	@touch $@

.venv-hosts/install.stamp: .venv-hosts/requirements.stamp .venv/install.stamp $(wildcard keras_pooling/*.py keras_pooling/*/*.py keras_pooling/*/*/*.py)
	@echo '==> Making the wheel and installing it into .venv-hosts'
	@rm -rf .venv-hosts/wheel
	@CXX='$(CXX)' $(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation \
	  --config-settings=build-dir=build --wheel-dir .venv-hosts/wheel .
	@.venv-hosts/bin/python -m pip install --disable-pip-version-check --no-deps --force-reinstall .venv-hosts/wheel/*.whl
	@touch $@

hosts: .venv-hosts/install.stamp
	@for backend in jax torch; do \
	  echo "==> Keras on $$backend: compiled, then portable" && \
	  KERAS_BACKEND=$$backend KERAS_POOLING_REQUIRE_COMPILED=1 \
	    .venv-hosts/bin/pytest $(PYTEST_ARGS) tests/backends tests/on_$$backend && \
	  KERAS_BACKEND=$$backend KERAS_POOLING_PORTABLE=1 \
	    .venv-hosts/bin/pytest $(PYTEST_ARGS) tests/backends || exit 1; \
	done

# A build of the core's tests alone, in a folder of its own under build/: $(call core_tests,folder,options,target).
define core_tests
@$(BIN)/cmake -S custom_ops -B build/$(1) -G Ninja -DCMAKE_MAKE_PROGRAM='$(abspath $(BIN))/ninja' \
  -DPython_EXECUTABLE='$(abspath $(BIN))/python' -DKERAS_POOLING_TENSORFLOW=OFF -DKERAS_POOLING_TESTS=ON $(2) >/dev/null
@$(BIN)/cmake --build build/$(1) --target $(3)
endef

# ThreadSanitizer knows no threads that start after a fork, so fork_test is not for it.
sanitize: .venv/run.stamp
	@echo '==> C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	$(call core_tests,sanitize,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=address$(comma)undefined,core_tests)
	@$(BIN)/ctest --test-dir build/sanitize --no-tests=error --output-on-failure
	@echo '==> Threads under ThreadSanitizer'
	$(call core_tests,sanitize-threads,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=thread,threads_test)
	@$(BIN)/ctest --test-dir build/sanitize-threads --no-tests=error --output-on-failure -R '^threads_test$$'

fuzz: .venv/run.stamp
ifneq ($(shell command -v clang++),)
	@echo '==> libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer: $(FUZZ_CALLS) calls'
	$(call core_tests,fuzz,-DCMAKE_CXX_COMPILER=clang++ -DKERAS_POOLING_TARGETS=baseline \
	  -DKERAS_POOLING_SANITIZE=address$(comma)undefined$(comma)fuzzer-no-link,door_fuzz)
	@mkdir -p build/fuzz/corpus
	@build/fuzz/door_fuzz -runs=$(FUZZ_CALLS) -max_len=192 -print_final_stats=1 build/fuzz/corpus
else
	@echo '==> Random calls (no clang++ for libFuzzer) under AddressSanitizer and UndefinedBehaviorSanitizer: $(FUZZ_CALLS)'
	$(call core_tests,sanitize,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=address$(comma)undefined,door_fuzz)
	@build/sanitize/door_fuzz $(FUZZ_CALLS) $(FUZZ_FIRST)
endif

# QEMU's user mode ends children that start threads after a fork, so fork_test is not for it.
aarch64: install
	@{ command -v aarch64-linux-gnu-g++ && command -v qemu-aarch64; } >/dev/null || { echo 'No compiler for aarch64,' \
	  'or no QEMU. On Debian or Ubuntu: sudo apt-get install g++-aarch64-linux-gnu qemu-user'; exit 1; }
	@echo '==> C++ tests on aarch64, in QEMU'
	$(call core_tests,aarch64,-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake,core_tests)
	@$(BIN)/ctest --test-dir build/aarch64 --no-tests=error --output-on-failure -E '^fork_test$$'
	@echo '==> The same bits as on this machine'
	@$(BIN)/cmake -S custom_ops -B build -DKERAS_POOLING_TESTS=ON >/dev/null
	@$(BIN)/cmake --build build --target digest_test
	@build/digest_test > build/digests.txt
	@qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/digest_test > build/aarch64/digests.txt
	@diff build/digests.txt build/aarch64/digests.txt
	@echo "$$(wc -l < build/digests.txt) digests are the same"

# These peers have an environment of their own: the package needs nothing of theirs. Random shapes are measured
# without them, against TensorFlow and the runtimes that the tests have installed.
.venv-bench/requirements.stamp: .venv/python.stamp benchmarks/requirements.txt
	@echo '==> Installing the peers into .venv-bench (several hundred MB the first time)'
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

bench: install .venv/test.stamp $(if $(SHAPES),,.venv-bench/requirements.stamp)
	@$(BIN)/python benchmarks/run.py --rows '$(ROWS)' --peers '$(PEERS)' $(if $(SHAPES),--shapes '$(SHAPES)') \
	  $(if $(BASELINE),--baseline '$(BASELINE)') $(BENCH_ARGS)

# Of its own: the site is made of the sources, and needs no framework.
.venv-docs/requirements.stamp: .venv/python.stamp pyproject.toml
	@echo '==> Installing MkDocs and its theme into .venv-docs'
	@$(PYTHON) -m venv .venv-docs
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" docs > .venv-docs/requirements.txt
	@.venv-docs/bin/python -m pip install --disable-pip-version-check -r .venv-docs/requirements.txt
	@touch $@

docs: .venv-docs/requirements.stamp
	@echo '==> Documentation site'
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo '    site/index.html'

format: .venv/lint.stamp
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .
	@$(BIN)/clang-format -i $(filter %.cc %.h,$(CXX_FILES))

clean:
	rm -rf .venv .venv-bench .venv-docs .venv-hosts build demo_output dist site wheelhouse
	find . -name __pycache__ -prune -exec rm -rf {} +
