"""Submissions go to Dask's workers, and what these found comes back. Nothing here knows students or a gradebook."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager

from distributed import Client, Future, KilledWorker, as_completed
from distributed.comm import CommClosedError

from . import worker

AHEAD = 4  # submissions that are sent to each worker before the first of them is back
_COME_BACK = 30  # seconds for workers that ended to be there again
_LOST = (CommClosedError, CancelledError, asyncio.CancelledError, OSError)

Workers = Callable[[int], AbstractContextManager[Client]]
Found = dict[str, str] | BaseException


class ClusterLost(Exception):
    """Nothing more will come from the workers; the message says why."""


def grade_all(
    workers: Workers,
    most: int,
    task: worker.Assignment,
    submissions: Iterator[tuple[str, bytes]],
    how: Callable[[bytes, worker.Assignment], dict[str, str]] | None = None,
) -> Iterator[tuple[str, Found]]:
    """Have submissions graded, each a name of its own and a packed folder, and yield what was found, as it comes.

    `how` is a function of `work`, `grade` where it is not given. `workers(most)` opens a client of a cluster, of which
    no more than `most` workers have something to do. What was found are notebooks, JSON by name, or the exception of a
    submission that three times could not be run: `KilledWorker` where it ended its workers. Raises `ClusterLost`.
    """
    clock = _clock()
    try:
        with workers(most) as client:
            yield from _run(client, clock, task, submissions, how or worker.grade)
    except _LOST as problem:
        raise ClusterLost(short(problem)) from None


def _run(
    client: Client, clock: float, task: worker.Assignment, submissions: Iterator[tuple[str, bytes]], how: Callable
) -> Iterator[tuple[str, Found]]:
    known = client.submit(_same, task, key=f"assignment-{task.key}")
    running, sent = as_completed(loop=client.loop), {}
    suspects = {}  # those whose worker ended: each may have done it, or been there when another one did

    def send() -> None:
        for key, packed in submissions:
            sent[key] = packed
            running.add(client.submit(how, packed, known, key=key, retries=2))
            return

    for _ in range(AHEAD * max(1, len(client.nthreads()))):
        send()
    while not running.is_empty():
        key, found = _next(running, client, clock)
        packed = sent.pop(key)
        if isinstance(found, KilledWorker):
            suspects[key] = packed
        else:
            yield key, found
        send()
    for key, packed in suspects.items():  # one at a time, so that none of them suffers for another
        running.add(client.submit(how, packed, known, key=f"{key}-alone"))
        yield key, _next(running, client, clock)[1]


def _next(running: as_completed, client: Client, clock: float) -> tuple[str, Found]:
    """The next that is done. Raises `ConnectionError` where none will be, as workers are gone or messages held up."""
    seen = asked = time.monotonic()
    while not running.has_ready():
        time.sleep(0.02)
        if _clock() < clock - 1:  # Dask would wait until it is as late as it was
            raise ConnectionError("the clock of this machine was set back")
        if time.monotonic() > asked + 2:
            asked = time.monotonic()
            if client.nthreads():
                seen = asked
            elif asked > seen + _COME_BACK:
                raise ConnectionError("all of its workers are gone")
    future: Future = next(running)
    try:
        # A lost cluster is raised by `result`, which therefore is asked of all that did not fail.
        found = future.exception() if future.status == "error" else future.result()
    except _LOST:
        raise
    except Exception as problem:  # it was done, was lost with its worker, and failed when it was run again
        found = problem
    finally:
        future.release()  # else it is run again when its worker ends
    return future.key, found


def _same(task: worker.Assignment) -> worker.Assignment:
    return task


def _clock() -> float:
    """What the clock on the wall shows, by a clock that nobody sets."""
    return time.time() - time.monotonic()


def short(problem: BaseException) -> str:
    """An exception in a few words, without a full stop."""
    text = str(problem).strip().split("\n")[0].rstrip(".")
    return f"{type(problem).__name__}: {text[:200]}" if text else type(problem).__name__
