"""One progress bar for notebook and terminal, that leaves one clean line behind."""

import sys

from tqdm.std import tqdm


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and hasattr(shell, "kernel")


class _NotebookBar(tqdm):
    """tqdm drawn into one updated output: nothing on stderr, no widget, and only its last state is saved."""

    _handle = None  # of the output, once there is one

    def __init__(self, *args, **settings):
        super().__init__(*args, **(settings | {"file": sys.stdout, "ncols": 88, "ascii": False}))

    def display(self, msg=None, pos=None, **_):
        from IPython.display import display

        page = {"text/plain": msg if msg is not None else str(self)}
        if self._handle:
            self._handle.update(page, raw=True)
        else:
            self._handle = display(page, raw=True, display_id=True)

    def clear(self, *_, **__):
        pass

    def close(self):
        if not self.disable:
            self.disable = True
            done = self.format_dict
            if done["elapsed"] < self.delay:  # too short to have been shown at all
                return type(self)._decr_instances(self)
            text = f"{done['prefix'] or 'done'}: {done['n']} {done['unit']} in {self.format_interval(done['elapsed'])}"
            self.display(text.replace(": :", ":"))
            type(self)._decr_instances(self)


def bar(iterable=None, total: int | None = None, label: str = "", unit: str = "steps", shown: bool = True) -> tqdm:
    """A tqdm bar over `iterable`, or over `total` steps that the caller counts with `.update(k)`.

    It shows after one second: what is quicker needs no bar. With `shown` false it only counts.
    """
    kind = _NotebookBar if _in_notebook() else tqdm
    return kind(iterable, total=total, desc=label, unit=unit, leave=False, delay=1, disable=not shown)
