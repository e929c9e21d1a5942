"""A model hub on loopback: the few routes that uploading a folder and downloading a repository take."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


class StubHub:
    """Repositories in memory.

    Attributes:
        endpoint: Address, for ``HF_ENDPOINT``.
        repositories: For each ``models/owner/name`` its revisions, files by path; the newest is ``main``.
        served: Files that were downloaded.
        token: Token that uploads need; None for none.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: dict[str, bool] = {}
        self.stored: dict[str, bytes] = {}
        self.served: list[str] = []
        self.token: str | None = None

    def files(self, place: str, revision: str = "main") -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision."""
        commits = self.repositories.get(place)
        if not commits:
            return None
        sha = [*commits][-1] if revision == "main" else revision
        return (sha, commits[sha]) if sha in commits else None

    def commit(self, place: str, files: dict[str, bytes]) -> str:
        """Adds a commit with further files; gives its name."""
        before = self.files(place)
        whole = {**(before[1] if before else {}), **files}
        sha = hashlib.sha1(repr(sorted(whole.items())).encode()).hexdigest()
        self.repositories.setdefault(place, {})[sha] = whole
        return sha


@contextmanager
def stub_hub() -> Iterator[StubHub]:
    """A running hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = StubHub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    @property
    def hub(self) -> StubHub:
        return self.server.hub  # type: ignore[attr-defined, no-any-return]

    def _answer(self, body: Any = None, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _missing(self, what: str) -> None:
        self._answer({"error": what}, 404, X_Error_Code=what, X_Error_Message=what)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._answer({"error": "no"}, 401)
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(data))
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._answer({"transfer": "basic", "objects": [self._upload(one) for one in json.loads(data)["objects"]]})
        elif found := re.fullmatch(r"/api/((?:models|datasets)/.+/.+)/preupload/.+", path):
            assert found[1] in self.hub.repositories
            names = [one["path"] for one in json.loads(data)["files"]]
            large = (".safetensors", ".tar", ".bin")
            modes = {name: "lfs" if name.endswith(large) else "regular" for name in names}
            self._answer(
                {"files": [{"path": n, "uploadMode": m, "shouldIgnore": False, "oid": None} for n, m in modes.items()]}
            )
        elif found := re.fullmatch(r"/api/((?:models|datasets)/.+/.+)/commit/.+", path):
            sha = self.hub.commit(found[1], dict(self._committed(data)))
            place = found[1].removeprefix("models/")
            self._answer({"commitUrl": f"{self.hub.endpoint}/{place}/commit/{sha}", "commitOid": sha, "success": True})
        else:
            self._missing(path)

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        place = f"{wanted.get('type') or 'model'}s/{name}"
        exists = place in self.hub.repositories
        self.hub.repositories.setdefault(place, {})
        self.hub.private.setdefault(place, wanted.get("private") or wanted.get("visibility") == "private")
        self._answer({"url": f"{self.hub.endpoint}/{place.removeprefix('models/')}"}, 409 if exists else 200)

    def _upload(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {**wanted, "actions": {"upload": {"href": f"{self.hub.endpoint}/stored/{wanted['oid']}"}}}

    def _committed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        for line in map(json.loads, data.splitlines()):
            if line["key"] == "file":
                yield line["value"]["path"], base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                yield line["value"]["path"], self.hub.stored[line["value"]["oid"]]

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(data).hexdigest() == oid
        self.hub.stored[oid] = data
        self._answer({})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/((?:models|datasets)/[^/]+/[^/]+)(?:/(revision|tree)/(.+))?", path):
            self._list(found[1], found[2] or "", (found[3] or "main").rstrip("/"))
        elif found := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(f"{found[1] or 'models/'}{found[2]}", found[3], found[4])
        else:
            self._missing(path)

    do_HEAD = do_GET

    def _list(self, place: str, what: str, revision: str) -> None:
        found = self.hub.files(place, revision)
        if found is None:
            self._missing("RevisionNotFound" if self.hub.repositories.get(place) else "RepoNotFound")
            return
        sha, files = found
        if what == "tree":
            self._answer([{"type": "file", "path": n, "size": len(d), "oid": _oid(d)} for n, d in files.items()])
            return
        siblings = [{"rfilename": name} for name in files]
        name = place.partition("/")[2]
        self._answer({"id": name, "modelId": name, "sha": sha, "siblings": siblings, "private": False, "tags": []})

    def _file(self, place: str, revision: str, name: str) -> None:
        found = self.hub.files(place, revision)
        if found is None or name not in found[1]:
            self._missing("EntryNotFound" if found else "RevisionNotFound")
            return
        if self.command == "GET":
            self.hub.served.append(name)
        data = found[1][name]
        self._answer(data, ETag=f'"{_oid(data)}"', X_Repo_Commit=found[0])


def _oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
