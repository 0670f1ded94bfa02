"""A message handed to a relay that fails in every way: what is said of it is what the relay really did."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from smtp_fault_server import Fault

from delivery.errors import Unreachable
from delivery.mailbox import Mailbox
from delivery.mailbox_server import mailbox_server
from delivery.relay import parse_smtp_url
from delivery.replies import Outcome, Reason, Scope, Stage, State
from delivery.smtp import Envelope, SmtpChannel, Timeouts

MESSAGE = b"Subject: test\r\nMessage-ID: <inv.1.1@wodociagi.example>\r\n\r\n.\r\n..dwie kropki\r\nkoniec\r\n"
SHORT = Timeouts(command_s=10.0, after_dot_s=0.3)
WAIT_S = 10.0


@pytest.fixture
def channel(server) -> Iterator[SmtpChannel]:
    with SmtpChannel(relay=parse_smtp_url(server.url), timeouts=SHORT) as opened:
        yield opened


def send(channel: SmtpChannel, *, to: str = "a@example.com", intents: list[str] | None = None) -> Outcome:
    def before_dot() -> None:
        if intents is not None:
            intents.append(to)

    return channel.send(
        envelope=Envelope(sender="faktury@example.com", recipient=to), message=MESSAGE, before_dot=before_dot
    )


# what the relay does, what is said of the message, whether (it was taken, its intent was written)
BEHAVIOURS = [
    (Fault.NONE, (State.ACCEPTED, Stage.DOT, Reason.ACCEPTED), (True, True)),
    (Fault.REFUSE_SENDER, (State.BLOCKED, Stage.RCPT, Reason.SENDER_REFUSED), (False, False)),
    (Fault.GREYLIST_ONCE, (State.RETRY, Stage.RCPT, Reason.DEFERRED), (False, False)),
    (Fault.DEAD_ADDRESS, (State.REJECTED, Stage.RCPT, Reason.DEAD_ADDRESS), (False, False)),
    (Fault.POLICY, (State.BLOCKED, Stage.RCPT, Reason.POLICY), (False, False)),
    (Fault.FULL_AFTER_DOT, (State.RETRY, Stage.DOT, Reason.MAILBOX_FULL), (False, True)),
    (Fault.DEFER_AFTER_DOT, (State.RETRY, Stage.DOT, Reason.OVERLOADED), (False, True)),
    (Fault.ODD_ANSWER_AFTER_DOT, (State.UNKNOWN, Stage.DOT, Reason.NO_ANSWER), (False, True)),
    (Fault.ACCEPT_THEN_FIN, (State.UNKNOWN, Stage.DOT, Reason.NO_ANSWER), (True, True)),
    (Fault.ACCEPT_THEN_RST, (State.UNKNOWN, Stage.DOT, Reason.NO_ANSWER), (True, True)),
    (Fault.ACCEPT_THEN_HANG, (State.UNKNOWN, Stage.DOT, Reason.NO_ANSWER), (True, True)),
    (Fault.DISCARD_THEN_FIN, (State.UNKNOWN, Stage.DOT, Reason.NO_ANSWER), (False, True)),
    (Fault.HANG_UP_AT_RCPT, (State.RETRY, Stage.RCPT, Reason.CONNECTION_LOST), (False, False)),
    (Fault.HANG_UP_AT_DATA, (State.RETRY, Stage.DATA, Reason.CONNECTION_LOST), (False, False)),
]


@pytest.mark.parametrize(("fault", "said", "truth"), BEHAVIOURS)
def test_every_failure_has_its_name_and_none_is_taken_for_acceptance(server, channel, fault, said, truth) -> None:
    server.faults["a@example.com"] = fault
    intents: list[str] = []

    outcome = send(channel, intents=intents)

    assert (outcome.state, outcome.stage, outcome.reason) == said
    assert (server.recipients, intents) == tuple(["a@example.com"] * each for each in truth)


@pytest.mark.parametrize("fault", list(Fault))
def test_accepted_is_only_said_of_what_the_relay_took_and_the_next_message_goes_anyway(server, channel, fault) -> None:
    server.faults["a@example.com"] = fault

    first = send(channel)
    second = send(channel, to="b@example.com")

    assert second.state is State.ACCEPTED
    assert server.recipients.count("b@example.com") == 1
    if first.state is State.ACCEPTED:
        assert server.recipients.count("a@example.com") == 1
    elif first.state is not State.UNKNOWN:
        assert "a@example.com" not in server.recipients


def test_a_connection_lost_while_the_content_is_sent_is_no_doubt(server, channel) -> None:
    server.faults["a@example.com"] = Fault.HANG_UP_IN_BODY
    intents: list[str] = []
    long = MESSAGE + b"wiersz\r\n" * 2_000_000  # more than the buffers of a socket hold

    outcome = channel.send(
        envelope=Envelope(sender="faktury@example.com", recipient="a@example.com"),
        message=long,
        before_dot=lambda: intents.append("a"),
    )

    assert (outcome.state, outcome.stage, outcome.reason) == (State.RETRY, Stage.BODY, Reason.CONNECTION_LOST)
    assert intents == []


def test_the_intent_comes_after_the_content_and_before_the_dot(server, channel) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    outcome = channel.send(
        envelope=Envelope(sender="faktury@example.com", recipient="a@example.com"),
        message=MESSAGE,
        before_dot=lambda: seen.append((list(server.rcpts), list(server.dots))),
    )

    assert seen == [(["a@example.com"], [])]
    assert outcome.state is State.ACCEPTED
    assert server.accepted[0].message == MESSAGE


def test_without_an_intent_the_dot_is_never_sent_and_the_relay_drops_the_message(server, channel) -> None:
    def refuse() -> None:
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="database is gone"):
        channel.send(
            envelope=Envelope(sender="faktury@example.com", recipient="a@example.com"),
            message=MESSAGE,
            before_dot=refuse,
        )

    assert server.cut_off.acquire(timeout=WAIT_S)
    assert (server.rcpts, server.dots, server.accepted) == (["a@example.com"], [], [])
    assert send(channel, to="b@example.com").state is State.ACCEPTED


@pytest.mark.parametrize("banner", ["421 4.3.2 Closing", "554 5.7.1 Go away"])
def test_a_relay_that_does_not_want_us_is_away_for_now(server, channel, banner) -> None:
    server.banner = banner
    intents: list[str] = []

    with pytest.raises(Unreachable) as refusal:
        send(channel, intents=intents)

    assert refusal.value.code == "SMTP_REFUSED"
    assert banner in str(refusal.value)
    assert intents == []


def test_a_missing_relay_is_away_before_any_intent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{free.getsockname()[1]}"
    intents: list[str] = []

    with SmtpChannel(relay=parse_smtp_url(url)) as channel, pytest.raises(Unreachable) as refusal:
        send(channel, intents=intents)

    assert refusal.value.code == "SMTP_UNREACHABLE"
    assert intents == []


def test_a_relay_that_tires_at_the_third_message_gets_it_over_a_new_connection(server, channel) -> None:
    server.busy_from_message = 3

    outcomes = [send(channel, to=f"{no}@example.com") for no in range(7)]

    assert {outcome.state for outcome in outcomes} == {State.ACCEPTED}
    assert server.recipients == [f"{no}@example.com" for no in range(7)]
    assert server.connections == 4


def test_a_relay_that_takes_nothing_is_tried_twice_and_not_for_ever(server, channel) -> None:
    server.busy_from_message = 1

    outcome = send(channel)

    assert (outcome.state, outcome.scope, outcome.code) == (State.RETRY, Scope.CONNECTION, 421)
    assert server.connections == 1
    assert send(channel).state is State.RETRY
    assert server.connections == 2


def test_a_kept_connection_that_went_stale_is_made_anew_and_the_message_goes_once(server, channel) -> None:
    server.hang_up_after_message = 1
    intents: list[str] = []

    outcomes = [send(channel, to=f"{no}@example.com", intents=intents) for no in range(3)]

    assert {outcome.state for outcome in outcomes} == {State.ACCEPTED}
    assert server.recipients == intents == ["0@example.com", "1@example.com", "2@example.com"]
    assert server.connections == 3


def test_a_connection_is_kept_for_as_many_messages_as_allowed(server) -> None:
    with SmtpChannel(relay=parse_smtp_url(server.url), per_connection=3) as channel:
        states = {send(channel).state for _ in range(7)}

    assert states == {State.ACCEPTED}
    assert (len(server.accepted), server.connections) == (7, 3)


def test_after_a_message_in_doubt_its_connection_is_dead(server, channel) -> None:
    server.faults["a@example.com"] = Fault.ACCEPT_THEN_HANG

    send(channel)
    server.faults.clear()
    send(channel)

    assert server.connections == 2


@pytest.mark.parametrize("broken", [b"a\nb\r\n", b"a\r\n.\rb\r\n", b"a\r\nb", b"a\r\n.\n\r\n"])
def test_a_message_that_could_smuggle_a_second_one_never_leaves(server, channel, broken) -> None:
    with pytest.raises(ValueError, match="bare CR or LF"):
        channel.send(
            envelope=Envelope(sender="faktury@example.com", recipient="a@example.com"),
            message=broken,
            before_dot=lambda: None,
        )

    assert server.connections == 0


@pytest.fixture
def no_delay(monkeypatch) -> dict[str, int]:
    """TCP_NODELAY of the client's socket at the moment of these commands."""
    seen: dict[str, int] = {}
    for name in ("starttls", "mail"):
        command = getattr(smtplib.SMTP, name)

        def look(smtp, *args, _name=name, _command=command, **options):
            seen[_name] = smtp.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            return _command(smtp, *args, **options)

        monkeypatch.setattr(smtplib.SMTP, name, look)
    return seen


