"""What a submission may try, each as a submission: it gets no mark that it has not earned, and harms nobody."""

import asyncio
import os
import queue
import sys
import types

import pytest
from grading_helpers import HIDDEN, NOTHING, POINTS, RIGHT, graded, moments
from helpers import long_but

from course_utils.grading.judge import honest, student_kernel
from course_utils.grading.sandbox import available
from course_utils.grading.states import State

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or available.missing() is not None, reason=f"no isolation here: {available.missing()}"
)
WRONG = "def double(x):\n    return 0\n"
WRONG_VALUE = "answer = None"


def test_right_answers_get_all_points(tmp_path):
    result = graded(tmp_path)
    assert result.points == POINTS and result.notes == []


def test_wrong_answers_get_none(tmp_path):
    assert graded(tmp_path, double=WRONG, value=WRONG_VALUE).points == NOTHING


FORGERIES = {
    "asserts stripped from the syntax tree": """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return None
get_ipython().ast_transformers.append(Strip())
""",
    "sources swapped": """
def swap(lines):
    return ['pass'] if any('assert' in line for line in lines) else lines
get_ipython().input_transformers_cleanup.append(swap)
""",
    "the kernel's own method replaced": """
kernel = get_ipython().kernel
async def do_execute(*a, **k):
    return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}}
kernel.do_execute = do_execute
""",
    "an object that equals everything": """
class Any:
    def __eq__(self, other): return True
    def __add__(self, other): return 4
    __radd__ = __add__
def double(x): return Any()
""",
    "a number that equals everything": """
class Any(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def double(x): return Any(1)
""",
    "partial credit from a formatter": """
text = get_ipython().display_formatter.formatters['text/plain']
text.for_type(int, lambda value, printer, cycle: printer.text('2'))
""",
    "builtins replaced": """
import builtins
builtins.AssertionError = type('Calm', (Exception,), {})
builtins.all = lambda *a: True
""",
    "the answering module replaced": """
from course_utils.grading.judge import in_student_kernel as answering
answering._tell = lambda answer: None
""",
    "an answer that is pickled code": """
from course_utils.grading.judge import in_student_kernel as answering
answering.encode = lambda value: {"array": "gASVJgAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAt0b3VjaCAvdG1wL3iUhZRSlC4="}
""",
    "an answer that is no answer": """
from course_utils.grading.judge import in_student_kernel as answering
answering.encode = lambda value: {"model": {"module": "builtins", "class_name": "eval", "config": {}}, "weights": []}
""",
}


def test_a_module_that_was_handed_in_is_not_imported_where_tests_are_judged(tmp_path):
    """The assignment's own cells import `tabnanny`: the judging kernel must not find the student's."""
    (tmp_path / "tabnanny.py").write_text("from IPython import get_ipython\n" + FORGERIES["sources swapped"])
    for kernel in (available.SANDBOX, "python3"):
        honest.stop()  # so that the judging kernel starts with this submission
        assert graded(tmp_path, kernel=kernel, double=WRONG, value=WRONG_VALUE).points == NOTHING


def test_a_module_that_was_handed_in_can_be_used(tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT["double"])
    assert graded(tmp_path, double="from mine import double").points == POINTS


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_gets_nothing(tmp_path, name):
    code = FORGERIES[name]
    double = code if "def double" in code else WRONG + code
    assert graded(tmp_path, double=double, value=WRONG_VALUE).points == NOTHING


SPY = """
seen = []
def look(info=None):
    import sys
    frame = sys._getframe()
    while frame:
        seen.append(repr(frame.f_locals)[:100_000])
        frame = frame.f_back
get_ipython().events.register('pre_run_cell', look)
def double(x):
    look()
    return 2 * x
"""


def test_no_hidden_test_is_ever_in_a_students_kernel(tmp_path):
    """Neither in a hook, nor in a frame, nor in a file: what the kernel saw is put out by the cell that comes last."""
    (tmp_path / "sheet.ipynb").write_text(HIDDEN)
    look = """
import gc, os
for folder, _, names in os.walk('/student'):
    print([open(os.path.join(folder, name), errors='ignore').read() for name in names])
print(seen, [o for o in gc.get_objects() if type(o) is str and 'BEGIN HID' + 'DEN' in o])
"""
    result = graded(tmp_path, double=SPY, value=look + RIGHT["value"])
    assert result.points == POINTS
    assert HIDDEN not in result.text and "BEGIN HIDDEN" not in result.text and "double" in result.text


