"""An archive in S3 or what speaks like it: one conditional put makes an object visible, whole, and never replaces one.

Credentials are found as boto3 finds them (``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, a profile, the role of
the machine). One call is one request: what failed is tried again by the step that asked, which finds what is there.
"""

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from billing.errors import DataRefused
from delivery.errors import ArchiveConflict, ArchiveMissing, Unreachable
from delivery.store import Span, Stored, Writer, require_key

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 120
_BLOCK_BYTES = 1024 * 1024
_SHA256 = "sha256"
_ONLY = "null"
"""The version of an object in a bucket that keeps no versions."""
_GONE = {"NoSuchKey", "404", "InvalidRange", "416"}
_TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "ConcurrentModification", "409"}
_REFUSALS = {
    *("AccessDenied", "AllAccessDisabled", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("NoSuchBucket", "InvalidBucketName", "AuthorizationHeaderMalformed", "PermanentRedirect", "InvalidRequest"),
    *("InvalidArgument", "NotImplemented"),
}
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NotImplemented"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLock:
    """Whether a bucket has Object Lock, and whether it locks by itself what is put there."""

    enabled: bool
    has_default: bool


def s3_client(*, endpoint_url: str | None) -> Any:
    """A client that waits a bounded time, asks once, and lets the server check what it received."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": 1},
        signature_version="s3v4",
        s3={"payload_signing_enabled": True, "addressing_style": "path" if endpoint_url else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    if "@" in (endpoint_url or ""):
        raise DataRefused("ARCHIVE_REFUSED", "a name or password has no place in the address of the S3 server")
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        raise DataRefused("ARCHIVE_REFUSED", str(error)) from error


@dataclass(slots=True, kw_only=True)
class S3Archive:
    """Each object lies under ``prefix`` in ``bucket``; its hash is kept with it."""

    client: Any
    bucket: str
    prefix: str
    _lock: BucketLock | None = field(default=None, init=False)

    def put_once(self, *, key: str, content: bytes | Writer, retain_until: date | None = None) -> Stored:
        """See ``Archive.put_once``."""
        name = self._name(key)
        locked = self._retention(retain_until)
        with _answers(key), tempfile.TemporaryFile() as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            size_bytes = file.tell()
            digest, digest_md5 = _digests(file)
            version_id = None
            if not self._is_taken(name):
                version_id = self._put(
                    Key=name,
                    Body=file,
                    ContentMD5=base64.b64encode(digest_md5).decode(),
                    ChecksumSHA256=base64.b64encode(digest).decode(),
                    Metadata={_SHA256: digest.hex()},
                    **locked,
                )
        created = self._refuse_other(key, sha256=digest.hex(), own_version=version_id)
        return Stored(key=key, sha256=digest.hex(), size_bytes=size_bytes, created=created)

    def get(self, *, key: str, span: Span | None = None) -> bytes:
        """See ``Archive.get``."""
        wanted = {} if span is None else {"Range": f"bytes={span.start}-{span.start + span.length - 1}"}
        with _answers(key):
            answer = self.client.get_object(Bucket=self.bucket, Key=self._name(key), **wanted)
            content: bytes = answer["Body"].read()
        if span is not None and len(content) != span.length:
            raise ArchiveMissing("ARCHIVE_MISSING", f"{key} ends within the {span.length} bytes from {span.start}")
        return content

    def head(self, *, key: str) -> Stored | None:
        """See ``Archive.head``; reads the object: a hash kept beside it would be somebody's word."""
        try:
            with _answers(key):
                answer = self.client.head_object(Bucket=self.bucket, Key=self._name(key))
            sha256 = self._read_sha256(key)
        except ArchiveMissing:
            return None
        return Stored(key=key, sha256=sha256, size_bytes=answer["ContentLength"], created=False)

    def list(self, *, prefix: str) -> Iterator[str]:
        """See ``Archive.list``."""
        folder, _, _ = prefix.rpartition("/")
        if folder:
            require_key(folder)
        root = f"{self.prefix}/" if self.prefix else ""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=root + prefix)
        with _answers(prefix):
            for page in pages:
                yield from (found["Key"].removeprefix(root) for found in page.get("Contents", ()))

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{require_key(key)}" if self.prefix else require_key(key)

    def _is_taken(self, name: str) -> bool:
        """Asked first, because there are servers that do not heed the condition of a put into a versioned bucket."""
        try:
            self.client.head_object(Bucket=self.bucket, Key=name)
        except ClientError as error:
            if _code(error) in _GONE:
                return False
            raise
        return True

    def _put(self, **what: Any) -> str | None:
        """The version that was made (``null`` where the bucket keeps none); None when the key was taken."""
        try:
            return str(self.client.put_object(Bucket=self.bucket, IfNoneMatch="*", **what).get("VersionId", _ONLY))
        except ClientError as error:
            if _code(error) in _TAKEN:
                return None
            raise

    def _refuse_other(self, key: str, *, sha256: str, own_version: str | None) -> bool:
        """Compare with what else is there, by its bytes: a hash kept beside them would be somebody's word.

        Whether the object is ours; False when an equal one was there before.
        """
        if own_version == _ONLY:
            return True
        versions = (_ONLY,) if own_version is None else self._versions(key)
        for version in versions:
            if version == own_version:
                continue
            try:
                found = self._read_sha256(key, version=None if version == _ONLY else version)
            except ArchiveMissing:
                raise Unreachable("ARCHIVE_UNREACHABLE", f"{key}: another writer was at it, and gave up") from None
            if found != sha256:
                raise ArchiveConflict("ARCHIVE_CONFLICT", f"{key} holds {found}, not {sha256}")
        return versions[-1] == own_version

    def _versions(self, key: str) -> tuple[str, ...]:
        """All versions of a key, the newest first."""
        name = self._name(key)
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=name)
        with _answers(key):
            return tuple(
                str(found["VersionId"]) for page in pages for found in page.get("Versions", ()) if found["Key"] == name
            )

    def _read_sha256(self, key: str, *, version: str | None = None) -> str:
        digest = hashlib.sha256()
        wanted = {} if version is None else {"VersionId": version}
        with _answers(key):
            body = self.client.get_object(Bucket=self.bucket, Key=self._name(key), **wanted)["Body"]
            for block in body.iter_chunks(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def _retention(self, retain_until: date | None) -> dict[str, Any]:
        """What a put says of its lock: our date, or nothing where the bucket has a rule, or no lock at all."""
        lock = self._lock = self._lock or self._ask_lock()
        if retain_until is None:
            if lock.enabled and not lock.has_default:
                raise DataRefused(
                    "ARCHIVE_RETENTION",
                    f"bucket {self.bucket} has Object Lock but no default retention; set OBIEG_ARCHIVE_RETAIN_YEARS",
                )
            return {}
        if not lock.enabled:
            raise DataRefused("ARCHIVE_RETENTION", f"bucket {self.bucket} has no Object Lock to retain anything with")
        after = datetime.combine(retain_until + timedelta(days=1), time.min, tzinfo=UTC)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": after}

    def _ask_lock(self) -> BucketLock:
        with _answers(self.bucket):
            try:
                answer = self.client.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"]
            except ClientError as error:
                if _code(error) in _NO_LOCK:
                    return BucketLock(enabled=False, has_default=False)
                raise
        return BucketLock(
            enabled=answer.get("ObjectLockEnabled") == "Enabled",
            has_default=bool(answer.get("Rule", {}).get("DefaultRetention")),
        )


@contextmanager
def _answers(what: str) -> Iterator[None]:
    """Say what a failure means to the step that asked."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in _GONE:
            raise ArchiveMissing("ARCHIVE_MISSING", f"nothing, or too little, is stored under {what}") from error
        if code in _REFUSALS:
            raise DataRefused("ARCHIVE_REFUSED", f"{what}: {_said(error)}") from error
        raise Unreachable("ARCHIVE_UNREACHABLE", f"{what}: {_said(error)}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise DataRefused("ARCHIVE_REFUSED", f"{what}: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise Unreachable("ARCHIVE_UNREACHABLE", f"{what}: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _said(error: ClientError) -> str:
    said = error.response.get("Error", {})
    return f"{said.get('Code', '?')} {said.get('Message') or ''}".strip()


def _digests(file: IO[bytes]) -> tuple[bytes, bytes]:
    """SHA-256 and MD5 of the whole file, which is left at its beginning."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        sha256.update(block)
        md5.update(block)
    file.seek(0)
    return sha256.digest(), md5.digest()
