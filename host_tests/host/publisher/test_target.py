"""The copy of the lists elsewhere: in a directory, in memory, in an S3 server; and what fails on the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer
from publisher_support import NAME, Clock, Owner

from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher, PublisherError
from cxhost.publisher.settings import SettingsError

URL = "https://health.example/cx.json"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty target of the kind in ``request.param``."""
    if request.param == "file":
        return f"file://{tmp_path}/www"
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://lists"
    for name, value in {
        "AWS_ENDPOINT_URL": request.getfixturevalue("s3_server"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "NOT-A-SECRET",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    bucket = f"lists-{os.urandom(4).hex()}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/cx"


@pytest.fixture
def uploading(tmp_path: Path, clock: Clock, database: str, target: str) -> Iterator[Publisher]:
    folder = tmp_path / "new"
    with Publisher.create(folder, NAME, URL, clock, database=database, target=target) as made:
        yield made


def stored(url: str) -> dict[str, bytes]:
    store, root = fsspec.core.url_to_fs(url)
    store.invalidate_cache()
    return {path.removeprefix(root).lstrip("/"): store.cat_file(path) for path in store.find(root)}


def local(publisher: Publisher) -> dict[str, bytes]:
    paths = [path for path in publisher.public.rglob("*") if path.is_file()]
    return {path.relative_to(publisher.public).as_posix(): path.read_bytes() for path in paths}


every_kind = pytest.mark.parametrize(
    ("target", "database"),
    [("file", "sqlite"), ("memory", "postgresql"), ("s3", "sqlite"), ("s3", "postgresql")],
    indirect=True,
)
in_memory = pytest.mark.parametrize("target", ["memory"], indirect=True)


@every_kind
def test_target_holds_what_is_in_public(uploading: Publisher, clock: Clock, target: str):
    assert uploading.upload_if_behind() is None
    uploading.publish()
    assert uploading.health() == {"ok": False, "problem": "target"}
    assert uploading.upload_if_behind() == clock.now.replace(microsecond=0)
    first = stored(target)
    assert first == local(uploading)
    assert uploading.upload_if_behind() is None
    assert uploading.health()["ok"]
    clock.pass_time(hours=3)
    assert uploading.health() == {"ok": False, "problem": "publication"}
    uploading.accept_report(Owner().report(uploading.issue_code()))
    uploading.publish()
    uploading.upload_if_behind()
    assert stored(target) == local(uploading)
    assert first.keys() - stored(target).keys() == {"pub/2026041210", "pub/2026041209"}
    assert uploading.status()["uploaded_at"] == uploading.status()["published_at"]


@pytest.mark.parametrize("target", ["s3"], indirect=True)
def test_an_object_says_what_it_is_and_how_long_it_is_good(uploading: Publisher, target: str):
    uploading.publish()
    uploading.upload_if_behind()
    about = fsspec.filesystem("s3").call_s3("head_object", Bucket=target.split("/")[2], Key="cx/pub/full")
    assert about["ContentType"] == "application/cms"
    assert about["CacheControl"] == "public, max-age=60"


@in_memory
def test_files_of_others_stay(uploading: Publisher, target: str):
    fsspec.filesystem("memory").pipe_file("/lists/index.html", b"hello")
    fsspec.filesystem("memory").pipe_file("/lists/pub/2020010100", b"old")
    uploading.publish()
    uploading.upload_if_behind()
    assert stored(target).keys() == {*local(uploading), "index.html"}


@in_memory
def test_an_older_edition_never_replaces_a_newer_one(uploading: Publisher, clock: Clock, target: str):
    """Two servers with disks of their own: the one whose edition is no longer the newest leaves it alone."""
    uploading.publish()
    old = local(uploading)
    clock.pass_time(minutes=31)
    uploading.publish()
    new = local(uploading)
    for name, document in old.items():
        (uploading.public / name).write_bytes(document)
    assert uploading.upload_if_behind() is None
    assert stored(target) == {}
    for name, document in new.items():
        (uploading.public / name).write_bytes(document)
    assert uploading.upload_if_behind() is not None
    newest = publication_data(stored(target)["pub/full"]).native["published_at"]
    assert newest == clock.now.replace(microsecond=0)


@pytest.mark.parametrize(
    ("target", "database"), [("memory", "sqlite"), ("memory", "postgresql")], indirect=True
)
def test_one_server_at_a_time(uploading: Publisher, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    uploading.publish()
    begun, goes_on = threading.Event(), threading.Event()
    put = fsspec.implementations.memory.MemoryFileSystem.pipe_file

    def slow(self, *arguments, **options):
        begun.set()
        assert goes_on.wait(30)
        return put(self, *arguments, **options)

    monkeypatch.setattr(fsspec.implementations.memory.MemoryFileSystem, "pipe_file", slow)
    with Publisher.open(uploading.directory, clock) as other:
        thread = threading.Thread(target=uploading.upload_if_behind)
        thread.start()
        try:
            assert begun.wait(30)
            assert other.upload_if_behind() is None
            other.accept_report(Owner().report(other.issue_code()))  # nobody waits for a slow store
            other.publish()
        finally:
            goes_on.set()
            thread.join()
        assert other.upload_if_behind() is not None


@in_memory
def test_a_store_that_fails(uploading: Publisher, target: str, monkeypatch: pytest.MonkeyPatch):
    uploading.publish()

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("NOT-A-SECRET")

    with monkeypatch.context() as patch:
        patch.setattr(fsspec.implementations.memory.MemoryFileSystem, "pipe_file", fail)
        with pytest.raises(PublisherError, match="target: ConnectionError") as caught:
            uploading.upload_if_behind()
    assert "NOT-A-SECRET" not in str(caught.value)
    assert uploading.status()["uploaded_at"] is None
    assert uploading.upload_if_behind() is not None


@pytest.mark.parametrize("url", ["public", "s3://key:SECRET@host/x", "s3:/x", "://x"])
def test_targets_that_cannot_be(tmp_path: Path, url: str):
    with pytest.raises(SettingsError, match="target: must be") as caught:
        Publisher.create(tmp_path / "new", NAME, URL, target=url)
    assert "SECRET" not in str(caught.value)


def test_an_unknown_store_is_named(tmp_path: Path, clock: Clock):
    with Publisher.create(tmp_path / "new", NAME, URL, clock, target="nonsense://x") as made:
        made.publish()
        with pytest.raises(PublisherError, match="target: ValueError"):
            made.upload_if_behind()