def test_packets_are_not_held_back(server, channel, no_delay) -> None:
    send(channel)

    assert no_delay["mail"] != 0


# --- a protected connection ------------------------------------------------------------------------


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of its own for 127.0.0.1, valid around now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


@pytest.fixture
def certificate(tmp_path) -> tuple[Path, Path]:
    return write_certificate(tmp_path)


@pytest.fixture
def server_tls(certificate) -> ssl.SSLContext:
    key_file, certificate_file = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context


@pytest.fixture
def trust(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[1]))


@pytest.fixture
def secure_url(tmp_path, server_tls) -> Iterator[str]:
    with mailbox_server(tmp_path / "mailbox", tls=server_tls) as url:
        yield url


def test_a_message_goes_through_starttls_without_waiting_packets(tmp_path, secure_url, trust, no_delay) -> None:
    with SmtpChannel(relay=parse_smtp_url(secure_url), tls=trust) as channel:
        outcomes = [send(channel).state, send(channel).state]

    assert outcomes == [State.ACCEPTED, State.ACCEPTED]
    assert no_delay["starttls"] != 0
    assert Mailbox(path=tmp_path / "mailbox").count() == 2


def test_a_relay_with_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path, secure_url) -> None:
    with SmtpChannel(relay=parse_smtp_url(secure_url)) as channel, pytest.raises(Unreachable) as refusal:
        send(channel)

    assert refusal.value.code == "SMTP_TLS"
    assert Mailbox(path=tmp_path / "mailbox").count() == 0


