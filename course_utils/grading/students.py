"""A student's kernel while their notebook is run: it may hang, die or flood, and the rest still counts."""

import asyncio
import json
from typing import Any

from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from .answering import MIME
from .codec import LARGEST

MOST_OUTPUT = 2 << 20  # bytes of output that one cell may make
_ANSWERS = 3  # seconds that an interrupted kernel has to answer before it is given up


def error(name: str, text: str) -> NotebookNode:
    """An error output in one sentence, without a traceback."""
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class _Client(NotebookClient):
    """nbclient, with a limit to what a cell may put out."""

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Drop what comes after a cell has put out too much, and interrupt it."""
        if cell is not self._cell:
            self._cell, self._size, self.flooded = cell, 0, False
        if msg["msg_type"] not in ("status", "execute_input"):
            self._size += len(json.dumps(msg["content"], default=str))
            if self._size > MOST_OUTPUT:
                if not self.flooded:
                    self.flooded = True
                    asyncio.ensure_future(self.km.interrupt_kernel())
                return None
        return super().process_message(msg, cell, cell_index)

    _cell: NotebookNode | None = None
    _size = 0
    flooded = False


class StudentKernel:
    """Runs a student's cells, and answers for the student's names.

    `notes` collects, in sentences, what went wrong on the way.
    """

    def __init__(self, notebook: NotebookNode, folder: str, timeout: int, kernel: str):
        self._notebook, self._folder, self._timeout, self._kernel = notebook, folder, timeout, kernel
        self._client: _Client | None = None
        self._done: list[str] = []  # the sources of the cells that ended, to be run again in a fresh kernel
        self.notes: list[str] = []

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
        self._client.create_kernel_manager()
        await self._client.async_start_new_kernel()
        await self._client.async_start_new_kernel_client()
        for source in self._done:
            await self._client.kc.execute_interactive(
                source, store_history=False, timeout=self._timeout, output_hook=lambda _: None, allow_stdin=False
            )

    async def stop(self) -> None:
        if self._client is not None and self._client.km is not None:
            await self._client._async_cleanup_kernel()
        self._client = None

    async def run(self, cell: NotebookNode, index: int, name: str) -> None:
        """Run one cell. Where it hangs or ends the kernel, that is its output, and a fresh kernel goes on after it."""
        if self._client is None:
            await self.start()
        try:
            await self._client.async_execute_cell(cell, index)
            timed_out = any(o.output_type == "error" and o.ename == "CellTimeoutError" for o in cell.outputs)
        except DeadKernelError:
            await self._give_up(cell, name, "ended the kernel")
            return
        except (CellTimeoutError, TimeoutError):
            timed_out = True
        if self._client.flooded:
            text = f"the cell put out more than {MOST_OUTPUT >> 20} MB, so it was stopped"
            cell.outputs.append(error("OutputLimit", text))
            self.notes.append(f"The cell {name} put out too much.")
        if timed_out or self._client.flooded:
            if timed_out:
                text = f"the cell ran longer than {self._timeout} seconds, so it was stopped"
                cell.outputs = [o for o in cell.outputs if o.get("ename") != "CellTimeoutError"]
                cell.outputs.append(error("TimeLimit", text))
                self.notes.append(f"The cell {name} ran longer than {self._timeout} seconds.")
            if not await self._responds():
                await self.stop()
            return
        self._done.append(cell.source)

    async def _give_up(self, cell: NotebookNode, name: str, what: str) -> None:
        cell.outputs.append(error("KernelEnded", f"this cell {what}; what stands below it ran in a fresh one"))
        self.notes.append(f"The cell {name} {what}.")
        await self.stop()

    async def _responds(self) -> bool:
        try:
            await self._client.kc.execute_interactive(
                "", silent=True, store_history=False, timeout=_ANSWERS, allow_stdin=False, output_hook=lambda _: None
            )
            return True
        except Exception:  # whatever it is, this kernel is of no further use
            return False

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
            await asyncio.wait_for(self._answer(question, hear), self._timeout + 2 * _ANSWERS)
        except (TimeoutError, RuntimeError):
            alive = self._client is not None and await self._client.km.is_alive()
            if alive:
                await self._client.km.interrupt_kernel()
            if not alive or not await self._responds():
                await self.stop()
            what = f"it took longer than {self._timeout} seconds" if alive else "it ended the kernel"
            self.notes.append(f"A call of a function was stopped: {what}.")
            return {"error": "TimeoutError" if alive else "SystemExit", "text": what}
        try:
            if len(told[0]) > LARGEST:
                return {"error": "MemoryError", "text": "what came back was too large"}
            answer = json.loads(told[0])
            if type(answer) is not dict:
                raise ValueError("no object")
        except (IndexError, ValueError, RecursionError):
            self.notes.append("The kernel did not answer as an untouched one does.")
            return {"error": "RuntimeError", "text": "the kernel did not answer as an untouched one does"}
        return answer

    async def _answer(self, question: str, hear) -> None:
        running = asyncio.ensure_future(
            self._client.kc.execute_interactive(
                f"from course_utils.grading import answering; {question}",
                store_history=False,
                timeout=self._timeout,
                output_hook=hear,
                allow_stdin=False,
            )
        )
        while not (await asyncio.wait({running}, timeout=0.5))[0]:
            if not await self._client.km.is_alive():
                running.cancel()
                raise RuntimeError("the kernel ended")
        await running
