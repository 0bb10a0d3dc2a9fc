"""Tiny random models that were made for late interaction, in the forms that are published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.models import Dense, TinyModels, edit_json, seed_of, write_dense

#: Numbers of a token's vector.
DIMENSION = 16
#: A comma and a full stop are one token each in every tokenizer of the tests.
SKIPPED = [",", "."]
_PROJECTION = Dense(DIMENSION, bias=False, activation="torch.nn.modules.linear.Identity")


def pylate_folder(
    tiny_models: TinyModels,
    family: str,
    folder: Path,
    *,
    model_type: str | None = "ColBERT",
    **settings: Any,
) -> Path:
    """Write a model as PyLate saves it: markers in the tokenizer, a Dense on every token.

    Args:
        tiny_models: Where its weights come from.
        family: A key of ``FAMILIES``.
        folder: Where to write.
        model_type: What older releases of PyLate leave out.
        settings: Of ``config_sentence_transformers.json``, in place of PyLate's own defaults.

    Returns:
        The folder.
    """
    _with_markers(tiny_models.calm(family), folder, ["[Q] ", "[D] "])
    write_dense(folder / "1_Dense", _PROJECTION, _width(folder), seed_of(f"late-{family}"))
    _write_modules(
        folder,
        ("", "sentence_transformers.models.Transformer"),
        ("1_Dense", "pylate.models.Dense.Dense"),
    )
    values = {
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "MaxSim",
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": 16,
        "document_length": 30,
        "attend_to_expansion_tokens": False,
        "skiplist_words": SKIPPED,
        "do_query_expansion": True,
        **settings,
    }
    if model_type is not None:
        values["model_type"] = model_type
    (folder / "config_sentence_transformers.json").write_text(json.dumps(values))
    limit = {"max_seq_length": 29, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limit))
    return folder


def colbert_folder(tiny_models: TinyModels, folder: Path, **artifact: Any) -> Path:
    """Write a BERT as ColBERT itself does: the Dense among the weights, ``artifact.metadata``.

    Args:
        tiny_models: Where its weights come from.
        folder: Where to write.
        artifact: Values of ``artifact.metadata``; none writes no such file.

    Returns:
        The folder.
    """
    import torch
    from safetensors.torch import load_file, save_file

    _with_markers(tiny_models.calm("bert"), folder, ["[unused0]", "[unused1]"])
    file = folder / "model.safetensors"
    weights = {f"bert.{name}": weight for name, weight in load_file(file).items()}
    generator = torch.Generator().manual_seed(seed_of("colbert"))
    weights["linear.weight"] = torch.randn(DIMENSION, _width(folder), generator=generator) * 0.3
    save_file(weights, file, metadata={"format": "pt"})
    edit_json(folder / "config.json", lambda values: values | {"architectures": ["HF_ColBERT"]})
    if artifact:
        (folder / "artifact.metadata").write_text(json.dumps(artifact))
    return folder


def native_folder(
    tiny_models: TinyModels,
    family: str,
    folder: Path,
    *,
    expansion: dict[str, Any] | None = None,
    skipped: tuple[str, ...] = (),
    skip_in: tuple[str, ...] = ("document",),
    prompts: dict[str, str] | None = None,
) -> Path:
    """Write a model in the form of sentence-transformers 6.2's multi-vector models.

    Args:
        tiny_models: Where its weights come from.
        family: A key of ``FAMILIES``.
        folder: Where to write.
        expansion: ``query_expansion``; None leaves queries as they are.
        skipped: Words whose tokens take no part.
        skip_in: In which texts.
        prompts: Texts put before queries and documents.

    Returns:
        The folder.
    """
    shutil.copytree(tiny_models.calm(family), folder)
    write_dense(folder / "1_Dense", _PROJECTION, _width(folder), seed_of(f"late-{family}"))
    edit_json(
        folder / "1_Dense" / "config.json",
        lambda values: values | {"module_input_name": "token_embeddings"},
    )
    mask = {"skiplist_words": list(skipped), "skiplist_tasks": list(skip_in)}
    own = "sentence_transformers.multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask"
    _write_modules(
        folder,
        ("", "sentence_transformers.base.modules.transformer.Transformer"),
        ("1_Dense", "sentence_transformers.base.modules.dense.Dense"),
        ("2_MultiVectorMask", own),
        ("3_Normalize", "sentence_transformers.base.modules.normalize.Normalize"),
    )
    for place, values in (
        ("2_MultiVectorMask", mask),
        ("3_Normalize", {"module_input_name": "token_embeddings"}),
    ):
        (folder / place).mkdir()
        (folder / place / "config.json").write_text(json.dumps(values))
    stated = {
        "model_type": "MultiVectorEncoder",
        "prompts": prompts or {"query": "", "document": ""},
        "default_prompt_name": None,
        "similarity_fn_name": "maxsim",
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(stated))
    transformer: dict[str, Any] = {} if expansion is None else {"query_expansion": expansion}
    (folder / "sentence_bert_config.json").write_text(json.dumps(transformer))
    return folder


def _width(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"])


def _write_modules(folder: Path, *modules: tuple[str, str]) -> None:
    entries = [
        {"idx": i, "name": str(i), "path": path, "type": kind}
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))


def _with_markers(source: Path, folder: Path, markers: list[str]) -> None:
    """A copy whose tokenizer and table of words know the markers, as PyLate makes them known."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    shutil.copytree(source, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(markers)
    tokenizer.save_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    generator = torch.Generator().manual_seed(seed_of("markers"))
    with torch.no_grad():
        rows = model.get_input_embeddings().weight[-len(markers) :]
        rows.copy_(torch.randn(rows.shape, generator=generator))
    model.save_pretrained(folder)
