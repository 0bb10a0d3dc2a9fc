"""What reading takes on a GPU: every way of reading, against what it is to be compared with.

Makes models of known sizes with random weights, since time does not depend on them, and needs
nothing but torch, transformers and this package. On one GPU it takes less than three minutes.

    python benchmarks/gpu.py --out benchmarks/results/gpu.json
    python benchmarks/gpu.py --tiny --device cpu
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from gpu_bench import Bench, machine, without_kernels
from gpu_models import TINY, Size, text_of
from transformers.utils.logging import disable_progress_bar

from longembed_rag import LongEncoder, __version__
from longembed_rag.extension import rows
from longembed_rag.extension.frequencies import RotaryFrequencies, inverse_frequencies
from longembed_rag.extension.packing import FULL, Pack
from longembed_rag.extension.plan import PlanRules
from longembed_rag.extension.rotary import run_attention, unpack

#: The share of the device's rate, or the ratio, that each is wanted to reach.
GOALS = {
    "self_extend / ntk, packed": ("at most", 1.25),
    "self_extend / ntk, one document": ("at most", 1.25),
    "self_extend / ntk, large, long": ("at most", 1.25),
    "self_extend / ntk, large, four": ("at most", 1.25),
    "short texts / padded batches": ("at least", 1.2),
    "passages, pcw, tokens a second": ("at least", 600_000),
    "passages, none, tokens a second": ("at least", 600_000),
    "passages, ntk, tokens a second": ("at least", 600_000),
    "passages, self_extend, tokens a second": ("at least", 600_000),
    "large none, share of rate": ("at least", 0.5),
    "large ntk, share of rate": ("at least", 0.5),
    "large self_extend, share of rate": ("at least", 0.4),
}


def short_texts(bench: Bench) -> None:
    """Many short texts, and the same by padded batches, as sentence-transformers reads them."""
    count, tokens = bench.size.short
    texts = [text_of(tokens, seed) for seed in range(count)]
    encoder = bench.encoder("bert", method="pcw")
    ours = bench.seconds(lambda: encoder.encode(texts))
    bench.note(f"{count:,} texts of {tokens} tokens, MiniLM size", ours, tokens=count * tokens)
    padded = _padded(bench, texts, encoder.dtype)
    theirs = bench.seconds(padded)
    bench.note("the same in padded batches, transformers alone", theirs, tokens=count * tokens)
    tokenised = bench.seconds(lambda: encoder.planner.tokenize(texts), warm=0)
    bench.note("tokenising them", tokenised, tokens=count * tokens)
    bench.found["short texts / padded batches"] = theirs / ours


def _padded(bench: Bench, texts: list[str], dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    from tokenizers import Tokenizer
    from transformers import AutoModel

    path = bench.folder / "bert"
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=0)
    model = AutoModel.from_pretrained(path, dtype=dtype, add_pooling_layer=False)
    model = model.to(bench.device).eval()

    def read() -> torch.Tensor:
        vectors = []
        with torch.inference_mode():
            for start in range(0, len(texts), 256):
                batch = tokenizer.encode_batch(texts[start : start + 256])
                ids = torch.tensor([each.ids for each in batch]).to(bench.device)
                mask = torch.tensor([each.attention_mask for each in batch]).to(bench.device)
                states = model(input_ids=ids, attention_mask=mask).last_hidden_state
                weights = mask.unsqueeze(-1).to(states.dtype)
                vectors.append((states * weights).sum(1) / weights.sum(1))
        return torch.cat(vectors).float().cpu()

    return read


def documents(bench: Bench) -> None:
    """Long documents in packs, as vectors and with their passages; one very long one."""
    count, tokens = bench.size.documents
    texts = [text_of(tokens, seed) for seed in range(count)]
    taken: dict[str, float] = {}
    for method in ("pcw", "none", "ntk", "self_extend"):
        encoder = bench.encoder("rotary", method=method)
        seconds = bench.seconds(lambda e=encoder: e.encode(texts), warm=1)
        told = f"{count} documents of {tokens:,} tokens: {method}"
        taken[method] = bench.note(told, seconds, tokens=count * tokens)
    bench.found["self_extend / ntk, packed"] = taken["self_extend"] / taken["ntk"]
    with without_kernels():
        seconds = bench.seconds(lambda: encoder.encode(texts[:8]), warm=0)
        told = f"{min(8, count)} of them, self_extend without the kernels"
        bench.note(told, seconds, tokens=min(8, count) * tokens)
    for method in ("pcw", "none", "ntk", "self_extend"):
        encoder = bench.encoder("rotary", method=method)
        seconds = bench.seconds(lambda e=encoder: _passages(e, texts), warm=0)
        told = f"the same with their passages: {method}"
        bench.note(told, seconds, tokens=count * tokens)
        bench.found[f"passages, {method}, tokens a second"] = count * tokens / seconds
    long = [text_of(bench.size.long, 0)]
    for method in ("ntk", "self_extend"):
        encoder = bench.encoder("rotary", method=method)
        seconds = bench.seconds(lambda e=encoder: e.encode(long))
        told = f"one document of {bench.size.long:,} tokens: {method}"
        taken[method] = bench.note(told, seconds, tokens=bench.size.long)
    bench.found["self_extend / ntk, one document"] = taken["self_extend"] / taken["ntk"]


def _passages(encoder: LongEncoder, texts: list[str]) -> None:
    for read in encoder.encode_documents((None, text) for text in texts):
        read.get()


def large_model(bench: Bench, rate: float) -> None:
    """Layers of a large model's size, as a share of what the device can multiply."""
    long, four = bench.size.large
    for name, texts in (
        ("long", [text_of(long, 0)]),
        ("four", [text_of(four, seed) for seed in range(4)]),
    ):
        tokens = len(texts[0].split()) + 2
        taken = {}
        for method in ("none", "ntk", "self_extend"):
            encoder = bench.encoder(
                "large",
                method=method,
                original_length=tokens * 33 // 64,
                neighbor_window=min(2048, tokens // 4),
            )
            flops = _flops(encoder, tokens) * len(texts)
            seconds = bench.seconds(lambda e=encoder, t=texts: e.encode(t))
            told = f"4 layers of Mistral-7B's size, {len(texts)} x {tokens:,}: {method}"
            taken[method] = bench.note(told, seconds, tokens=tokens * len(texts), flops=flops)
            if name == "long":
                bench.found[f"large {method}, share of rate"] = flops / seconds / rate
            del encoder
        bench.found[f"self_extend / ntk, large, {name}"] = taken["self_extend"] / taken["ntk"]


def _flops(encoder: LongEncoder, tokens: int) -> float:
    """Of one text: every weight but the embeddings' once, and the pairs that causal tokens see."""
    config = encoder.planner.config
    weights = sum(each.numel() for each in encoder.model.parameters())
    weights -= config.vocab_size * config.hidden_size
    width = config.num_attention_heads * (
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
    return 2.0 * weights * tokens + 2.0 * tokens**2 * width * config.num_hidden_layers


def local_layers(bench: Bench) -> None:
    """A model most of whose layers see a window only."""
    count, tokens = bench.size.local
    texts = [text_of(tokens, seed) for seed in range(count)]
    encoder = bench.encoder("local", method="none")
    seconds = bench.seconds(lambda: encoder.encode(texts))
    bench.note(f"{count} texts of {tokens:,}, ModernBERT's size", seconds, tokens=count * tokens)
    with without_kernels():
        seconds = bench.seconds(lambda: encoder.encode(texts), warm=0)
        told = "the same without the kernels"
        bench.note(told, seconds, tokens=count * tokens)


def attention_alone(bench: Bench) -> None:
    """SelfExtend's attention against a plain one, without the model around it."""
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    for count, tokens, heads, key_heads, width, window, causal in bench.size.attention:
        generator = torch.Generator().manual_seed(0)
        states = [
            torch.randn((count * tokens, each, width), generator=generator).to(bench.device, dtype)
            for each in (heads, key_heads, key_heads)
        ]
        taken = {}
        for method in ("none", "self_extend"):
            rules = PlanRules(
                method=method,  # type: ignore[arg-type]
                positions="rotary",
                original_length=max(2, tokens // 2),
                max_length=tokens,
                rotary_dim=width,
                neighbor_window=window,
            )
            work = _attention(rules, count, states, causal)
            told = f"attention, {count} x {tokens:,}, {heads} x {width} ({key_heads}), {window}: "
            with torch.inference_mode():
                taken[method] = bench.note(told + method, bench.seconds(work))
        bench.found[told + "self_extend / none"] = taken["self_extend"] / taken["none"]


def _attention(
    rules: PlanRules, count: int, states: list[torch.Tensor], causal: bool
) -> Callable[[], object]:
    tokens, width = len(states[0]) // count, states[0].shape[-1]
    inv_freq = inverse_frequencies(10000.0, width)
    frequencies = {FULL: RotaryFrequencies(inv_freq=inv_freq, theta=10000.0)}
    pack = Pack([rules.plan(tokens)] * count, states[0].device, frequencies)
    layer = rows.Layer(causal=causal, scale=width**-0.5)
    if rows.reads_rows(*states):
        stretch = rows.stretches(pack, layer, *states)[0]
        return lambda: rows.stretch_attention(pack, stretch, layer, *states)
    groups = states[0].shape[1] // states[1].shape[1]
    repeated = [states[0], *(each.repeat_interleave(groups, dim=1) for each in states[1:])]
    three = [unpack(each.transpose(0, 1).unsqueeze(0), pack.runs[0]) for each in repeated]
    options = {"window": None, "causal": causal, "scale": layer.scale}
    return lambda: run_attention(pack, pack.runs[0], *three, **options)


def rate_of(bench: Bench) -> float:
    """What the device multiplies, floating-point operations a second."""
    edge = bench.size.matrix
    dtype = torch.bfloat16 if bench.device.type == "cuda" else torch.float32
    left, right = (torch.ones((edge, edge), dtype=dtype, device=bench.device) for _ in range(2))
    seconds = bench.seconds(lambda: left @ right, warm=5)
    bench.note(f"matrices of {edge:,} x {edge:,}", seconds, flops=2.0 * edge**3)
    return 2.0 * edge**3 / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="all of it, in a size for a test")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    warnings.simplefilter("ignore")
    disable_progress_bar()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(device, TINY if given.tiny else Size(), given.repeats, Path(folder))
        rate = rate_of(bench)
        attention_alone(bench)
        short_texts(bench)
        documents(bench)
        large_model(bench, rate)
        local_layers(bench)
    for name, value in bench.found.items():
        way, goal = GOALS.get(name, ("", None))
        wanted = "" if goal is None else f"   wanted: {way} {goal:,}"
        print(f"{name:62} {value:12,.2f}{wanted}")
    result = {
        "command": "python benchmarks/gpu.py " + " ".join(sys.argv[1:]),
        "version": __version__,
        "machine": machine(device),
        "seconds": time.perf_counter() - began,
        "rows": bench.rows,
        "found": bench.found,
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
