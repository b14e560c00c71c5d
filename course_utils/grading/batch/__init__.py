"""A whole class: submissions on Dask's workers, one writer of the gradebook."""
