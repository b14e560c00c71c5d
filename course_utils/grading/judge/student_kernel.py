"""A student's kernel while their notebook is run: it may hang, die or flood, and the rest still counts."""

import asyncio
import json
import secrets
from queue import Empty
from typing import Any

from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from ..states import Note, State
from .in_student_kernel import MIME
from .wire import LARGEST

MOST_OUTPUT = 2 << 20  # bytes of one cell's output that are kept
MOST_IN_ALL = 20 << 20  # and of all cells of one submission together
_LONGEST_ERROR = 64 << 10
FLOOD = 100 << 20  # bytes that all cells may put out; then they are stopped
_ANSWERS = 3  # seconds that an interrupted kernel has to answer before it is given up
_TRIES = 3  # kernels that may end before they have run anything
_SETTLES = 0.3  # seconds within which a cell that ends its kernel behind its back has done so
_PREPARE = "from course_utils.grading.judge import in_student_kernel; in_student_kernel.prepare()"


_CANARY = """
try:
    __import__("IPython").display.display({number})
    assert False, {text!r}
except AssertionError as _failed:
    __import__("IPython").display.display(f"{{_failed}}")
"""


def error(name: str, text: str) -> NotebookNode:
    """An error output in one sentence, without a traceback."""
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class _Client(NotebookClient):
    """nbclient, with a limit to what a cell, and all cells together, may put out."""

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Drop what a cell puts out beyond what is kept, and interrupt a flood; how it failed is always kept."""
        if cell is not self._cell:
            self._cell, self._size, self.cut, self.flooded = cell, 0, False, False
            self._display_id_map = {}  # or a cell could change what an earlier one has put out
        if msg["msg_type"] not in ("status", "execute_input"):
            size = len(json.dumps(msg["content"], default=str))
            self.in_all += size
            if self.in_all > FLOOD and not self.flooded:
                self.flooded = True
                asyncio.ensure_future(self.km.interrupt_kernel())
            if self._size + size > MOST_OUTPUT or self.kept + size > MOST_IN_ALL:
                if msg["msg_type"] != "error" or size > _LONGEST_ERROR:
                    self.cut = True
                    return None
            self._size += size
            self.kept += size
        return super().process_message(msg, cell, cell_index)

    _cell: NotebookNode | None = None
    _size = kept = in_all = 0
    cut = flooded = False


class StudentKernel:
    """Runs a student's cells, and answers for the student's names.

    `notes` collects what went wrong on the way.
    """

    def __init__(self, notebook: NotebookNode, folder: str, timeout: int, kernel: str):
        self._notebook, self._folder, self._timeout, self._kernel = notebook, folder, timeout, kernel
        self._client: _Client | None = None
        self._done: list[tuple[NotebookNode, str]] = []  # cells that ended and their names, to be run again
        self.notes: list[Note] = []
        self._pause = 0.0  # seconds after each cell that is run again; more once one has ended the kernel
        self._put_out = self._kept = 0  # bytes, by the kernels that are gone

    async def start(self) -> None:
        """Start a kernel, and run again in it what had ended before; a cell that ends it afterwards is left out."""
        for _ in range(len(self._done) + _TRIES):
            await self._open()
            try:
                await self._execute(_PREPARE, lambda _: None)
                for cell, name in list(self._done):
                    try:
                        await self._execute(cell.source, lambda _: None)
                        await asyncio.sleep(self._pause)
                        if not await self._client.km.is_alive():
                            raise RuntimeError("the kernel ended")
                    except (TimeoutError, RuntimeError):
                        self._done.remove((cell, name))
                        self._blame(cell, name, "ended the kernel after it had run")
                        raise
            except (TimeoutError, RuntimeError):
                await self.stop()
                self._pause = _SETTLES
            else:
                return
        raise RuntimeError("no kernel stays alive")

    async def _open(self) -> None:
        self._client = _Client(
            self._notebook,
            kernel_name=self._kernel,
            kernel_manager_class=AsyncKernelManager,
            timeout=self._timeout,
            allow_errors=True,
            raise_on_iopub_timeout=True,
            error_on_timeout={"ename": "CellTimeoutError", "evalue": "", "traceback": []},
            shutdown_kernel="immediate",
            resources={"metadata": {"path": self._folder}},
        )
        self._client.in_all, self._client.kept = self._put_out, self._kept
        self._client.create_kernel_manager()
        await self._client.async_start_new_kernel()
        await self._client.async_start_new_kernel_client()

    async def stop(self) -> None:
        if self._client is not None and self._client.km is not None:
            self._put_out, self._kept = self._client.in_all, self._client.kept
            await self._client._async_cleanup_kernel()
        self._client = None

    async def run(self, cell: NotebookNode, index: int, name: str) -> None:
        """Run one cell. Where it hangs or ends the kernel, that is its output, and a fresh kernel goes on after it."""
        try:
            timed_out = await self._try(cell, index)
        except DeadKernelError:  # by this cell, or by one before it, which then does so again
            self._pause = _SETTLES
            await self.stop()
            cell.outputs = []
            try:
                timed_out = await self._try(cell, index)
            except DeadKernelError:
                self._blame(cell, name, "ended the kernel")
                await self.stop()
                return
        if self._client.flooded:
            text = f"all cells together may put out {FLOOD >> 20} MB: it was stopped"
            cell.outputs.append(error("OutputLimit", text))
            self.notes.append(Note(State.CRASHED, f"The cell {name} put out too much."))
        elif self._client.cut:
            text = f"The cell {name} put out more than can be kept ({MOST_OUTPUT >> 20} MB): the rest is not shown."
            self.notes.append(Note(State.GRADED, text))
        if timed_out or self._client.flooded:
            if timed_out:
                text = f"the cell ran longer than {self._timeout} seconds, so it was stopped"
                cell.outputs = [o for o in cell.outputs if o.get("ename") != "CellTimeoutError"]
                cell.outputs.append(error("TimeLimit", text))
                self.notes.append(Note(State.TIMEOUT, f"The cell {name} ran longer than {self._timeout} seconds."))
            if not await self._responds():
                await self.stop()
            return
        if any(output.get("ename") == "SystemExit" for output in cell.outputs):
            self.notes.append(Note(State.GRADED, f"The cell {name} ends with exit(): what follows there did not run."))
        self._done.append((cell, name))

    async def _try(self, cell: NotebookNode, index: int) -> bool:
        """Run one cell, and say whether it ran out of time. Raises `DeadKernelError`."""
        if self._client is None:
            await self.start()
        try:
            await self._client.async_execute_cell(cell, index)
        except (CellTimeoutError, TimeoutError):
            return True
        finally:
            if listening := getattr(self._client, "task_poll_output_msg", None):  # none yet where a cell is empty
                await _end(listening)  # after a time-out it still listens, to what is not for it
        return any(o.output_type == "error" and o.ename == "CellTimeoutError" for o in cell.outputs)

    def _blame(self, cell: NotebookNode, name: str, what: str) -> None:
        cell.outputs.append(error("KernelEnded", f"this cell {what}; what stands below it ran in a fresh one"))
        self.notes.append(Note(State.CRASHED, f"The cell {name} {what}."))

    async def _responds(self) -> bool:
        try:
            await self._client.kc.execute_interactive(
                "", silent=True, store_history=False, timeout=_ANSWERS, allow_stdin=False, output_hook=lambda _: None
            )
            return True
        except Exception:  # whatever it is, this kernel is of no further use
            return False

    async def is_honest(self) -> bool:
        """Whether the kernel still does what it is told: shows a number that it cannot know, and an assert fails in it.

        Nothing is taken on this word but a warning to a person: it is easy to break a kernel, hard to hide it.
        """
        if self._client is None:
            return True  # a fresh one will be started
        shown, number, text = [], secrets.randbelow(10**9), secrets.token_hex(8)

        def hear(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "display_data":
                shown.append(content.get("data", {}).get("text/plain"))

        source = _CANARY.format(number=number, text=text)
        try:
            await asyncio.wait_for(self._execute(source, hear), self._timeout)
        except (TimeoutError, RuntimeError):
            return True  # it hangs, or has ended, which the next question finds out
        return shown == [str(number), repr(text)]

    async def ask(self, question: str) -> dict[str, Any]:
        """What the kernel tells after a line that calls `in_student_kernel`; "error" in it where it told nothing."""
        told: list[str] = []
        if self._client is not None and not await self._client.km.is_alive():
            self._pause = _SETTLES
            await self.stop()  # a cell ended it behind its back; the next start finds out which

        def hear(message: dict) -> None:
            text = message["content"].get("data", {}).get(MIME) if message["msg_type"] == "display_data" else None
            if isinstance(text, str) and not told:
                told.append(text)

        try:
            if self._client is None:
                await self.start()
            source = f"from course_utils.grading.judge import in_student_kernel; {question}"
            await asyncio.wait_for(self._execute(source, hear), self._timeout + 2 * _ANSWERS)
        except (TimeoutError, RuntimeError):
            alive = self._client is not None and await self._client.km.is_alive()
            if alive:
                await self._client.km.interrupt_kernel()
            if not alive or not await self._responds():
                await self.stop()
            what = f"it took longer than {self._timeout} seconds" if alive else "it ended the kernel"
            state = State.TIMEOUT if alive else State.CRASHED
            self.notes.append(Note(state, f"A call of a function was stopped: {what}."))
            return {"error": "TimeoutError" if alive else "SystemExit", "text": what}
        try:
            if len(told[0]) > LARGEST:
                return {"error": "MemoryError", "text": "what came back was too large"}
            answer = json.loads(told[0])
            if type(answer) is not dict:
                raise ValueError("no object")
        except (IndexError, ValueError, RecursionError):
            self.notes.append(Note(State.TAMPERED, "The kernel did not answer as an untouched one does."))
            return {"error": "RuntimeError", "text": "the kernel did not answer as an untouched one does"}
        return answer

    async def _execute(self, source: str, hear) -> None:
        """Run a line of ours. Raises `RuntimeError` once the kernel has ended, `TimeoutError` where it is silent."""
        running = asyncio.ensure_future(
            self._client.kc.execute_interactive(
                source, store_history=False, timeout=self._timeout, output_hook=hear, allow_stdin=False
            )
        )
        try:
            while not (await asyncio.wait({running}, timeout=0.5))[0]:
                if not await self._client.km.is_alive():
                    raise RuntimeError("the kernel ended")
            await running
        except Empty:  # a message was announced and did not come: in a flood some are dropped
            raise TimeoutError("the kernel's message was lost") from None
        finally:
            await _end(running)


async def _end(task: asyncio.Task) -> None:
    """Cancel a task and wait until it has ended: of two that read one channel, each takes the other's messages."""
    task.cancel()
    await asyncio.wait({task})