REACHES = {
    "another file": "open({outside!r}).read()",
    "a link to another file": "open('link').read()",
    "the grader's files": "open('/proc/1/root' + {outside!r}).read()",
    "writing to the course": "open({package!r}, 'a')",
    "writing to Python": "import json; open(json.__file__, 'a')",
    "writing beside the kernel's sockets": "import ipykernel; open(ipykernel.get_connection_file() + 'x', 'w')",
    "the kernel's settings": "open('/proc/sys/kernel/domainname', 'w').write('x')",
    "the network": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "a secret in the environment": "import os; os.environ['GRADER_SECRET']",
    "another process": "import os; os.kill(os.getppid() or 999_999, 9)",
    "memory without end": "x = bytearray(20 << 30)",
    "a file without end": "open('big', 'wb').write(bytes(300 << 20))",
    "more processes than it may": "import subprocess\nfor _ in range(5000):\n    subprocess.Popen(['sleep', '60'])",
    "namespaces": "import subprocess\nsubprocess.run(['unshare', '--user', 'true'], check=True)",
    "mounts": "import ctypes\nassert ctypes.CDLL(None).umount2(b'/tmp', 2) == 0",
}


@pytest.mark.parametrize("what", REACHES)
def test_nothing_outside_is_reached(tmp_path, what, monkeypatch):
    import socket

    import course_utils

    monkeypatch.setenv("GRADER_SECRET", "x")
    work, outside = tmp_path / "work", tmp_path / "gradebook.db"
    work.mkdir()
    outside.write_text("marks")
    (work / "link").symlink_to(outside)
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = REACHES[what].format(outside=str(outside), package=course_utils.__file__, port=server.getsockname()[1])
        attempt = "try:\n" + "".join(f"    {line}\n" for line in code.split("\n")) + "except BaseException as e:\n"
        attempt += "    print('stopped by', type(e).__name__)\nelse:\n    print('REACHED')\n"
        result = graded(work, value=attempt + "import numpy as np\nanswer = np.arange(4)")
    assert "stopped by" in result.text and "REACHED" not in result.text
    assert result.points["test-double"] == 2 and outside.read_text() == "marks"


def test_what_a_submission_leaves_behind_is_gone_for_the_next(tmp_path):
    leave = """
import os, subprocess
folder = os.path.expanduser('~/.ipython/profile_default/startup')
os.makedirs(folder, exist_ok=True)
open(os.path.join(folder, '00.py'), 'w').write('left = 1')
open(os.environ['TMPDIR'] + '/left', 'w').write('x'); open('left', 'w').write('x')
subprocess.Popen(['sleep', '47']); import numpy as np
answer = np.arange(4)
"""
    assert graded(tmp_path, value=leave).points == POINTS
    look = (
        "import os\nprint('found', 'left' in globals(), *map(os.path.exists, (os.environ['TMPDIR'] + '/left', 'left')))"
    )
    assert "found False False False" in graded(tmp_path, value=look).text
    assert os.listdir(tmp_path) == []
    import psutil

    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "47"]]


def test_what_a_submission_finds(tmp_path):
    """No capability, no name in the environment that is of no use, and nothing to be written but three folders."""
    look = """
import os
print('env', *sorted(os.environ))
print('caps', *[line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')])
print('writable', *[line.split()[1] for line in open('/proc/mounts') if 'rw' in line.split()[3].split(',')])
print('ids', os.getuid(), os.getpid(), *(p for p in os.listdir('/proc') if p.isdigit()))
"""
    told = {}
    for line in filter(str.strip, graded(tmp_path, value=look).text.split("\n")):
        name, *words = line.split()
        told.setdefault(name, words)
    ipykernels = {"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_PAGER", "PAGER", "PYDEVD_USE_FRAME_EVAL", "TERM"}
    ours = {
        "HOME",
        "USER",
        "LANG",
        "PATH",
        "TMPDIR",
        "TF_CPP_MIN_LOG_LEVEL",
        "MPLBACKEND",
        "NBGRADER_EXECUTION",
        "PIP_NO_INDEX",
    }
    assert set(told["env"]) - ipykernels == ours
    assert {int(word, 16) for word in told["caps"]} == {0}
    folders = {"/tmp", "/dev/shm", "/student"}
    assert {path for path in told["writable"] if not path.startswith("/dev/")} | {"/dev/shm"} == folders
    assert told["ids"] == ["1000", "1", "1"]


