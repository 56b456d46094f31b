"""The schema on both databases: made by migrations, equal to the models, the same for every server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from publisher_support import NAME, Owner, dump
from sqlalchemy import text

from cxhost.asn1 import publication_data
from cxhost.publisher import Publisher, PublisherError, Reason, ReportRefused
from cxhost.publisher import database as tables
from cxhost.publisher.database import Base, connect

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def test_migrations_make_what_the_models_say(publisher):
    engine = connect(publisher.settings.database_url(publisher.directory))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_version_is_the_newest_migration(publisher):
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [tables.VERSION]


def test_every_older_version_becomes_this_one(publisher, clock):
    owner, code = Owner(seeds=2), publisher.issue_code()
    publisher.accept_report(owner.report(code))
    publisher.publish()
    engine = connect(publisher.settings.database_url(publisher.directory))
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).parent / "migrations"))
    for number in range(int(tables.VERSION) - 1, 0, -1):
        token = publisher.operators.add("Clinic East")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, f"{number:04}")
        with pytest.raises(PublisherError, match=f"has version {number:04}"):
            Publisher.open(publisher.directory, clock)
        assert Publisher.migrate(publisher.directory) == tables.VERSION
        with Publisher.open(publisher.directory, clock) as again:
            assert (again.operators.start_session(token) is None) == (number < 2)
            assert again.code_state(code).state == "used"
            assert again.publish().counts == {(5, 1): 2}
            for one in again.operators.members():
                again.operators.remove(one.name)
    engine.dispose()


def test_database_of_another_version_is_not_touched(publisher, clock):
    engine = connect(publisher.settings.database_url(publisher.directory))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    before = dump(publisher)
    with pytest.raises(PublisherError, match="has version 0000"):
        Publisher.open(publisher.directory, clock)
    assert dump(publisher) == before


def test_several_servers_on_one_database(publisher, clock):
    """Four servers behind a balancer: one code opens one case, each edition is made once, times only grow."""
    servers = [Publisher.open(publisher.directory, clock) for _ in range(4)]
    code = publisher.issue_code()
    outcome: list[object] = []

    def work(server: Publisher) -> None:
        try:
            outcome.append(server.accept_report(Owner(seeds=2).report(code)).new_seeds)
        except ReportRefused as refused:
            outcome.append(refused.reason)
        edition = server.publish_if_due()
        outcome.append(edition and edition.published_at)

    threads = [threading.Thread(target=work, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server in servers:
        server.close()
    assert outcome.count(Reason.CODE_USED) == 3
    assert outcome.count(2) == 1
    assert outcome.count(None) == 3
    publisher.publish()
    data = publication_data(publisher.publication_file.read_bytes()).native
    assert [len(one["seed_values"]) for one in data["notifications"]] == [48]


def test_one_seed_under_two_codes_at_once(publisher):
    """Both reports are taken, the seed is listed once, and the code that was issued last decides."""
    owner = Owner(seeds=3)
    codes = [publisher.issue_code(level) for level in (4, 5, 4, 5)]
    errors: list[BaseException] = []

    def send(code: str) -> None:
        try:
            publisher.accept_report(owner.report(code))
        except BaseException as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=send, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert publisher.publish().counts == {(5, 1): 3}


def test_url_in_the_environment_goes_first(tmp_path, clock, database, monkeypatch):
    if database.startswith("sqlite"):
        database = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("CXBADGE_PUBLISHER_DATABASE", database)
    with Publisher.create(tmp_path / "new", NAME, "https://h.example/cx.json", clock) as publisher:
        publisher.issue_code()
        assert publisher.status()["codes_issued"] == 1
    assert not (tmp_path / "new" / "publisher.db").exists()
    assert database not in (tmp_path / "new" / "publisher.toml").read_text()
