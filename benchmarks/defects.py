"""Whether `make test` would catch known defects: each is put into the code, tests are run, and the code is put back.

`python benchmarks/defects.py [NAME …]` works on the clone that it lies in, which must have no uncommitted changes. The
defects stand in `defects.toml`: a file, its text as it is, as it would be wrong, and the tests that are to notice. A
table is printed: what noticed each defect, and after how many seconds. Exit status 1 where one goes unnoticed.
"""

import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def read_defects() -> dict[str, dict]:
    """By name; raises `SystemExit` where one does not fit the code any more."""
    defects = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    for name, defect in defects.items():
        count = (ROOT / defect["file"]).read_text("utf-8").count(defect["is"])
        if count != 1:
            sys.exit(f"The text of '{name}' stands {count} times in {defect['file']}: mend defects.toml.")
    return defects


def noticed(tests: list[str]) -> str:
    """The first test of `make test` that fails, or "" where none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not long", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    found = re.search(r"^_+ (.+?) _+$", done.stdout, re.MULTILINE)
    return found[1] if found else f"pytest ended with {done.returncode}"


def main(names: list[str]) -> int:
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    if changed:
        sys.exit("There are uncommitted changes here: commit them, or run this in a clone.")
    every, missed = read_defects(), 0
    for name in names or every:
        defect, start = every[name], time.monotonic()
        file = ROOT / defect["file"]
        right = file.read_bytes()
        try:
            file.write_bytes(right.replace(defect["is"].encode(), defect["becomes"].encode()))
            by = noticed(defect["tests"])
        finally:
            file.write_bytes(right)
        missed += not by
        print(f"{name:48} {time.monotonic() - start:4.0f} s  {by or 'NOT NOTICED'}", flush=True)
    print(f"{len(names or every)} defects, {missed} not noticed")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
