"""The user's machine: what may be wrong with it, JupyterLab, and files fetched ahead of time."""
