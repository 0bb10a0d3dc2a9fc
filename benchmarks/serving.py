"""How quick a server is, beside sentence-transformers behind the least server that serves it.

Both serve the package's own model, each in a process of its own, in turn, cell by cell: requests a
second, their slowest percent and what each takes of the processors, by how many clients ask at once
and how long the texts are. Of 2,000 tokens sentence-transformers reads the model's window and
leaves out the rest; ours reads all.

Then a query of 20 tokens and an embedding of 20, alone and while documents of 32,000 tokens are
embedded all the time: once as it is, with turns for short texts between the passes of long ones,
and once with the model locked for the whole of each call. First of all 200 clients at once that
search, embed, add and remove.

    python benchmarks/serving.py --out benchmarks/results/serving.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from crowd import CLIENTS as CROWD
from crowd import Crowd
from ingest import texts_of
from machine import machine

from longembed_rag import __version__

MODEL = "all-MiniLM-L6-v2"
CLIENTS = (1, 16, 64)
#: Words, which are about so many tokens; the model's window is 256.
WORDS = {"20 tokens": 15, "2,000 tokens": 1500}
LONG = 24_000
PARTS = {
    "crowd": f"{CROWD} clients at once",
    "long": "short ones beside documents of 32,000 tokens",
    "other": "beside sentence-transformers (which reads 256 tokens of 2,000)",
}
SECONDS = 4.0
_OTHER = """
import sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[2], device="cpu")
app = FastAPI()
class Asked(BaseModel):
    input: list[str]
@app.post("/v1/embeddings")
def embed(asked: Asked):
    return {"data": [{"embedding": each.tolist()} for each in model.encode(asked.input)]}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""
