"""Many clients of a server at once, which look at every answer; see serving.py."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

import httpx

CLIENTS = 200


class Crowd:
    """Clients that search, embed, add and remove, and look at every answer.

    Args:
        address: Of the server.
        texts: What is embedded; answers are compared with what came when nobody else asked.
    """

    def __init__(self, address: str, texts: list[str]) -> None:
        self.address, self.texts = address, texts
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.vectors = [self._vector(text) for text in texts]
        self.there: dict[str, str] = {}

    def _vector(self, text: str) -> list[float]:
        answer = httpx.post(f"{self.address}/v1/embeddings", json={"input": text}, timeout=60)
        found: list[float] = answer.json()["data"][0]["embedding"]
        return found

    async def ask(self, http: httpx.AsyncClient, method: str, path: str, **body: Any) -> Any:
        """One request, again as long as the server is busy and says when to come back."""
        while True:
            answer = await http.request(method, self.address + path, **body)
            self.seen[str(answer.status_code)] += 1
            if answer.status_code in (200, 202):
                return answer.json()
            if answer.status_code not in (429, 503) or "retry-after" not in answer.headers:
                self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
                return None
            await asyncio.sleep(int(answer.headers["retry-after"]) * random.uniform(0.5, 1))

    async def client(self, number: int, until: float) -> None:
        """Ask for this and that until the time is over."""
        chance = random.Random(number)
        async with httpx.AsyncClient(timeout=600) as http:
            while time.monotonic() < until:
                await self._one(http, chance, f"client-{number}")

    async def _one(self, http: httpx.AsyncClient, chance: random.Random, name: str) -> None:
        what, place = chance.random(), chance.randrange(len(self.texts))
        if what < 0.45:
            body = {"query": self.texts[place], "limit": 3}
            found = await self.ask(http, "POST", "/v1/search", json=body)
            if found and f"kept-{place}" not in [x["source"] for x in found["results"]]:
                self.wrong.append(f"a search does not find kept-{place}")
        elif what < 0.9:
            body = {"input": self.texts[place]}
            found = await self.ask(http, "POST", "/v1/embeddings", json=body)
            pairs = zip(found["data"][0]["embedding"], self.vectors[place], strict=True)
            if found and max(abs(a - b) for a, b in pairs) > 1e-5:
                self.wrong.append(f"another vector for text {place}")
        elif what < 0.97 or name not in self.there:
            files = {"files": (f"{name}.txt", f"{name} {self.texts[place]}".encode())}
            job = await self.ask(http, "POST", "/v1/files", files=files, data={"ids": name})
            await self._done(http, job["id"])
            self.there[name] = f"{name} {self.texts[place]}"
        else:
            await self.ask(http, "DELETE", f"/v1/documents/{name}")
            del self.there[name]

    async def _done(self, http: httpx.AsyncClient, job: str) -> None:
        while (found := await self.ask(http, "GET", f"/v1/jobs/{job}"))["ended"] is None:
            await asyncio.sleep(0.5)
        if found["status"] != "done" or found["failed"]:
            self.wrong.append(f"a job: {found}")

    def look(self) -> None:
        """Compare what is there with what was added and not removed."""
        page = httpx.get(f"{self.address}/v1/documents?limit=1000", timeout=60).json()
        found = {each["source"] for each in page["documents"] if each["source"][:4] != "kept"}
        if found != set(self.there):
            self.wrong.append(f"lost or left: {sorted(found ^ set(self.there))}")
        for name, text in self.there.items():
            kept = httpx.get(f"{self.address}/v1/documents/{name}", timeout=60).json()
            if kept["text"].strip() != text.strip():
                self.wrong.append(f"another text of {name}")
