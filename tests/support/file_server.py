"""A web server on this machine that serves one file, well or badly, and the archives that it
serves.
"""

import contextlib
import io
import re
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """A loopback web server with one file; set its fields to make it behave well or badly."""

    body: bytes = b""
    etag: str = '"one"'
    modified: str = ""
    kind: str = "application/x-tar"
    status: int = 200
    ranges: bool = True
    says_length: bool = True
    cut: int | None = None  # bytes of the body after which the connection is closed
    encoding: str = ""
    moved: dict[str, str] = field(default_factory=dict)  # path -> path
    content_range: str = ""  # said in place of the true one
    wait: threading.Event | None = None  # nothing is sent before it is set
    asked: threading.Event = field(default_factory=threading.Event)
    requests: list[dict] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)  # bytes that the answers held, in their order
    address: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(handler.headers))
        self.asked.set()
        if to := self.moved.get(handler.path):
            self._head(handler, 302, {"Location": to, "Content-Length": "0"})
            return
        start = self._start(handler.headers) if self.status == 200 else 0
        status = 206 if start else self.status
        if start > len(self.body):
            self._head(handler, 416, {"Content-Length": "0"})
            return
        body = self.body[start:]
        self.sent.append(len(body[: self.cut]))  # before the client can know that it has all
        headers = {"Content-Type": self.kind, "ETag": self.etag, "Last-Modified": self.modified}
        headers |= {"Content-Encoding": self.encoding}
        headers |= {"Content-Length": str(len(body))} if self.says_length else {}
        true = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        headers |= {"Content-Range": self.content_range or true} if start else {}
        self._head(handler, status, headers)
        if self.wait:
            self.wait.wait(30)
        with contextlib.suppress(ConnectionError):  # the client may have had enough
            handler.wfile.write(body[: self.cut])

    def _start(self, headers) -> int:
        same = headers.get("If-Range") in (self.etag, self.modified)
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
        return int(asked[1]) if asked and same and self.ranges else 0

    def _head(self, handler, status, headers) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()


@contextlib.contextmanager
def running(server: Server):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.answer(self)

        def log_message(self, *_):
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.address = f"http://127.0.0.1:{web.server_port}"
    try:
        yield server
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


def packed(files, mode="w:gz") -> bytes:
    """A tar archive; files maps names to bytes, or to a TarInfo of something that is not a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.name = name
            if isinstance(content, bytes):
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()
