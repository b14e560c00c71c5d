# Each line hands over to course.py, which also works where there is no make.
PYTHON ?= python3

.PHONY: course test lab book notebooks lock bench audit release

course:     ; $(PYTHON) course.py build
test:       ; $(PYTHON) course.py test
lab:        ; $(PYTHON) course.py lab
book:       ; $(PYTHON) course.py book
notebooks:  ; $(PYTHON) course.py notebooks
lock:       ; $(PYTHON) course.py lock
bench:      ; $(PYTHON) course.py --version && for b in grading attacks sweep recipes; do .venv/bin/python benchmarks/$$b.py || exit 1; done
audit:      ; $(PYTHON) course.py audit --all --mutants
release:    ; $(PYTHON) course.py release
