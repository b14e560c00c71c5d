"""Where a class is graded: on a Dask cluster of this machine's cores, or on one that somebody else has started."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dask
from distributed import Client, LocalCluster

from ...errors import GradingFailed
from ..sandbox.available import SANDBOX, way
from ..sandbox.provisioner import SHARED, serving
from . import worker

_ANSWER, _WORKERS = 10, 30  # seconds that a scheduler has to answer, and its workers to come


@contextmanager
def workers(jobs: int, scheduler: str | None = None) -> Iterator[Client]:
    """A client of the cluster at an address, or of one made here, with `jobs` workers.

    Raises `GradingFailed` where nobody answers at the address, or workers cannot be started.
    """
    if scheduler:
        with _client(scheduler) as client:
            yield client
        return
    shared = {SHARED: str(serving().folder)} if way() == SANDBOX else {}  # one import of TensorFlow for all of them
    with ExitStack() as opened:
        try:
            with dask.config.set({"distributed.scheduler.worker-saturation": 1.0}):  # who ends a worker harms no other
                cluster = opened.enter_context(_local(jobs, shared))
            client = opened.enter_context(Client(cluster))
        except (RuntimeError, OSError) as problem:
            raise GradingFailed(f"The workers could not be started ({problem}): run the command again.") from None
        cluster.adapt(minimum=jobs, maximum=jobs)  # a worker that ends, however early, is replaced
        yield client


def _local(jobs: int, environment: dict[str, str]) -> LocalCluster:
    return LocalCluster(
        n_workers=jobs,
        threads_per_worker=1,
        host="127.0.0.1",
        security=True,  # certificates of its own: no other user of this machine can send it work
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
        env=environment,
        memory_limit=None,  # what submissions use is limited by the sandbox
        preload=[worker.__name__],
        silence_logs="CRITICAL",
    )


def _client(address: str) -> Client:
    try:
        client = Client(address, timeout=_ANSWER)
    except (OSError, ValueError) as problem:
        raise GradingFailed(f"No Dask scheduler answers at '{address}' ({problem}): check the address.") from None
    try:
        client.wait_for_workers(1, timeout=_WORKERS)
    except TimeoutError:
        client.close()
        raise GradingFailed(f"The scheduler at '{address}' has no workers: start some.") from None
    return client
