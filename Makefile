# Each line hands over to course.py, which also works where there is no make.
PYTHON ?= python3

.PHONY: course test lab notebooks lock bench audit release

course:     ; $(PYTHON) course.py build
test:       ; $(PYTHON) course.py test
lab:        ; $(PYTHON) course.py lab
notebooks:  ; $(PYTHON) course.py notebooks
lock:       ; $(PYTHON) course.py lock
bench:      ; $(PYTHON) course.py --version && .venv/bin/python benchmarks/grading.py && .venv/bin/python benchmarks/attacks.py
audit:      ; $(PYTHON) course.py audit --all --mutants
release:    ; $(PYTHON) course.py release
