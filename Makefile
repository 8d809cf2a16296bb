# Every install step lives here: a fresh machine needs Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Two tests at a time, one thread each: runtimes that spin their threads would slow each other down.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2
# What `make test` leaves out; `make test MARKERS="not gpu"` runs the slow and the browser tests too.
MARKERS ?= not slow and not browser and not gpu

.PHONY: demo demo-translation translation-student smallest search test check format bench browser prometheus figures clean

demo: $(STAMP)
	$(BIN)/leanglot demo

# The same job on a translation model: nine pairs of interface strings, judged pair by pair.
demo-translation: $(STAMP)
	$(BIN)/leanglot demo --translation

# Students of that model with three of its four decoder layers, and its table of words in 4 bits: half an hour.
translation-student: $(STAMP)
	$(BIN)/leanglot demo --translation --recipe recipes/translation-student.yaml --out runs/translation-student

# The smallest artifact of the demo that loses no language: trims, cuts, trains for a quarter of an hour, quantizes.
smallest: $(STAMP)
	$(BIN)/leanglot demo --recipe recipes/smallest.yaml --out runs/smallest

# What half an hour of search finds on the demo by itself, without training.
search: $(STAMP)
	$(BIN)/leanglot demo --search --budget 30m --no-search-train --out runs/search

test: $(STAMP)
	$(PYTEST) -m "$(MARKERS)" --cov --cov-fail-under=90 $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	for name in batching int8_variants peers pruning monitoring serving overload translation; do $(BIN)/python benchmarks/$$name.py || exit 1; done

# Chromium for the tests of the report page; they are skipped, and say so, where it cannot be installed.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	       && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "No Chromium and no way to install one: the browser tests will be skipped."

# Prometheus and promtool for the tests of deploy/; they are skipped, and say so, where these cannot be installed.
prometheus:
	@command -v prometheus >/dev/null && command -v promtool >/dev/null && exit 0; \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	       && apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } \
	  || echo "No Prometheus and no way to install one: the tests that need it will be skipped."

# torch comes first and alone: a resolver that picks it together with others may fetch a build with CUDA.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[demo,train,search,serve,translation,tensorboard,openvino,torchao,bench,dev]"
	@$(BIN)/python -c "import torch; assert torch.__version__.split('+')[0] == '2.13.0', torch.__version__"
	@touch $(STAMP)

# The charts and the tables that README and guide show, from the last `make demo`, `make smallest`, `make search`,
# `make demo-translation` and `make translation-student`.
figures:
	mkdir -p docs/demo
	cd runs/demo/charts && cp overview.png drop_heatmap.png waterfall-slim-int8.png importance-slim-int8-1-heads.png \
	  $(CURDIR)/docs/demo/
	cp runs/demo/report.md docs/demo/
	cd runs/smallest/charts && cp waterfall-smallest.png training-smallest.png $(CURDIR)/docs/demo/
	cp runs/smallest/report.md docs/demo/smallest.md
	# The pictures of docs/pictures.md; that of costs where the run was priced, the learning curve where one was trained.
	cd runs/demo/charts && cp retention_bars.png impact-slim-int8.png $(CURDIR)/docs/demo/
	cp runs/smallest/charts/teacher.png runs/search/charts/latency_spread.png docs/demo/
	for file in runs/demo/charts/cost_latency.png runs/learning-curve/charts/learning_curve.png; do \
	  [ ! -f $$file ] || cp $$file docs/demo/; done
	[ ! -d runs/demo-translation/charts ] || cp runs/demo-translation/charts/language_accuracy.png docs/demo/translation.png
	for name in demo-translation translation-student; do \
	  [ ! -f runs/$$name/report.md ] || cp runs/$$name/report.md docs/demo/$${name#demo-}.md; done

clean:
	rm -rf .venv build runs .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