_OURS = """
import sys
import threading
from pathlib import Path
from longembed_rag import Library
from longembed_rag.server.options import ServerOptions
from longembed_rag.server.running import serve
if sys.argv[4] == "locked":
    from longembed_rag.encoder.encoder import LongEncoder
    lock = threading.RLock()
    def locked(method):
        def call(*args, **options):
            with lock:
                return method(*args, **options)
        return call
    for name in ("encode", "encode_queries", "encode_passages"):
        setattr(LongEncoder, name, locked(getattr(LongEncoder, name)))
folder = Path(sys.argv[3])
with Library.open(folder / "store", model=sys.argv[2], device="cpu") as library:
    serve(library, ServerOptions(port=int(sys.argv[1]), spool=folder / "spool"))
"""


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def serving(program: str, folder: Path, model: str, kind: str = "") -> Iterator[tuple[str, int]]:
    """A server in a process of its own; gives its address and the process."""
    port = free_port()
    command = [sys.executable, "-c", program, str(port), model, str(folder), kind]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            with suppress(httpx.HTTPError):
                answer = httpx.post(f"{address}/v1/embeddings", json={"input": ["a"]}, timeout=60)
                if answer.status_code == 200:
                    break
            time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """What a process has taken of the processors, which others at work change little."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def percentile(taken: list[float], share: float) -> float:
    found = sorted(taken)
    return round(1000 * found[min(len(found) - 1, int(share * len(found)))], 1)


async def ask_for_a_while(
    ask: Callable[[int], Awaitable[Any]], *, clients: int, seconds: float
) -> dict[str, float]:
    """Have clients ask, each again as soon as it is answered."""
    taken: list[float] = []
    began = time.perf_counter()

    async def client(number: int) -> None:
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            await ask(number + len(taken))
            taken.append(time.perf_counter() - start)

    await asyncio.gather(*map(client, range(clients)))
    rate = len(taken) / (time.perf_counter() - began)
    return {
        "requests": len(taken),
        "requests a second": round(rate, 2),
        "p50 ms": percentile(taken, 0.5),
        "p99 ms": percentile(taken, 0.99),
    }


def texts_of_words(count: int, words: int) -> list[str]:
    """Stretches of real texts; of blanks, which the documents are indented with, there are none."""
    found = texts_of(2 * count, (words, words))
    return [" ".join(text.split()) for text in found if len(text.split()) > words // 2][:count]


async def embeddings_cell(
    address: str, texts: list[str], *, clients: int, seconds: float
) -> dict[str, float]:
    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None)) as http:

        async def ask(number: int) -> None:
            body = {"input": [texts[number % len(texts)]]}
            (await http.post(f"{address}/v1/embeddings", json=body)).raise_for_status()

        return await ask_for_a_while(ask, clients=clients, seconds=seconds)


def beside_the_other(folder: Path, model: str, seconds: float) -> dict[str, Any]:
    """Requests a second of both, in turn."""
    results: dict[str, Any] = {}
    with (
        serving(_OURS, folder / "ours", model) as ours,
        serving(_OTHER, folder / "other", model) as other,
    ):
        for name, words in WORDS.items():
            texts = texts_of_words(200, words)
            for clients in CLIENTS:
                cell: dict[str, Any] = {}
                for which, (address, pid) in (("ours", ours), ("sentence-transformers", other)):
                    before = cpu_seconds(pid)
                    found = embeddings_cell(address, texts, clients=clients, seconds=seconds)
                    cell[which] = asyncio.run(found)
                    spent = (cpu_seconds(pid) - before) / cell[which]["requests"]
                    cell[which]["CPU ms a request"] = round(1000 * spent, 1)
                first, second = cell.values()
                for name_of in ("requests a second", "CPU ms a request"):
                    ratio = round(first[name_of] / second[name_of], 2)
                    cell[f"ours to the other's, {name_of}"] = ratio
                results[f"{name}, {clients} clients"] = cell
                print(name, clients, json.dumps(cell), file=sys.stderr, flush=True)
    return results


async def short_ones(address: str, seconds: float, *, beside_long: bool) -> dict[str, Any]:
    """A query and an embedding, by one client, while long documents are read or not."""
    short = texts_of_words(50, 15)
    long = texts_of_words(3, LONG)
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(timeout=600) as http:

        async def read_long() -> None:
            for number in range(10**9):
                body = {"input": [long[number % len(long)]]}
                await http.post(f"{address}/v1/embeddings", json=body)

        reading = asyncio.ensure_future(read_long()) if beside_long else None
        await asyncio.sleep(1)
        for name, path, field in (
            ("query", "search", "query"),
            ("embedding", "embeddings", "input"),
        ):

            async def ask(number: int, path: str = path, field: str = field) -> None:
                body = {field: short[number % len(short)]}
                (await http.post(f"{address}/v1/{path}", json=body)).raise_for_status()

            found[name] = await ask_for_a_while(ask, clients=1, seconds=seconds)
        if reading is not None:
            reading.cancel()
    return found


def fill(address: str, texts: list[str]) -> None:
    documents = [{"id": f"kept-{n}", "text": text} for n, text in enumerate(texts)]
    answer = httpx.post(f"{address}/v1/documents", json={"documents": documents}, timeout=600)
    job = answer.json()["id"]
    while httpx.get(f"{address}/v1/jobs/{job}").json()["ended"] is None:
        time.sleep(0.2)


def beside_long_ones(folder: Path, model: str, seconds: float) -> dict[str, Any]:
    """What short ones wait for long ones: with turns, and where the model is locked."""
    results: dict[str, Any] = {}
    for kind in ("turns", "locked"):
        with serving(_OURS, folder / kind, model, kind) as (address, _):
            fill(address, texts_of_words(10, 300))
            if kind == "turns":
                found = short_ones(address, seconds, beside_long=False)
                results["no long documents"] = asyncio.run(found)
            results[kind] = asyncio.run(short_ones(address, 3 * seconds, beside_long=True))
            print(kind, json.dumps(results[kind]), file=sys.stderr, flush=True)
    return results


def crowd(folder: Path, model: str, seconds: float) -> dict[str, Any]:
    """Many clients at once, for a while: what they were answered, and the server's memory."""
    import psutil

    texts = texts_of_words(10, 60)
    with serving(_OURS, folder / "crowd", model) as (address, pid):
        fill(address, texts)
        asking = Crowd(address, texts)
        memory: list[float] = []

        def note() -> None:
            memory.append(psutil.Process(pid).memory_info().rss / 2**20)

        async def all_at_once() -> None:
            until = time.monotonic() + seconds
            asyncio.get_running_loop().call_later(10, note)
            await asyncio.gather(*(asking.client(n, until) for n in range(CROWD)))

        asyncio.run(all_at_once())
        note()
        asking.look()
    told = dict(
        zip(("RSS after 10 s, MiB", "RSS at the end, MiB"), map(round, memory), strict=True)
    )
    return {"answers by status": dict(asking.seen), "wrong or lost": asking.wrong[:20], **told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a cell")
    parser.add_argument("--crowd-seconds", type=float, default=60.0)
    parser.add_argument("--only", choices=PARTS, help="of what --out holds, measure one part again")
    given = parser.parse_args()
    from longembed_rag import LongEncoder

    model = str(LongEncoder.from_pretrained(MODEL, device="cpu").planner.folder.root)
    measures: tuple[Callable[[Path], Any], ...] = (
        lambda folder: crowd(folder, model, given.crowd_seconds),
        lambda folder: beside_long_ones(folder, model, given.seconds),
        lambda folder: beside_the_other(folder, model, given.seconds),
    )
    result: dict[str, Any] = {
        "command": "python benchmarks/serving.py --out FILE",
        "version": __version__,
        "machine": machine(),
    }
    if given.only and given.out.exists():
        result |= json.loads(given.out.read_text(encoding="utf-8"))
    for part, measure in zip(PARTS, measures, strict=True):
        if given.only not in (None, part):
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
            for name in ("ours", "other", "turns", "locked", "crowd"):
                (Path(made) / name).mkdir(mode=0o700)
            load = os.getloadavg()[0]
            result[PARTS[part]] = {"load before": round(load, 1), **measure(Path(made))}
    print(json.dumps(result, indent=1))
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
