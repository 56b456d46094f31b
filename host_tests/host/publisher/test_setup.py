"""Making a publisher: its files, its descriptor, its settings, and what openssl says of its lists."""

from __future__ import annotations

import json
import stat
import subprocess

import pytest
from publisher_support import NAME, Clock, Owner, dump, openssl_verified

from cxhost.asn1 import PublicationData, publication_data
from cxhost.publisher import Publisher, PublisherError
from cxhost.publisher.backup import back_up
from cxhost.publisher.settings import KEY_PASSWORD_VARIABLE, SettingsError


@pytest.mark.parametrize("key_kind", ["p256", "rsa"])
def test_openssl_verifies_every_file(tmp_path, clock, key_kind):
    directory = tmp_path / "publisher"
    url = "https://health.ruritania.example/cx.json"
    with Publisher.create(directory, NAME, url, clock, key_kind=key_kind, fewest_new_seeds=1) as publisher:
        publisher.accept_report(Owner(seeds=5).report(publisher.issue_code()))
        edition = publisher.publish()
    assert {path.name for path in edition.files} == {"full", "own", "2026041210", "2026041209", "2026041200"}
    for path in edition.files:
        content = openssl_verified(path, directory / "cert.pem")
        signed = PublicationData.load(content, strict=True).native
        assert signed["zone"] == url
        assert signed["aggregated"] is (path.name != "own")
        assert signed == publication_data(path.read_bytes()).native


def test_a_changed_publication_does_not_verify(publisher, tmp_path):
    publisher.accept_report(Owner().report(publisher.issue_code()))
    publisher.publish()
    data = publisher.publication_file.read_bytes()
    wrong = tmp_path / "wrong"
    wrong.write_bytes(data.replace(b"localhost", b"localhosu", 1))
    with pytest.raises(AssertionError):
        openssl_verified(wrong, publisher.directory / "cert.pem")


def test_descriptor(publisher):
    about = json.loads(publisher.descriptor_file.read_text())
    assert about.keys() == {"url", "cert", "name", "report", "pub", "pubs"}
    assert about["name"] == NAME
    assert about["cert"] == (publisher.directory / "cert.pem").read_text()
    base = publisher.url.removesuffix("cx.json")
    assert (about["report"], about["pub"]) == (base + "report", base + "pub/full")
    assert about["pubs"] == [{"zone": publisher.url, "url": base + "pub/own"}]


