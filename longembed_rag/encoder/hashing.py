"""A fingerprint of a model's files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from longembed_rag.encoder.folder import ModelFolder
from longembed_rag.encoder.peft_files import ADAPTER_WEIGHTS, scale_of
from longembed_rag.encoder.tokenizer_files import TOKENIZER_EXTRAS, TOKENIZER_FILES


def hash_folder(folder: ModelFolder) -> str:
    """A quick fingerprint of config, tokenizer, weights and the steps after them (sha256, hex).

    Small files count whole, and so do adapters; of each weights file, its length, its first MiB
    (names and shapes of all tensors) and 64 KiB at each sixteenth of the rest.
    """
    digest = hashlib.sha256()
    said = (folder.include_prompt, folder.lower_case, [module.kind for module in folder.chain])
    digest.update(repr(said).encode())
    if folder.late is not None:
        digest.update(repr(folder.late).encode())
    chain = [module.path for module in folder.chain if module.kind == "Dense"]
    for place in (folder.path, *chain):
        small = [place / name for name in ("config.json", *TOKENIZER_FILES, *TOKENIZER_EXTRAS)]
        for path in [*(p for p in small if p.is_file()), *sorted(place.glob("*.safetensors"))]:
            digest.update(path.name.encode())
            digest.update(_sample(path))
    for place in folder.adapters:
        digest.update(repr(("adapter", scale_of(place))).encode())
        digest.update(_whole(place / ADAPTER_WEIGHTS))
    if folder.own_tokenizer is not None:
        for name in (*TOKENIZER_FILES, *TOKENIZER_EXTRAS):
            if (folder.own_tokenizer / name).is_file():
                digest.update(name.encode())
                digest.update((folder.own_tokenizer / name).read_bytes())
    return digest.hexdigest()


def _whole(path: Path) -> bytes:
    """The digest of a file: two adapters may differ in few of their numbers."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _sample(path: Path) -> bytes:
    if path.suffix != ".safetensors":
        return path.read_bytes()
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = [size.to_bytes(8, "big"), file.read(1 << 20)]
        for part in range(1, 16):
            file.seek(size * part // 16)
            parts.append(file.read(1 << 16))
    return b"".join(parts)
