"""Where the time of reading texts goes on a CPU, and how others fare with the same weights.

Texts of three lengths are read in turn, in one process, by this package (as it is, and with 16,384
tokens a pass as it once was), by sentence-transformers in float32 and, where they are installed, by
onnxruntime (float32, and with dynamic int8) and OpenVINO over an export of the same model. What
counts is processor time: of it, a tokenizer's, Python's and the system's are parts.

    OMP_NUM_THREADS=1 python benchmarks/reading.py --out benchmarks/results/reading.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ingest import texts_of
from machine import machine
from numpy.typing import NDArray

from longembed_rag import LongEncoder, __version__

Vectors = NDArray[np.float32]
System = Callable[[Sequence[str]], Vectors]
#: Texts, and words in the shortest and the longest of them.
LENGTHS = {
    "20 tokens": (600, (10, 18)),
    "150 tokens": (80, (80, 130)),
    "1,000 tokens": (12, (550, 850)),
}
MODEL, WINDOW = "all-MiniLM-L6-v2", 512
#: What a profile's operations belong to.
PARTS = {
    "matrix products": ("aten::addmm", "aten::mm", "aten::bmm", "mkldnn::_linear_pointwise"),
    "attention": ("aten::_scaled_dot_product_flash_attention_for_cpu",),
    "activation": ("aten::gelu",),
    "norms": ("aten::native_layer_norm",),
    "copies": ("aten::copy_", "aten::cat", "aten::index_select"),
}


def systems(encoder: LongEncoder, folder: Path) -> dict[str, System]:
    """All that read, by name; those that are not installed are left out."""
    from sentence_transformers import SentenceTransformer

    wide = LongEncoder.from_pretrained(MODEL, dtype="float32", device="cpu", batch_tokens=16_384)
    other = SentenceTransformer(str(encoder.planner.folder.root), device="cpu")
    other.max_seq_length = WINDOW
    found: dict[str, System] = {
        "LongEncoder": lambda texts: encoder.encode(texts).embeddings,
        "LongEncoder, 16,384 tokens a pass": lambda texts: wide.encode(texts).embeddings,
        "sentence-transformers": lambda texts: np.asarray(
            other.encode(list(texts), batch_size=32, normalize_embeddings=True)
        ),
    }
    if find_spec("onnx") and (find_spec("onnxruntime") or find_spec("openvino")):
        found.update(_exported(encoder, other, folder))
    return found


def _exported(encoder: LongEncoder, other: Any, folder: Path) -> dict[str, System]:
    """The same model as a graph, in the runtimes that are there."""
    from transformers import AutoModel

    graph = folder / "model.onnx"
    model = AutoModel.from_pretrained(encoder.model_path, attn_implementation="eager")
    model.requires_grad_(False).eval()

    class Plain(torch.nn.Module):
        """The model with its inputs in one order, and its states alone."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            return self.model(**given).last_hidden_state

    inputs = dict(other.tokenize(["a few words", "and some more of them"]))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "states"]}
    torch.onnx.export(
        Plain(),
        tuple(inputs[name] for name in names),
        str(graph),
        input_names=names,
        output_names=["states"],
        dynamic_axes=axes,
        dynamo=False,
    )
    runs: dict[str, Callable[[dict[str, Any]], Any]] = {}
    threads = torch.get_num_threads()
    if find_spec("onnxruntime"):
        import onnxruntime
        from onnxruntime.quantization import quantize_dynamic

        small = folder / "int8.onnx"
        quantize_dynamic(str(graph), str(small))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        for name, path in (("onnxruntime", graph), ("onnxruntime, dynamic int8", small)):
            session = onnxruntime.InferenceSession(str(path), options)
            runs[name] = lambda given, session=session: session.run(None, given)[0]
    if find_spec("openvino"):
        import openvino

        compiled = openvino.compile_model(
            str(graph), "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        )
        runs["OpenVINO"] = lambda given: compiled(given)[0]
    return {name: _in_batches(run, other, names) for name, run in runs.items()}


def _in_batches(run: Callable[[dict[str, Any]], Any], other: Any, names: Sequence[str]) -> System:
    """Texts by length, 32 at once, and the mean of their tokens: as sentence-transformers does."""

    def system(texts: Sequence[str]) -> Vectors:
        order = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            tokens = other.tokenize([texts[at] for at in batch])
            given = {name: tokens[name].numpy() for name in names}
            mask = given["attention_mask"][:, :, None]
            sums = (run(given) * mask).sum(axis=1) / mask.sum(axis=1)
            vectors[batch] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors

    return system


def compare(
    found: dict[str, System], texts: list[str], rounds: int, lengths: Sequence[int]
) -> dict[str, Any]:
    """Tokens a CPU second of each system, and how its vectors agree with ours."""
    taken = {name: float("inf") for name in found}
    vectors: dict[str, Vectors] = {}
    for _ in range(rounds):
        for name, system in found.items():
            began = time.process_time()
            vectors[name] = system(texts)
            taken[name] = min(taken[name], time.process_time() - began)
    ours = vectors["LongEncoder"]
    # The others read no more than the model's window of a text.
    read = {
        name: sum(lengths) if "LongEncoder" in name else sum(min(each, WINDOW) for each in lengths)
        for name in found
    }
    best = read["LongEncoder"] / taken["LongEncoder"]
    return {
        name: {
            "tokens a CPU second": round(read[name] / seconds),
            "share of ours": round(read[name] / seconds / best, 3),
            "least cosine": round(float((vectors[name] * ours).sum(axis=1).min()), 5),
        }
        for name, seconds in taken.items()
    }


def profile(encoder: LongEncoder, texts: list[str]) -> dict[str, float]:
    """Shares of the processor time of one ``encode``."""
    began = time.process_time()
    encoder.planner.tokenizer(texts, spans=False)
    tokenizing = time.process_time() - began
    began = time.process_time()
    encoder.encode(texts)
    whole = time.process_time() - began
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        encoder.encode(texts)
    events = {each.key: each.self_cpu_time_total for each in seen.key_averages()}
    total = sum(events.values())
    in_torch = {
        part: sum(events.get(name, 0.0) for name in names) / total for part, names in PARTS.items()
    }
    rest = 1 - sum(in_torch.values())
    shares = {"tokenizing": tokenizing / whole, **in_torch, "other operations and Python": rest}
    return {part: round(share, 3) for part, share in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    encoder = LongEncoder.from_pretrained(MODEL, dtype="float32", device="cpu")
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        found = systems(encoder, Path(folder))
        for length, (count, words) in LENGTHS.items():
            texts = texts_of(count, words)
            lengths = [each.tokens for each in encoder.encode(texts).coverage]
            shares = profile(encoder, texts)
            compared = compare(found, texts, given.rounds, lengths)
            rows[length] = {"texts": count, "tokens": sum(lengths), "profile": shares, **compared}
            print(length, json.dumps(rows[length], indent=1), flush=True)
    result = {
        "command": "OMP_NUM_THREADS=1 python benchmarks/reading.py --out FILE",
        "version": __version__,
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "model": MODEL,
        "results": rows,
    }
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
