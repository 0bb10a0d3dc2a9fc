"""Any sentence-transformers model as it comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longembed_eval.extras import require
from longembed_eval.systems.protocol import Progress
from longembed_eval.systems.readings import Reading
from longembed_rag.errors import ModelLoadError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class SentenceTransformerReader:
    """A sentence-transformers model as it comes: one vector a document, cut at its own limit.

    Attributes:
        name: What it is called.
        load: Loads the model, or hands out the loaded one.
        settings: Everything that its vectors depend on, see :func:`describe`.
    """

    name: str
    load: Callable[[], SentenceTransformer]
    settings: dict[str, Any]

    def prepare(self) -> None:
        """Load the model, and let it read something: the first pass is slow."""
        self.load().encode(["warming up"], show_progress_bar=False)

    def read(self, documents: Mapping[str, str], *, on_progress: Progress) -> Reading:
        """Embed documents."""
        import numpy as np

        model = self.load()
        texts = list(documents.values())
        total = sum(map(len, texts))
        limit = model.get_max_seq_length() or 10**9
        tokens = np.array(
            [len(model.tokenizer(text, verbose=False)["input_ids"]) for text in texts]
        )
        vectors, done = [], 0
        for start in range(0, len(texts), 16):
            batch = texts[start : start + 16]
            vectors.append(
                model.encode_document(batch, normalize_embeddings=True, show_progress_bar=False)
            )
            done += sum(map(len, batch))
            on_progress(done, total)
        return Reading(
            vectors=np.concatenate(vectors).astype(np.float32),
            parts=np.empty((0, vectors[0].shape[1]), dtype=np.float32),
            owners=np.empty(0, dtype=np.int64),
            spans=np.empty((0, 2), dtype=np.int64),
            part_tokens=np.empty(0, dtype=np.int64),
            tokens=tokens,
            tokens_read=np.minimum(tokens, limit),
        )

    def embed_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of queries."""
        import numpy as np

        vectors = self.load().encode_query(
            list(queries), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def load_sentence_transformer(name: str, *, device: str | None) -> SentenceTransformer:
    """Load a model as sentence-transformers does.

    Args:
        name: Folder or hub name.
        device: Where it runs; None for the library's choice.

    Raises:
        MissingDependencyError: sentence-transformers is not installed.
        ModelLoadError: It cannot be loaded.
    """
    require(("sentence_transformers",))
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(name, device=device)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelLoadError(f"st: sentence-transformers cannot load {name!r}: {reason}") from error


def describe(name: str, model: SentenceTransformer) -> dict[str, Any]:
    """Everything that the vectors of a model depend on, ready for JSON.

    Args:
        name: What it is called.
        model: The model, loaded.
    """
    return {
        "model": name,
        "weights": _hash_of(model),
        "max_length": model.get_max_seq_length(),
        "prompts": dict(model.prompts),
        "device": str(model.device),
    }


def _hash_of(model: SentenceTransformer) -> str:
    """Hash of its weights (hex), so that two models of one name are told apart."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).float().numpy().tobytes())
    return digest.hexdigest()
