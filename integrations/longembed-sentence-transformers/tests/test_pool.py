"""Several processes read as one does."""

from __future__ import annotations

import numpy as np
from long_texts import TEXTS
from sentence_transformers import SentenceTransformer


def test_two_processes_read_alike(own_model: SentenceTransformer) -> None:
    """A pool's processes load the model by themselves, and give the same vectors."""
    wanted = own_model.encode(TEXTS)
    pool = own_model.start_multi_process_pool(["cpu", "cpu"])
    try:
        found = own_model.encode(TEXTS, pool=pool, chunk_size=1)
    finally:
        own_model.stop_multi_process_pool(pool)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(own_model.encode(TEXTS), wanted)