ENDINGS = {
    "an exit": ("import os; os._exit(0)", "ended the kernel"),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", "ended the kernel"),
    "a loop that ignores interrupts": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "ran longer than",
    ),
    "a loop": ("while True: pass", "ran longer than"),
    "output without end": ("while True: print('x' * 10_000)", "put out too much"),
}


@pytest.mark.parametrize("what", long_but(ENDINGS, "an exit", "a loop that ignores interrupts", "output without end"))
def test_a_cell_that_does_not_end_well_costs_only_its_own_points(tmp_path, what):
    code, note = ENDINGS[what]
    patience = moments(150 if note == "put out too much" else 20)  # so much takes a busy machine more than 4 s
    result = graded(tmp_path, timeout=patience, value=code)
    assert result.points == POINTS | {"test-value": 0.0}
    assert any(note in told for told in result.notes)
    after = graded(tmp_path, timeout=patience, double=f"broken = 1\n{code}")
    assert after.points == NOTHING | {"test-value": 1.0}


def test_of_all_cells_together_so_much_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(student_kernel, "MOST_IN_ALL", 60_000)
    many = "print('x' * 40_000)\n"
    result = graded(tmp_path, extra=many, value=many + RIGHT["value"])
    assert any("value put out more than can be kept" in told for told in result.notes) and len(result.text) < 100_000
    assert result.points == POINTS and result.state is State.GRADED


def test_of_pictures_of_any_size_the_rest_is_dropped_and_the_answer_counts(tmp_path):
    many = "for _ in range(14):\n    display({'image/png': 'A' * (5 << 20)}, raw=True)\n"
    result = graded(tmp_path, value=many + RIGHT["value"])
    assert result.points == POINTS and result.state is State.GRADED and "rest is not shown" in result.notes[0]
    failed = graded(tmp_path, value="print('x' * (3 << 20))\n1 / 0")
    assert "division by zero" in failed.text  # how a cell failed is always kept


def test_an_exception_whose_class_wants_more_than_a_text_keeps_its_name(tmp_path):
    code = "def double(x):\n    raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'no text')"
    result = graded(tmp_path, double=code)
    (error,) = (o for c in result.notebook.cells if "'Twice three" in c.source for o in c.outputs)
    assert error.ename == "UnicodeDecodeError" and "no text" in error.evalue
    assert result.points == NOTHING | {"test-value": 1.0}


def test_in_a_fresh_kernel_what_had_ended_before_is_run_again(tmp_path):
    result = graded(tmp_path, extra="import os; os._exit(0)")
    assert result.points == POINTS and len(result.notes) == 1


def test_a_function_that_does_not_end_well_costs_only_its_own_points(tmp_path):
    for body in ("while True: pass", "import os; os._exit(0)"):
        result = graded(tmp_path, timeout=moments(15), double=f"def double(x):\n    {body}")
        assert result.points == NOTHING | {"test-value": 1.0} and result.notes


def test_the_machine_without_a_sandbox_gets_the_same_marks(tmp_path):
    for answers in ({}, {"double": WRONG}, {"value": WRONG_VALUE}):
        sandboxed = graded(tmp_path, **answers)
        assert graded(tmp_path, kernel="python3", **answers).points == sandboxed.points


class _Channels:
    """A kernel's client of which nothing comes back; `raises` is what it ends with, or None if it never does."""

    def __init__(self, raises):
        self.raises, self.listening = raises, 0

    async def execute_interactive(self, *_, **__):
        self.listening += 1
        try:
            await asyncio.sleep(0.01 if self.raises else 3600)
            raise self.raises
        finally:
            self.listening -= 1

    async def is_alive(self):
        return True


@pytest.mark.parametrize("raises", [queue.Empty(), None], ids=["a message that got lost", "silence"])
def test_a_question_that_is_given_up_leaves_no_second_reader_of_the_channel(raises):
    channels = _Channels(raises)

    async def ask() -> int:
        kernel = student_kernel.StudentKernel(None, ".", timeout=1, kernel="python3")
        kernel._client = types.SimpleNamespace(kc=channels, km=channels)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kernel._execute("", print), 0.5)
        return channels.listening

    assert asyncio.run(ask()) == 0
