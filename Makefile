# `make` is the gate of every commit, `make all` what CI runs. See CONTRIBUTING.md.

# Rooms that need no model: chosen to be quick, not because the others matter less.
QUICK = tests/recipe tests/space tests/front/test_front_dominance.py tests/front/test_front_choose.py \
	tests/front/test_front_front.py tests/front/test_front_hypervolume.py \
	tests/methods/test_golden.py tests/methods/test_sparsify.py tests/records/test_run.py \
	tests/records/test_evidence.py tests/records/test_lease.py tests/house/test_house_code.py \
	tests/house/test_faults.py tests/plugins

.PHONY: gate format lint types contracts quick all coverage docs

gate: format lint types contracts quick

format:
	ruff format --check -q .

lint:
	ruff check -q .

types:
	mypy

contracts:
	lint-imports > /dev/null || lint-imports

quick:
	pytest -n 2 --dist loadfile $(QUICK)

all:
	.ci/run

# Both tiers; processes that tests start are counted too. Those that a test kills are not.
coverage:
	coverage erase
	coverage run -m pytest -m "slow or not slow"
	coverage combine -q
	coverage report --skip-covered

docs:
	sphinx-build -W -n --keep-going -b html docs docs/_build
