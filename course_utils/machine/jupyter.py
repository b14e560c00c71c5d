"""The kernel that the course's notebooks run in: always the Python that runs the course, however Jupyter is set up."""

import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager


class CourseKernelSpecs(KernelSpecManager):
    """Knows one kernel, `python3`, which is the running interpreter; not those that a user has installed elsewhere."""

    def _kernel_dirs_default(self):
        return []


class CourseKernelManager(AsyncKernelManager):
    """Starts that kernel, and talks with it encrypted: on a shared machine, others could read along."""

    def _kernel_spec_manager_default(self):
        return CourseKernelSpecs(parent=self)

    def _transport_encryption_default(self):
        return "auto" if zmq.has("curve") else "disabled"
