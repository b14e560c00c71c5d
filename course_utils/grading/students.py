"""A student's kernel while their notebook is run: it may hang, die or flood, and the rest still counts."""

import asyncio
import json
import secrets
from typing import Any

from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from .answering import MIME
from .codec import LARGEST
from .states import Note, State

MOST_OUTPUT = 2 << 20  # bytes of output that one cell may make
MOST_IN_ALL = 20 << 20  # and all cells of one submission together
_ANSWERS = 3  # seconds that an interrupted kernel has to answer before it is given up


_CANARY = """
try:
    __import__("IPython").display.display({number})
    assert False, {text!r}
except AssertionError as _failed:
    __import__("IPython").display.display(str(_failed))
"""


def error(name: str, text: str) -> NotebookNode:
    """An error output in one sentence, without a traceback."""
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class _Client(NotebookClient):
    """nbclient, with a limit to what a cell, and all cells together, may put out."""

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Drop what comes after a cell has put out too much, and interrupt it."""
        if cell is not self._cell:
            self._cell, self._size, self.flooded = cell, 0, False
            self._display_id_map = {}  # or a cell could change what an earlier one has put out
        if msg["msg_type"] not in ("status", "execute_input"):
            size = len(json.dumps(msg["content"], default=str))
            self._size += size
            self.in_all += size
            if self._size > MOST_OUTPUT or self.in_all > MOST_IN_ALL:
                if not self.flooded:
                    self.flooded = True
                    asyncio.ensure_future(self.km.interrupt_kernel())
                return None
        return super().process_message(msg, cell, cell_index)

    _cell: NotebookNode | None = None
    _size = 0
    in_all = 0
    flooded = False


class StudentKernel:
    """Runs a student's cells, and answers for the student's names.

    `notes` collects what went wrong on the way.
    """

    def __init__(self, notebook: NotebookNode, folder: str, timeout: int, kernel: str):
        self._notebook, self._folder, self._timeout, self._kernel = notebook, folder, timeout, kernel
        self._client: _Client | None = None
        self._done: list[str] = []  # the sources of the cells that ended, to be run again in a fresh kernel
        self.notes: list[Note] = []
        self._put_out = 0  # bytes, by the kernels that are gone

    async def start(self) -> None:
        """Start a kernel, and run again in it what had ended before."""
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
        self._client.in_all = self._put_out
        self._client.create_kernel_manager()
        await self._client.async_start_new_kernel()
        await self._client.async_start_new_kernel_client()
        for source in self._done:
            await self._client.kc.execute_interactive(
                source, store_history=False, timeout=self._timeout, output_hook=lambda _: None, allow_stdin=False
            )

    async def stop(self) -> None:
        if self._client is not None and self._client.km is not None:
            self._put_out = self._client.in_all
            await self._client._async_cleanup_kernel()
        self._client = None

    async def run(self, cell: NotebookNode, index: int, name: str) -> None:
        """Run one cell. Where it hangs or ends the kernel, that is its output, and a fresh kernel goes on after it."""
        if self._client is None:
            await self.start()
        try:
            await self._client.async_execute_cell(cell, index)
            if listening := getattr(self._client, "task_poll_output_msg", None):  # none yet where a cell is empty
                listening.cancel()  # after a time-out it still listens, to what is not for it
            timed_out = any(o.output_type == "error" and o.ename == "CellTimeoutError" for o in cell.outputs)
        except DeadKernelError:
            await self._give_up(cell, name, "ended the kernel")
            return
        except (CellTimeoutError, TimeoutError):
            timed_out = True
        if self._client.flooded:
            text = f"a cell may put out {MOST_OUTPUT >> 20} MB, all together {MOST_IN_ALL >> 20}: it was stopped"
            cell.outputs.append(error("OutputLimit", text))
            self.notes.append(Note(State.CRASHED, f"The cell {name} put out too much."))
        if timed_out or self._client.flooded:
            if timed_out:
                text = f"the cell ran longer than {self._timeout} seconds, so it was stopped"
                cell.outputs = [o for o in cell.outputs if o.get("ename") != "CellTimeoutError"]
                cell.outputs.append(error("TimeLimit", text))
                self.notes.append(Note(State.TIMEOUT, f"The cell {name} ran longer than {self._timeout} seconds."))
            if not await self._responds():
                await self.stop()
            return
        self._done.append(cell.source)

    async def _give_up(self, cell: NotebookNode, name: str, what: str) -> None:
        cell.outputs.append(error("KernelEnded", f"this cell {what}; what stands below it ran in a fresh one"))
        self.notes.append(Note(State.CRASHED, f"The cell {name} {what}."))
        await self.stop()

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
        """What the kernel tells after a line of Python that calls `answering`; "error" in it where it told nothing."""
        told: list[str] = []

        def hear(message: dict) -> None:
            text = message["content"].get("data", {}).get(MIME) if message["msg_type"] == "display_data" else None
            if isinstance(text, str) and not told:
                told.append(text)

        try:
            if self._client is None:
                await self.start()
            source = f"from course_utils.grading import answering; {question}"
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
        """Run a line of ours. Raises `RuntimeError` as soon as the kernel has ended."""
        running = asyncio.ensure_future(
            self._client.kc.execute_interactive(
                source, store_history=False, timeout=self._timeout, output_hook=hear, allow_stdin=False
            )
        )
        while not (await asyncio.wait({running}, timeout=0.5))[0]:
            if not await self._client.km.is_alive():
                running.cancel()
                raise RuntimeError("the kernel ended")
        await running