def test_a_relay_that_no_longer_offers_starttls_gets_nothing_in_clear(server) -> None:
    relay = parse_smtp_url(server.url.replace("smtp:", "smtp+starttls:"))

    with SmtpChannel(relay=relay) as channel, pytest.raises(Unreachable) as refusal:
        send(channel)

    assert refusal.value.code == "SMTP_TLS"
    assert server.rcpts == []


def test_a_certificate_of_another_host_is_refused(tmp_path, secure_url, trust) -> None:
    relay = parse_smtp_url(secure_url.replace("127.0.0.1", "localhost"))

    with SmtpChannel(relay=relay, tls=trust) as channel, pytest.raises(Unreachable) as refusal:
        send(channel)

    assert refusal.value.code == "SMTP_TLS"
    assert Mailbox(path=tmp_path / "mailbox").count() == 0


def test_a_message_goes_through_a_connection_that_is_protected_from_the_first_byte(
    server, server_tls, trust, no_delay
) -> None:
    server.tls = server_tls
    relay = parse_smtp_url(server.url.replace("smtp:", "smtps:"))

    with SmtpChannel(relay=relay, tls=trust) as channel:
        outcome = send(channel)

    assert outcome.state is State.ACCEPTED
    assert server.recipients == ["a@example.com"]
    assert no_delay["mail"] != 0


def test_a_relay_that_refuses_the_log_in_gets_nothing_and_the_password_is_not_repeated(
    server, server_tls, trust
) -> None:
    server.tls = server_tls
    relay = parse_smtp_url(server.url.replace("smtp://", "smtps://obieg:tajne@"))

    with SmtpChannel(relay=relay, tls=trust) as channel, pytest.raises(Unreachable) as refusal:
        send(channel)

    assert refusal.value.code == "SMTP_LOGIN"
    assert "tajne" not in str(refusal.value)
    assert server.rcpts == []
