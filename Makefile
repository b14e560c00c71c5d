# Each line hands over to course.py, which also works where there is no make.
PYTHON ?= python3

.PHONY: course test test-rest test-all lab book slides notebooks lock bench defects audit release

course:     ; $(PYTHON) course.py build
test:       ; $(PYTHON) course.py test
test-rest:  ; $(PYTHON) course.py test-rest
test-all:   test test-rest
lab:        ; $(PYTHON) course.py lab
book:       ; $(PYTHON) course.py book
slides:     ; $(PYTHON) course.py slides
notebooks:  ; $(PYTHON) course.py notebooks
lock:       ; $(PYTHON) course.py lock
bench:      ; $(PYTHON) course.py --version && for b in grading attacks sweep recipes; do .venv/bin/python benchmarks/$$b.py || exit 1; done
defects:    ; $(PYTHON) course.py test --version && .venv/bin/python benchmarks/defects.py
audit:      ; $(PYTHON) course.py audit --all --mutants
release:    ; $(PYTHON) course.py release