def test_secrets_are_for_the_publisher_only(publisher):
    for name in ("key.pem", "code.key"):
        assert stat.S_IMODE((publisher.directory / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(publisher.directory.stat().st_mode) == 0o700
    public = {path.name for path in publisher.public.rglob("*") if path.is_file()}
    assert public == {"cx.json"}


def test_directory_in_use_is_left_alone(publisher):
    before = dump(publisher), (publisher.directory / "key.pem").read_bytes()
    with pytest.raises(PublisherError, match="not empty"):
        Publisher.create(publisher.directory, NAME, publisher.url)
    assert before == (dump(publisher), (publisher.directory / "key.pem").read_bytes())


@pytest.mark.parametrize(
    ("values", "at_fault"),
    [
        ({"url": "http://health.example/cx.json"}, "url"),
        ({"url": "health.example"}, "url"),
        ({"url": "https:///cx.json"}, "url"),
        ({"url": "https://h.example:x/"}, "url"),
        ({"url": "https://h.example/#a"}, "url"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"code_hours": 0}, "code_hours"),
        ({"keep_days": "14"}, "keep_days"),
        ({"interval_minutes": 30}, "earliest_update_minutes"),
    ],
)
def test_bad_settings_are_named(tmp_path, values, at_fault):
    wanted = {"name": NAME, "url": "https://health.example/cx.json", **values}
    with pytest.raises(SettingsError, match=at_fault):
        Publisher.create(tmp_path / "new", **wanted)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "at_fault"),
    [
        ("name = ", "publisher.toml"),
        ('name = "A"', "url"),
        ('name = "A"\nurl = "https://a.example/"\ncolour = 1', "colour"),
        ("name = 1\nurl = 'https://a.example/'", "name"),
        ("\xff", "publisher.toml"),
    ],
)
def test_bad_settings_files_are_named(publisher, text, at_fault):
    (publisher.directory / "publisher.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=at_fault):
        Publisher.open(publisher.directory)


def test_key_and_certificate_must_belong_together(publisher, tmp_path):
    with Publisher.create(tmp_path / "other", NAME, publisher.url) as other:
        (publisher.directory / "key.pem").write_bytes((other.directory / "key.pem").read_bytes())
    with pytest.raises(PublisherError, match="another key"):
        Publisher.open(publisher.directory)


def test_clock_without_a_zone_is_refused(tmp_path):
    clock = Clock()
    clock.now = clock.now.replace(tzinfo=None)
    with pytest.raises(PublisherError, match="zone"):
        Publisher.create(tmp_path / "new", NAME, "https://health.example/cx.json", clock)


def test_database_that_cannot_be_reached_leaves_nothing_behind(tmp_path):
    url = "https://h.example/cx.json"
    for wrong in (
        "nonsense",
        "oracle://x",
        "postgresql://cx:SECRET@/none?host=/nonexistent",
        "sqlite:////none/x",
    ):
        with pytest.raises(PublisherError, match="database") as caught:
            Publisher.create(tmp_path / "new", NAME, url, database=wrong)
        assert "SECRET" not in str(caught.value)
        assert not list((tmp_path / "new").iterdir())
    with Publisher.create(tmp_path / "new", NAME, url) as publisher:
        assert publisher.status()["codes_issued"] == 0


def test_backup_of_a_running_publisher_is_a_publisher(publisher, client, clock, tmp_path):
    owner, code = Owner(seeds=2), publisher.issue_code()
    publisher.accept_report(owner.report(code))
    first = publisher.publish()
    assert back_up(publisher.directory, tmp_path / "copy")
    later = publisher.issue_code()
    assert stat.S_IMODE((tmp_path / "copy" / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    publisher.close()
    with Publisher.open(tmp_path / "copy", clock) as restored:
        assert restored.code_state(code).state == "used"
        with pytest.raises(PublisherError, match="not known"):
            restored.code_state(later)
        edition = restored.publish()
        assert edition.published_at > first.published_at
        assert edition.counts == {(5, 1): 2}
        openssl_verified(edition.path, publisher.directory / "cert.pem")


def test_backup_of_a_database_elsewhere_is_whole(tmp_path, clock):
    elsewhere = tmp_path / "elsewhere.db"
    url = "https://h.example/cx.json"
    with Publisher.create(tmp_path / "new", NAME, url, clock, database=f"sqlite:///{elsewhere}") as publisher:
        code = publisher.issue_code()
    assert back_up(tmp_path / "new", tmp_path / "copy")
    elsewhere.unlink()
    with Publisher.open(tmp_path / "copy", clock) as restored:
        assert restored.code_state(code).state == "ready"


def test_backup_does_not_overwrite(publisher, tmp_path):
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "letter.txt").write_text("dear")
    for target in (tmp_path / "busy", tmp_path / "busy" / "letter.txt"):
        with pytest.raises(PublisherError, match="not empty"):
            back_up(publisher.directory, target)
    with pytest.raises(SettingsError, match="not found"):
        back_up(tmp_path / "busy", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_backup_with_pg_dump_is_a_publisher(publisher, clock, database, tmp_path, postgresql):
    """As the guide says: the directory with `backup`, the database with PostgreSQL's own tools."""
    owner, code = Owner(seeds=2), publisher.issue_code()
    publisher.accept_report(owner.report(code))
    first = publisher.publish()
    assert not back_up(publisher.directory, tmp_path / "copy")
    saved = postgresql.run("pg_dump", "--no-owner", database)
    later = publisher.issue_code()
    publisher.close()
    assert postgresql.new_database() == database  # empty again
    postgresql.run("psql", "--quiet", "--set=ON_ERROR_STOP=1", database, stdin=saved)
    with Publisher.open(tmp_path / "copy", clock) as restored:
        assert restored.code_state(code).state == "used"
        with pytest.raises(PublisherError, match="not known"):
            restored.code_state(later)
        edition = restored.publish()
        assert edition.published_at > first.published_at
        assert edition.counts == {(5, 1): 2}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_backup_beside_a_database_server(publisher, tmp_path):
    assert not back_up(publisher.directory, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        "cert.pem",
        "code.key",
        "key.pem",
        "public",
        "publisher.toml",
    }


def test_the_signing_key_can_have_a_password(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_PASSWORD_VARIABLE, "correct horse")
    directory = tmp_path / "new"
    Publisher.create(directory, NAME, "https://localhost/cx.json").close()
    key = (directory / "key.pem").read_bytes()
    assert b"ENCRYPTED" in key
    checked = subprocess.run(
        ["openssl", "pkey", "-in", str(directory / "key.pem"), "-passin", "pass:correct horse", "-noout"],
        check=False,
    )
    assert checked.returncode == 0
    with Publisher.open(directory) as publisher:
        assert publisher.publish().path.exists()
    for password, problem in (("wrong", "password right"), ("", "no password is set")):
        monkeypatch.setenv(KEY_PASSWORD_VARIABLE, password)
        with pytest.raises(PublisherError, match=problem) as caught:
            Publisher.open(directory)
        assert KEY_PASSWORD_VARIABLE in str(caught.value) and "horse" not in str(caught.value)
    monkeypatch.setenv(KEY_PASSWORD_VARIABLE, "")
    Publisher.create(tmp_path / "plain", NAME, "https://localhost/cx.json").close()
    monkeypatch.setenv(KEY_PASSWORD_VARIABLE, "any")
    with pytest.raises(PublisherError, match="not encrypted"):
        Publisher.open(tmp_path / "plain")
