"""A LongEncoder as mteb's encoder protocol wants it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from longembed_rag import EncoderSettings, LongEncoder
from longembed_rag.errors import MissingDependencyError, SettingsError
from longembed_sentence_transformers.names import text_names

try:
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ModelMeta, ScoringFunction
    from mteb.types import PromptType
except ImportError as error:
    raise MissingDependencyError(
        "mteb is not installed: pip install 'longembed-sentence-transformers[mteb]'"
    ) from error

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import BatchedInput
    from torch.utils.data import DataLoader

#: Settings that results always tell; others where they are not the usual ones.
_TOLD = ("method", "max_length", "overflow", "original_length", "pooling")
#: Settings that other fields of the metadata hold.
_TOLD_ELSEWHERE = ("query_prompt", "document_prompt", "version")
_HARMLESS = ("batch_size", "show_progress_bar")


class LongMtebEncoder(AbsEncoder):
    """Serves a LongEncoder to ``mteb.evaluate``.

    Queries get the query prompt; all other texts, those of symmetric tasks among them, are read as
    documents. How many texts are read at once is the encoder's ``batch_tokens``.

    Args:
        encoder: What reads.
        name: ``organization/model`` in results; None makes one of the encoder's model name.

    Attributes:
        model: The encoder.
        mteb_model_meta: Its name, its fingerprint as revision, its settings in
            ``experiment_kwargs``.
    """

    def __init__(self, encoder: LongEncoder, *, name: str | None = None) -> None:
        self.model: LongEncoder = encoder
        self.mteb_model_meta: ModelMeta = model_meta(encoder, name=name)

    def encode(
        self,
        inputs: DataLoader[BatchedInput],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **kwargs: Any,
    ) -> NDArray[np.float32]:
        """Embed the texts of a task.

        Args:
            inputs: Batches with a list of texts under ``"text"``.
            task_metadata: Not looked at; prompts are the encoder's.
            hf_split: Not looked at.
            hf_subset: Not looked at.
            prompt_type: Whether the texts are queries or documents.
            **kwargs: mteb's ``encode_kwargs``: ``batch_size`` and ``show_progress_bar`` change no
                vector, and a ``precision`` other than float32 is refused.

        Returns:
            float32, ``[n, dimension]``.

        Raises:
            SettingsError: ``encode_kwargs`` ask for what the encoder does not do.
            InputError: A text cannot be embedded; names it.
        """
        asked = {key: value for key, value in kwargs.items() if key not in _HARMLESS}
        if asked.pop("precision", None) not in (None, "float32") or asked:
            raise SettingsError(
                f"encode_kwargs={kwargs!r}: only batch_size and show_progress_bar are known; "
                "settings such as truncate_dim are the encoder's"
            )
        kind: Literal["query", "document"] = "document"
        if prompt_type == PromptType.query:
            kind = "query"
        vectors = [np.empty((0, self.model.dimension), dtype=np.float32)]
        for batch in inputs:
            texts = list(batch["text"])
            found = self.model.encode(texts, kind=kind, names=text_names(texts))
            vectors.append(found.embeddings)
        return np.concatenate(vectors)


def model_meta(encoder: LongEncoder, *, name: str | None = None) -> ModelMeta:
    """What results say of an encoder; what is not known of its model stays empty."""
    weights = list(encoder.model.parameters())
    table = cast("Any", encoder.model).get_input_embeddings().weight
    known = {
        "name": name or _name(encoder),
        "revision": encoder.fingerprint,
        "n_parameters": sum(weight.numel() for weight in weights),
        "n_embedding_parameters": table.numel(),
        "memory_usage_mb": round(
            sum(weight.numel() * weight.element_size() for weight in weights) / 2**20
        ),
        "max_tokens": encoder.max_length,
        "embed_dim": encoder.dimension,
        "framework": ["PyTorch"],
        "similarity_fn_name": ScoringFunction.COSINE,
        "use_instructions": bool(encoder.query_prompt or encoder.document_prompt),
        "experiment_kwargs": _experiment(encoder),
    }
    meta: ModelMeta = ModelMeta.create_empty(overwrites=known)
    return meta


def _experiment(encoder: LongEncoder) -> dict[str, Any]:
    usual = EncoderSettings().to_dict()
    told = {
        key: value
        for key, value in encoder.planner.vector_settings().items()
        if key in _TOLD or (key not in _TOLD_ELSEWHERE and value != usual[key])
    }
    return {**told, "dtype": str(encoder.dtype).removeprefix("torch.")}


def _name(encoder: LongEncoder) -> str:
    """The hub name; of a folder only its last part, which tells nothing of the machine."""
    name = encoder.model_name
    if Path(name).expanduser().is_dir():
        return f"local/{Path(name).resolve().name}"
    return name if "/" in name else f"longembed-rag/{name}"
