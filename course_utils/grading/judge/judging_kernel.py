"""The judging kernel, seen from outside: one for each assignment and grading process, for all its submissions."""

import json
import re
from contextlib import suppress
from typing import Any

from jupyter_client import AsyncKernelManager
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from ..roles import Plan, defined
from ..states import KEY, Note, State
from .student_kernel import StudentKernel, error

_TEST = 120  # seconds for one test, the student's calls included
_INSIDE = "from course_utils.grading.judge import in_judging_kernel as inside; "
_MOST = 50  # submissions for one kernel; then a fresh one, whatever may have piled up in it


class Judge:
    """Runs tests in a kernel that runs nothing else than the assignment's own cells."""

    def __init__(self, plan: Plan, kernel: str, folder: str):
        """`folder` holds the assignment's own files, and nothing that a student handed in."""
        self._plan, self._kernel, self._folder = plan, kernel, folder
        self._manager: AsyncKernelManager | None = None
        self._client = None
        self._served = 0

    async def start(self) -> None:
        """Start the kernel and run the assignment's own cells; one that needs a student's answers is passed over."""
        self._manager = AsyncKernelManager(kernel_name=self._kernel)
        await self._manager.start_kernel(cwd=self._folder)
        self._client = self._manager.client()
        self._client.start_channels()
        await self._client.wait_for_ready(timeout=60)
        self._served = 0
        for source in self._plan.own:
            await self._run(source)
        await self._run(_INSIDE + "inside.remember()")

    async def stop(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
        if self._manager is not None and self._manager.has_kernel:
            await self._manager.shutdown_kernel(now=True)
        self._manager = self._client = None

    async def open(self) -> None:
        """Make ready for another submission."""
        if self._manager is not None and (self._served >= _MOST or not await self._manager.is_alive()):
            await self.stop()
        if self._manager is None:
            await self.start()
        self._served += 1
        self._fresh = True

    def asks(self, cell: NotebookNode) -> list[str]:
        """The names that a test asks a student for."""
        bound: set[str] = set()
        with suppress(SyntaxError):  # of the author's, which the test will say itself
            bound.update(defined(cell.source))
        names = [*self._plan.names, *(name for name in self._plan.shared if name not in bound)]
        return [name for name in names if re.search(rf"\b{name}\b", cell.source)]

    async def test(self, cell: NotebookNode, student: StudentKernel) -> None:
        """Run one test cell on a student's answers: its outputs become the cell's, how it failed its metadata."""
        cell.metadata.pop(KEY, None)  # a student may have written there
        if not await student.is_honest():
            student.notes.append(Note(State.TAMPERED, "The kernel did not do what it was told: look at the code."))
        told = await student.ask(f"in_student_kernel.describe({self.asks(cell)!r})")
        if "error" in told:
            cell.outputs = [error("NoAnswer", f"the answers could not be read, as {told.get('text')}")]
            return
        # What students may change counts where it can travel; else the author's stays.
        told = {n: said for n, said in told.items() if n not in self._plan.shared or _travels(said)}
        values = f"inside.json.loads({json.dumps(told)!r})"
        outputs = await self._run(_INSIDE + f"inside.begin({values}, {self._fresh})")
        self._fresh = False
        if any(o.output_type == "error" for o in outputs):
            student.notes.append(Note(State.TAMPERED, "The kernel told values that an untouched one never tells."))
            cell.outputs = [error("NoAnswer", "the answers could not be read")]
            return

        async def answer(message: dict) -> None:
            asked = json.loads(message["content"]["prompt"])
            reply = await student.ask(
                f"in_student_kernel.call({asked['call']!r}, {asked['arguments']!r}, {asked['lines']!r})"
            )
            self._client.input(json.dumps(reply))

        cell.outputs = await self._run(cell.source, answer)
        shown = "\n".join(o.get("text", "") + o.get("evalue", "") for o in cell.outputs)
        outputs = await self._run(
            f"from course_utils.grading.judge import in_judging_kernel as inside; inside.tell({shown!r})"
        )
        if [output.output_type for output in outputs] == ["stream"]:
            failure = json.loads(outputs[0].text)
            if failure.pop("strange") and any(o.output_type == "error" for o in cell.outputs):
                # Not of which kind: its name is the student's, who reads this, and may tell what hidden tests ask.
                text = (
                    f"'{cell.metadata.nbgrader.grade_id}' failed on an object that cannot leave the student's kernel: "
                    "is it right?"
                )
                student.notes.append(Note(State.LOOK, text))
            if "line" in failure:  # IPython counts from the first line that is not empty
                failure["line"] += cell.source[: -len(cell.source.lstrip())].count("\n")
            if "kind" in failure and not any(o.output_type == "error" for o in cell.outputs):
                del failure["kind"]  # that of the attempt to tell it
                cell.outputs.append(error("NoAnswer", "the test failed, with a message that is no text"))
            cell.metadata[KEY] = failure

    async def _run(self, source: str, answer=None) -> list[NotebookNode]:
        """The outputs of a cell. A kernel that does not come to an end is replaced."""
        outputs: list[NotebookNode] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] not in ("stream", "display_data", "execute_result", "error"):
                return
            made = output_from_msg(message)
            last = outputs[-1] if outputs else None
            if last and made.output_type == last.output_type == "stream" and made.name == last.name:
                last.text += made.text
            else:
                outputs.append(made)

        try:
            await self._client.execute_interactive(
                source, timeout=_TEST, output_hook=hear, allow_stdin=answer is not None, stdin_hook=answer
            )
        except Exception as problem:
            await self.stop()
            await self.start()
            self._fresh = True
            return [*outputs, error("NoAnswer", f"the test came to no end ({type(problem).__name__})")]
        return outputs


def _travels(said: Any) -> bool:
    return (
        type(said) is dict
        and "missing" not in said
        and not (type(said.get("value")) is dict and "other" in said["value"])
    )
