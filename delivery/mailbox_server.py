"""The local mailbox server: takes any mail on 127.0.0.1 and keeps it in a Maildir. For installations without a relay.

Run as ``python -m delivery.mailbox_server --port 0 --maildir DIR``; it prints ``listening on 127.0.0.1:PORT`` when
it is ready and stops on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from delivery.durable import make_folder
from delivery.mailbox import Mailbox

_HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)  # no slots: aiosmtpd looks at every member, and early 3.11 trips over __weakref__
class _Handler:
    """What the server does with each message; the method's name is aiosmtpd's."""

    mailbox: Mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        try:
            for recipient in envelope.rcpt_tos:
                self.mailbox.deliver(
                    sender=str(envelope.mail_from), recipient=recipient, message=cast("bytes", envelope.content)
                )
        except OSError as error:
            return f"452 4.3.1 the mailbox cannot be written: {error.strerror}"
        return "250 2.0.0 stored"


async def serve(
    *,
    maildir: Path,
    port: int,
    ready: Callable[[int], object],
    stop: asyncio.Event,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until ``stop`` is set; ``ready`` is told the port. With ``tls`` STARTTLS is offered and demanded."""
    for folder in ("tmp", "new", "cur"):
        make_folder(maildir / folder)
    handler = _Handler(mailbox=Mailbox(path=maildir))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", loop=loop, tls_context=tls, require_starttls=tls is not None),
        _HOST,
        port,
    )
    async with server:
        ready(server.sockets[0].getsockname()[1])
        await stop.wait()


@contextlib.contextmanager
def mailbox_server(maildir: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A mailbox server in a thread, for as long as the block lasts; gives its ``smtp://`` URL.

    Raises:
        OSError: the folder or the port cannot be had.
    """
    state = _Running()
    thread = threading.Thread(target=state.run, args=(maildir, tls), name="mailbox", daemon=True)
    thread.start()
    state.started.wait()
    if state.error is not None:
        raise state.error
    try:
        yield f"{'smtp' if tls is None else 'smtp+starttls'}://{_HOST}:{state.port}"
    finally:
        state.loop.call_soon_threadsafe(state.stop.set)
        thread.join()


class _Running:
    """What the thread and its owner tell each other."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()
        self.port = 0
        self.error: Exception | None = None

    def run(self, maildir: Path, tls: ssl.SSLContext | None) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(serve(maildir=maildir, port=0, ready=self._ready, stop=self.stop, tls=tls))
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread's owner must raise it
            self.error = error
        finally:
            self.started.set()

    def _ready(self, port: int) -> None:
        self.port = port
        self.started.set()


async def _serve_until_signal(*, maildir: Path, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(maildir=maildir, port=port, ready=_announce, stop=stop)


def _announce(port: int) -> None:
    print(f"listening on {_HOST}:{port}", flush=True)  # noqa: T201 - whoever started us waits for this line


def main() -> None:
    """Run the server from the command line."""
    parser = argparse.ArgumentParser(prog="python -m delivery.mailbox_server", description="Local mailbox server.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--maildir", type=Path, required=True, help="folder of the Maildir; made if missing")
    options = parser.parse_args()
    asyncio.run(_serve_until_signal(maildir=options.maildir.resolve(), port=options.port))


if __name__ == "__main__":
    main()
