"""A wire between an archive and its server that breaks, or bends what it carries, as it is told to."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rados_gateway import Gateway


@dataclass(slots=True, kw_only=True)
class Wire:
    """What goes wrong; positions count the bytes that a client has sent on one connection.

    ``cut_at``: both sides are hung up there. ``flip_at``: that byte arrives changed. ``mute_from``: what the server
    says after it got so many bytes never reaches the client. ``stall_at``: nothing more is handed on.
    """

    port: int
    cut_at: int | None = None
    flip_at: int | None = None
    mute_from: int | None = None
    stall_at: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    connections: int = 0

    @property
    def url(self) -> str:
        """The endpoint that a client is given instead of the server's own."""
        return f"http://127.0.0.1:{self.port}"

    def mend(self) -> None:
        """From now on everything arrives."""
        self.cut_at = self.flip_at = self.mute_from = self.stall_at = None


@contextmanager
def wire_to(server: Gateway) -> Iterator[Wire]:
    """A wire to ``server``; it hands everything on until told otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = Wire(port=listening.getsockname()[1])
        upstream = ("127.0.0.1", urlsplit(server.url).port or 0)
        threading.Thread(target=_accept, args=(listening, upstream, wire), daemon=True).start()
        try:
            yield wire
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, upstream: tuple[str, int], wire: Wire) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            wire.connections += 1
            threading.Thread(target=_carry, args=(client, upstream, wire), daemon=True).start()


def _carry(client: socket.socket, upstream: tuple[str, int], wire: Wire) -> None:
    sent = [0]
    with client, socket.create_connection(upstream) as server, contextlib.suppress(OSError):
        threading.Thread(target=_back, args=(client, server, wire, sent), daemon=True).start()
        while block := client.recv(65536):
            start, sent[0] = sent[0], sent[0] + len(block)
            if wire.cut_at is not None and sent[0] >= wire.cut_at:
                server.sendall(block[: max(0, wire.cut_at - start)])
                client.shutdown(socket.SHUT_RDWR)
                return
            if wire.stall_at is not None and sent[0] >= wire.stall_at:
                wire.stalled.set()
                continue
            if wire.flip_at is not None and start <= wire.flip_at < sent[0]:
                place = wire.flip_at - start
                block = block[:place] + bytes([block[place] ^ 1]) + block[place + 1 :]
            server.sendall(block)


def _back(client: socket.socket, server: socket.socket, wire: Wire, sent: list[int]) -> None:
    with contextlib.suppress(OSError):
        while block := server.recv(65536):
            if wire.mute_from is not None and sent[0] >= wire.mute_from:
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(block)
        client.shutdown(socket.SHUT_RDWR)
