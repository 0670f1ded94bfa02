"""A mail server that fails as it is told to, and remembers what it really took: the oracle of the tests."""

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_RESET = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What happens to a message, decided by its recipient."""

    NONE = "none"
    REFUSE_SENDER = "refuse_sender"
    GREYLIST_ONCE = "greylist_once"
    DEAD_ADDRESS = "dead_address"
    POLICY = "policy"
    FULL_AFTER_DOT = "full_after_dot"
    DEFER_AFTER_DOT = "defer_after_dot"
    ODD_ANSWER_AFTER_DOT = "odd_answer_after_dot"
    ACCEPT_THEN_FIN = "accept_then_fin"
    ACCEPT_THEN_RST = "accept_then_rst"
    ACCEPT_THEN_HANG = "accept_then_hang"
    DISCARD_THEN_FIN = "discard_then_fin"
    HANG_UP_AT_RCPT = "hang_up_at_rcpt"
    HANG_UP_AT_DATA = "hang_up_at_data"
    HANG_UP_IN_BODY = "hang_up_in_body"


_REPLIES_TO_RCPT = {
    Fault.DEAD_ADDRESS: "550 5.1.1 User unknown",
    Fault.POLICY: "554 5.7.1 Service unavailable; client host blocked using a list",
}
_REPLIES_TO_DOT = {
    Fault.FULL_AFTER_DOT: "552 5.2.2 Mailbox full",
    Fault.DEFER_AFTER_DOT: "451 4.3.0 Try again later",
    Fault.ODD_ANSWER_AFTER_DOT: "354 go on",
}
_TAKEN_WITHOUT_A_WORD = {Fault.ACCEPT_THEN_FIN, Fault.ACCEPT_THEN_RST, Fault.ACCEPT_THEN_HANG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that the server took, as its content came over the wire (dots undone, no final dot)."""

    recipient: str
    message: bytes


class FaultServer(socketserver.ThreadingTCPServer):
    """Set ``faults`` and the switches before sending; read ``accepted``, ``rcpts``, ``dots``, ``connections`` after.

    ``before`` is called with ``RCPT``, ``DATA`` or ``DOT`` and the recipient before that is answered.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.faults: dict[str, Fault] = {}
        self.banner = "220 fault.example ESMTP"
        self.busy_from_message: int | None = None
        self.hang_up_after_message: int | None = None
        self.before: Callable[[str, str], None] = lambda _stage, _recipient: None
        self.accepted: list[Accepted] = []
        self.rcpts: list[str] = []
        self.dots: list[str] = []
        self.connections = 0
        self.tls: ssl.SSLContext | None = None
        self.cut_off = threading.Semaphore(0)
        self.greylisted: set[str] = set()
        self.released = threading.Event()

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        """Serve a connection, protected from the first byte if told so."""
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    @property
    def recipients(self) -> list[str]:
        """Recipients of what was taken, sorted; one twice if it was taken twice."""
        return sorted(each.recipient for each in self.accepted)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A client that hangs up is no error here."""


class _HangUp(Exception):  # noqa: N818 - an order, not an error
    """End the connection with a FIN."""


class _Session(socketserver.StreamRequestHandler):
    server: FaultServer

    def handle(self) -> None:
        server = self.server
        server.connections += 1
        self.messages = 0
        self.recipient = ""
        self._say(server.banner)
        with contextlib.suppress(_HangUp, OSError):
            if not server.banner.startswith("220"):
                return
            while line := self.rfile.readline():
                self._command(line.decode().strip())
            server.cut_off.release()

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        if verb == "MAIL":
            self._mail()
        elif verb == "RCPT":
            self._rcpt(line.partition("<")[2].partition(">")[0])
        elif verb == "DATA":
            self._data()
        elif verb == "QUIT":
            self._say("221 2.0.0 Bye")
            raise _HangUp
        else:
            self._say("250 2.0.0 Ok")

    def _mail(self) -> None:
        self.messages += 1
        if self.server.busy_from_message is not None and self.messages >= self.server.busy_from_message:
            self._say("421 4.7.0 Too many messages in this connection")
            raise _HangUp
        self._say("250 2.1.0 Ok")

    def _rcpt(self, recipient: str) -> None:
        self.recipient = recipient
        self.server.rcpts.append(recipient)
        self.server.before("RCPT", recipient)
        fault = self._fault()
        if fault is Fault.HANG_UP_AT_RCPT:
            raise _HangUp
        if fault is Fault.REFUSE_SENDER:
            self._say("550 5.1.8 Sender address rejected: domain not found")
        elif fault is Fault.GREYLIST_ONCE and recipient not in self.server.greylisted:
            self.server.greylisted.add(recipient)
            self._say("451 4.7.1 Greylisted, come back later")
        else:
            self._say(_REPLIES_TO_RCPT.get(fault, "250 2.1.5 Ok"))

    def _data(self) -> None:
        self.server.before("DATA", self.recipient)
        if self._fault() is Fault.HANG_UP_AT_DATA:
            raise _HangUp
        self._say("354 End data with <CR><LF>.<CR><LF>")
        if self._fault() is Fault.HANG_UP_IN_BODY:
            self._reset()
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                self.server.cut_off.release()
                raise _HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.dots.append(self.recipient)
        self.server.before("DOT", self.recipient)
        self._answer(b"".join(lines))

    def _answer(self, message: bytes) -> None:
        fault = self._fault()
        if fault is Fault.DISCARD_THEN_FIN:
            raise _HangUp
        if fault in _REPLIES_TO_DOT:
            self._say(_REPLIES_TO_DOT[fault])
            return
        self.server.accepted.append(Accepted(recipient=self.recipient, message=message))
        if fault is Fault.ACCEPT_THEN_RST:
            self._reset()
        if fault is Fault.ACCEPT_THEN_HANG:
            self.server.released.wait(60)
        if fault in _TAKEN_WITHOUT_A_WORD:
            raise _HangUp
        self._say("250 2.0.0 Ok: taken")
        if self.messages == self.server.hang_up_after_message:
            raise _HangUp

    def _fault(self) -> Fault:
        return self.server.faults.get(self.recipient, Fault.NONE)

    def _reset(self) -> None:
        """Drop the connection with an RST instead of a FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        raise _HangUp


@contextlib.contextmanager
def fault_server() -> Iterator[FaultServer]:
    """A server on a free port of 127.0.0.1 for as long as the block lasts."""
    with FaultServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
