"""The module of ``modules.json``: texts to vectors, by a LongEncoder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from sentence_transformers.base.modules import InputModule
from typing_extensions import Self

from longembed_rag import EncoderSettings, Encoding, LongEncoder
from longembed_rag.errors import (
    InputError,
    LongEmbedWarning,
    ModelLoadError,
    SettingsError,
    TrainingError,
)
from longembed_sentence_transformers.names import text_names
from longembed_sentence_transformers.settings import (
    chosen_at_loading,
    reading_settings,
    resolved_settings,
    saved_values,
)
from longembed_sentence_transformers.weights import copy_model, read_json

Kind = Literal["document", "query"]


class LongTransformer(InputModule):  # type: ignore[misc]
    """Reads texts of any length, in place of a ``Transformer``, its pooling and what follows.

    :meth:`preprocess` hands on the texts themselves, and :meth:`forward` gives them to a
    :class:`~longembed_rag.LongEncoder`, so vectors are those of ``LongEncoder.encode``, whatever
    else is in the batch. The encoder's weights are the module's parameters. Copies and pickles
    carry the settings and load the weights from the model's folder again.

    Args:
        settings: How texts become vectors.

    Attributes:
        settings: The settings, with method, pooling, prompts and length as they were found in the
            model.
    """

    config_file_name = "longembed.json"
    save_in_root = False

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = resolved_settings(settings)
        self._open(self.settings)
        self.eval()
        self.register_load_state_dict_pre_hook(_refuse_weights)

    def _open(self, settings: EncoderSettings) -> None:
        self._encoder = LongEncoder.from_settings(reading_settings(settings))
        self.model = self._encoder.model
        self._read_by = (self.settings, self._place())

    def _place(self) -> tuple[torch.device, torch.dtype]:
        weight = next(self.model.parameters())
        return weight.device, weight.dtype

    @property
    def encoder(self) -> LongEncoder:
        """What reads, loaded anew if its weights were moved or cast, or a setting was changed."""
        if self._read_by != (self.settings, self._place()):
            self._open(self._settings_here())
        return self._encoder

    def _settings_here(self) -> EncoderSettings:
        device, dtype = self._place()
        return replace(
            self.settings,
            model=str(self._encoder.planner.folder.root),
            device=str(device),
            dtype=str(dtype).removeprefix("torch."),
        )

    @property
    def max_seq_length(self) -> int:
        """Longest text read in one go, in tokens; ``overflow`` says what happens beyond."""
        return self.settings.max_length

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        if value is None:
            raise SettingsError("max_seq_length=None: the longest text needs a number of tokens")
        self.settings = replace(self.settings, max_length=value)

    @cached_property
    def tokenizer(self) -> Any:
        """The model's own tokenizer, for those who count tokens; texts are read by another copy."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            str(self._encoder.planner.folder.tokenizer),
            trust_remote_code=self.settings.trust_remote_code,
        )

    def get_embedding_dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The texts, their prompt and what they are for, as features for :meth:`forward`.

        Args:
            inputs: The texts.
            prompt: What to put before them.
            **kwargs: ``task``, which ``encode_query`` and ``encode_document`` give.

        Raises:
            SettingsError: ``processing_kwargs`` were given; the settings say how texts are read.
        """
        if kwargs.get("processing_kwargs"):
            raise SettingsError(
                "processing_kwargs cannot change how a text is read; set max_seq_length, or give "
                "model_kwargs={'max_length': ..., 'overflow': ...} when the model is loaded"
            )
        return {"texts": list(inputs), "prompt": prompt or "", "task": kwargs.get("task")}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Embed the texts of :meth:`preprocess`.

        Returns:
            ``sentence_embedding``: float32, ``[n, dimension]``.

        Raises:
            TrainingError: Gradients are asked for; this module only reads.
            InputError: A text cannot be embedded, or there are none; names it.
        """
        if self.training and torch.is_grad_enabled():
            raise TrainingError(
                "LongTransformer only reads: it gives no gradients. Train the model as it came "
                "(or by longembed-rag train), and extend the result"
            )
        if "texts" not in features:
            raise InputError(
                "LongTransformer reads texts, not token ids: its features come from "
                "model.preprocess(texts)"
            )
        encoding = self._encode(features["texts"], features["prompt"], features["task"])
        vectors = torch.from_numpy(encoding.embeddings).to(self._place()[0])
        return {"sentence_embedding": vectors}

    def _encode(self, texts: list[str], prompt: str, task: str | None) -> Encoding:
        encoder, names = self.encoder, text_names(texts)
        kind, front = self._kind(prompt, task)
        if not front:
            return encoder.encode(texts, kind=kind, names=names)
        if not encoder.planner.folder.include_prompt:
            raise SettingsError(
                f"prompt={front!r}: this model leaves prompts out of pooling, which can be done "
                f"with its document prompt {encoder.document_prompt!r} only"
            )
        whole = [front + text if isinstance(text, str) else text for text in texts]
        encoding = encoder.encode(whole, kind=kind, names=names)
        _warn_of_windows(encoding, names, front)
        return encoding

    def _kind(self, prompt: str, task: str | None) -> tuple[Kind, str]:
        """What to call texts with a prompt, and what of the prompt to put before them for that."""
        kinds: tuple[Kind, Kind] = ("document", "query")
        encoder = self.encoder
        own = {"document": encoder.document_prompt, "query": encoder.query_prompt}
        for wanted in (prompt, ""):
            fitting = [kind for kind in kinds if own[kind] == wanted]
            if fitting:
                return (task if task in fitting else fitting[0]), prompt[len(wanted) :]
        raise AssertionError("one prompt of an encoder here is always empty")

    def train(self, mode: bool = True) -> Self:
        """As every module's, but the weights stay as they are for reading, without dropout."""
        super().train(mode)
        self.model.eval()
        return self

    def get_config_dict(self) -> dict[str, Any]:
        """Every setting that changes a vector."""
        return saved_values(self.settings)

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **_: Any) -> None:
        """Write the model's files as they came, and the settings beside them.

        Raises:
            SettingsError: Pickled weights are asked for.
        """
        if not safe_serialization:
            raise SettingsError(
                "safe_serialization=False: pickled weights are not loaded by longembed-rag"
            )
        folder = self._encoder.planner.folder
        copy_model(folder.root, Path(output_path), code=self.settings.trust_remote_code)
        self.save_config(output_path)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        *,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        backend: str = "torch",
        **_: Any,
    ) -> Self:
        """Load what :meth:`save` wrote, as ``SentenceTransformer(folder)`` does.

        ``trust_remote_code`` of ``SentenceTransformer`` is not handed on to the model, whose own
        code runs only under ``model_kwargs={"trust_remote_code": True}``.

        Args:
            model_name_or_path: Folder or hub name.
            subfolder: Where in it the module lies.
            token: For the hub.
            cache_folder: For the hub.
            revision: For the hub.
            local_files_only: For the hub.
            model_kwargs: Settings of the encoder that take the place of the saved ones: of the
                machine (``dtype``, ``batch_tokens``, ``device``, ``trust_remote_code``), and
                ``max_length``, ``overflow``, ``normalize``, ``truncate_dim``.
            processor_kwargs: Refused; the encoder's settings say how texts are read.
            config_kwargs: Refused, as ``processor_kwargs``.
            backend: Only ``"torch"``.

        Raises:
            SettingsError: A setting is unknown, out of range or not for this module.
            ModelLoadError: The folder is not there, or the model in it cannot be loaded.
        """
        if backend != "torch":
            raise SettingsError(f"backend={backend!r}: extension methods need 'torch'")
        if processor_kwargs or config_kwargs:
            raise SettingsError(
                "processor_kwargs and config_kwargs do not reach this model; give settings of "
                "longembed_rag.EncoderSettings in model_kwargs"
            )
        hub: dict[str, Any] = {
            "token": token,
            "cache_folder": cache_folder,
            "revision": revision,
            "local_files_only": local_files_only,
        }
        place: str | Path | None = Path(model_name_or_path, subfolder)
        if not Path(model_name_or_path).is_dir():
            place = cls.load_dir_path(model_name_or_path, subfolder=subfolder, **hub)
        if place is None or not Path(place).is_dir():
            raise ModelLoadError(f"{model_name_or_path} has no folder {subfolder!r}")
        saved = read_json(Path(place) / cls.config_file_name)
        values = {**saved, **chosen_at_loading(model_kwargs or {}), "model": str(place)}
        return cls(EncoderSettings.from_dict(values))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._settings_here(),))


def _refuse_weights(module: LongTransformer, state: dict[str, Any], *_: Any) -> None:
    raise SettingsError(
        f"weights of {module.settings.model or 'the default model'} cannot be replaced in memory, "
        "as copies and saved models come from its folder: save the new ones as a model folder, "
        "and extend that"
    )


def _warn_of_windows(encoding: Encoding, names: list[str], prompt: str) -> None:
    for coverage, name in zip(encoding.coverage, names, strict=True):
        if coverage.windows > 1:
            warnings.warn(
                f"{name}: was read in {coverage.windows} windows, and prompt {prompt!r} stands "
                "before the first of them only",
                LongEmbedWarning,
                stacklevel=4,
            )
