"""Five publishers in a tree over real HTTPS: which case comes to which list, and if one is down."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from publisher_support import Clock, Owner, openssl_verified
from typer.testing import CliRunner

from cx import descriptor, publication, x509
from cx.errors import RefusedError
from cxhost import asn1, extensions
from cxhost.publisher import AlertLevel, Publisher, PublisherError, listen, make_localhost_tls, serve
from cxhost.publisher.cli import app
from cxhost.publisher.feeds import judge
from cxhost.publisher.publication import Listing, encode
from cxhost.publisher.settings import Settings
from cxhost.publisher.signing import Signer
from cxhost.publisher.status import status_blocks

NAMES = ("world", "east", "west", "county", "peer")


def seeds(publisher: Publisher, path: Path | None = None) -> dict[bytes, int]:
    """Return the seeds in a publisher's full list, or in another file, with their levels."""
    data = asn1.publication_data((path or publisher.publication_file).read_bytes()).native
    found = {}
    for one in data["notifications"]:
        joined = one["seed_values"]
        for at in range(0, len(joined), 24):
            assert joined[at : at + 24] not in found
            found[joined[at : at + 24]] = one["alert_level"]
    return found


class Tree:
    """The world, two countries east and west, a county of east, and a peer of east beside the tree."""

    def __init__(self, folder: Path, clock: Clock, stack: ExitStack, database: str) -> None:
        self.clock = clock
        self._tls = make_localhost_tls(folder / "tls")
        listeners = {name: stack.enter_context(listen()) for name in NAMES}
        self.url = {
            name: f"https://localhost:{one.getsockname()[1]}/cx.json" for name, one in listeners.items()
        }
        url = self.url
        places = {
            "world": {"downstream": [url["east"], url["west"]]},
            "east": {"upstream": url["world"], "downstream": [url["county"]], "peers": [url["peer"]]},
            "west": {"upstream": url["world"]},
            "county": {"upstream": url["east"], "database": database},
            "peer": {"peers": [url["east"]]},
        }
        self.all = {
            name: stack.enter_context(
                Publisher.create(
                    folder / name,
                    name,
                    url[name],
                    clock,
                    fewest_new_seeds=1,
                    fetch_authority=str(self._tls.ca),
                    **places[name],
                )
            )
            for name in NAMES
        }
        self.servers = {name: stack.enter_context(ExitStack()) for name in NAMES}
        for name in NAMES:
            self.servers[name].enter_context(serve(self.all[name], self._tls, listeners[name]))

    def hour(self, but: tuple[str, ...] = ()) -> None:
        """Let an hour pass in which all that are up take what is due, and publish twice."""
        for _ in range(2):
            self.clock.pass_time(minutes=31)
            for name in NAMES:
                if name not in but:
                    self.all[name].refresh()
                    self.all[name].publish()

    def case(self, at: str, zone: str, level: int = AlertLevel.DIAGNOSED) -> tuple[str, bytes]:
        """Report a seed to ``at`` for a zone; return the code and the seed."""
        publisher = self.all[at]
        code = publisher.issue_code(level, zone=self.url[zone])
        owner = Owner(name=at)
        publisher.accept_report(owner.report(code))
        return code, owner.seed_values()[0]

    def who_lists(self, seed: bytes) -> set[str]:
        return {name for name in NAMES if seed in seeds(self.all[name])}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, postgresql) -> Iterator[Tree]:
    """One tree for all tests: each reports cases of its own."""
    with ExitStack() as stack:
        made = Tree(tmp_path_factory.mktemp("tree"), Clock(), stack, postgresql.new_database())
        for _ in range(2):  # the first walk finds who is there, and the next edition tells of it
            made.hour()
        yield made


def test_a_case_reaches_exactly_the_right_lists(tree: Tree):
    everyone = {"world", "east", "west", "county"}
    expected = {
        ("county", "county"): {"county"},
        ("county", "east"): {"county", "east"},
        ("county", "world"): everyone,
        ("east", "east"): {"county", "east"},
        ("east", "world"): everyone,
        ("east", "peer"): {"peer"},
        ("peer", "peer"): {"peer"},
        ("peer", "east"): {"east"},
        ("west", "west"): {"west"},
        ("west", "world"): everyone,
        ("world", "world"): everyone,
    }
    reported = {case: tree.case(*case)[1] for case in expected}
    tree.hour()
    assert {case: tree.who_lists(seed) for case, seed in reported.items()} == expected
    for name, publisher in tree.all.items():
        members = descriptor.check(publisher.descriptor_file.read_bytes(), tree.url[name])
        assert {one["zone"] for one in members["pubs"]} == set(publisher.zones().every)
        for path in publisher.publication_file.parent.iterdir():
            openssl_verified(path, publisher.directory / "cert.pem")
    assert set(tree.all["county"].zones().every) == {tree.url[name] for name in ("county", "east", "world")}
    assert tree.all["east"].zones().peers == (tree.url["peer"],)


def test_a_travelling_case_moves_and_is_withdrawn(tree: Tree):
    code, seed = tree.case("county", "county")
    tree.hour()
    assert tree.who_lists(seed) == {"county"}
    steps = {"east": {"county", "east"}, "world": {"county", "east", "west", "world"}, "county": {"county"}}
    for zone, where in steps.items():
        tree.all["county"].set_zone(code, tree.url[zone])
        tree.hour()
        assert tree.who_lists(seed) == where
    partial = [
        path for path in tree.all["west"].publication_file.parent.iterdir() if path.name[0].isdecimal()
    ]
    told = [seeds(tree.all["west"], path).get(seed) for path in partial]
    assert AlertLevel.EXPIRED in told  # a badge in the west that knew the seed learns that it is over
    tree.all["county"].set_zone(code, tree.url["world"])
    tree.all["county"].set_level(code, AlertLevel.NO_ALERT)
    tree.hour()
    assert {seeds(tree.all[name])[seed] for name in tree.who_lists(seed)} == {AlertLevel.NO_ALERT}
    with pytest.raises(PublisherError, match=r"zone: must be one of .*world|zone: must be one of"):
        tree.all["county"].set_zone(code, tree.url["peer"])


def test_unknown_levels_and_types_pass_untouched(tree: Tree):
    west = tree.all["west"]
    _, seed = tree.case("west", "world", level=77)
    tree.hour()
    assert seeds(tree.all["county"])[seed] == 77
    signer = Signer((west.directory / "key.pem").read_bytes(), west.certificate_pem)
    now = tree.clock.now.replace(microsecond=0)
    usage = extensions.encode_usage((20555, 144))
    listing = Listing(
        zone=tree.url["world"],
        published_at=now,
        next_update_not_before=now + timedelta(minutes=30),
        next_update_not_after=now + timedelta(hours=1),
        groups={(5, 9): [bytes(4) + b"opaque" * 5], (4, 1): [usage + bytes(range(24))]},
        update_urls=[],
        aggregated=False,
    )
    entry = next(
        one for one in descriptor.check(west.descriptor_file.read_bytes())["pubs"] if "own" not in one["url"]
    )
    path = west.public / "pub" / entry["url"].rpartition("/")[2]
    path.write_bytes(signer.sign(encode(listing), asn1.PUBLICATION_OID))
    tree.hour(but=("west",))
    for name in ("world", "east", "county"):
        data = tree.all[name].publication_file.read_bytes()
        found = {
            (one["alert_level"], one["generator_type"]): one["seed_values"]
            for one in asn1.publication_data(data).native["notifications"]
        }
        assert found[5, 9] == b"opaque" * 5
        stream = io.BytesIO(data)
        header = publication.verify(stream, x509.from_pem(tree.all[name].certificate_pem.decode()))
        assert header.unknown_types == 1
        listed = publication.notifications(stream, header)
        assert [listed.usage for _, _, one in listed if bytes(one) == bytes(range(24))] == [usage]


def test_two_who_list_one_seed(tree: Tree):
    """It is listed once, with the gravest level, and each can only take back its own."""
    owner, codes = Owner(name="west"), {}
    for name, level in (("west", 4), ("county", 5)):
        codes[name] = tree.all[name].issue_code(level, zone=tree.url["world"])
        owner.name = name
        tree.all[name].accept_report(owner.report(codes[name]))
    seed = owner.seed_values()[0]
    tree.hour()
    assert {seeds(tree.all[name])[seed] for name in ("world", "east", "west", "county")} == {5}
    tree.all["county"].set_level(codes["county"], AlertLevel.NO_ALERT)
    tree.hour()
    assert {seeds(tree.all[name])[seed] for name in ("world", "east", "west", "county")} == {4}


def test_one_that_left_the_tree_is_listed_no_longer(tree: Tree):
    _, seed = tree.case("west", "world")
    tree.hour()
    assert "county" in tree.who_lists(seed)
    world = tree.all["world"]
    text = (world.directory / "publisher.toml").read_text()
    (world.directory / "publisher.toml").write_text(text.replace(f', "{tree.url["west"]}"', ""))
    with Publisher.open(world.directory, tree.clock) as again:
        tree.clock.pass_time(minutes=1)
        again.publish()
    tree.hour(but=("world",))
    tree.hour(but=("world",))
    assert "county" not in tree.who_lists(seed)


def test_one_that_is_down_keeps_its_notifications_until_they_expire(tree: Tree):
    for _ in range(2):  # west is back in the tree
        tree.hour()
    _, seed = tree.case("west", "world")
    tree.hour()
    tree.servers["west"].close()
    tree.hour(but=("west",))
    assert tree.who_lists(seed) == {"world", "east", "west", "county"}
    member = next(one for one in tree.all["county"].topology() if one.url == tree.url["west"])
    assert member.problem or any(feed.problem for feed in member.feeds)
    tree.clock.pass_time(days=14)
    tree.hour(but=("west",))
    assert "county" in tree.who_lists(seed)
    tree.clock.pass_time(days=1)
    tree.hour(but=("west",))
    assert tree.who_lists(seed) == {"west"}  # its own file is as it was when it stopped
    page = "".join(status_blocks(tree.all["county"]))
    rows = [row for row in page.split("<tr>") if tree.url["world"] in row]
    assert any("failed" in row and "west" in row for row in rows)
    assert any("good" in row and "east" in row for row in rows)
    shown = CliRunner().invoke(app, ["topology", str(tree.all["county"].directory)])
    assert shown.exit_code == 0, shown.output
    assert "not reachable" in shown.stdout
    for url in (tree.url[name] for name in ("world", "east", "west", "county")):
        assert url in shown.stdout


class TestRefused:
    """A list that another publisher must refuse, by the rules of the protocol."""

    @pytest.fixture
    def signer(self, publisher: Publisher) -> Signer:
        return Signer((publisher.directory / "key.pem").read_bytes(), publisher.certificate_pem)

    def document(self, signer: Signer, clock: Clock, **changes: object) -> bytes:
        now = clock.now.replace(microsecond=0)
        values: dict = {
            "zone": "https://z.example/cx.json",
            "published_at": now,
            "next_update_not_before": now,
            "next_update_not_after": now,
            "groups": {(5, 1): [bytes(28)]},
            "update_urls": [],
            "aggregated": False,
        }
        return signer.sign(encode(Listing(**{**values, **changes})), asn1.PUBLICATION_OID)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"aggregated": True}, "aggregated"),
            ({"zone": "https://other.example/cx.json"}, "zone"),
            ({"groups": {(5, 1): [bytes(28)], (4, 1): [bytes(28)]}}, "duplicate"),
        ],
    )
    def test_reasons(self, publisher: Publisher, signer: Signer, clock: Clock, changes: dict, reason: str):
        certificate = bytes(x509.from_pem(publisher.certificate_pem.decode()))
        seconds = int(clock.now.timestamp())
        good = self.document(signer, clock)
        assert len(judge(good, certificate, "https://z.example/cx.json", None, seconds).seeds) == 1
        with pytest.raises(RefusedError) as caught:
            judge(
                self.document(signer, clock, **changes),
                certificate,
                "https://z.example/cx.json",
                None,
                seconds,
            )
        assert caught.value.reason == reason
        with pytest.raises(RefusedError, match="older"):
            judge(good, certificate, "https://z.example/cx.json", seconds + 1, seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upstream", "http://x.example/cx.json"),
        ("downstream", "https://x.example/cx.json"),
        ("peers", ["https://h.example/cx.json"]),
        ("guidance_buckets", [[55, 15]]),
        ("guidance_buckets", [[70, 15, 30], [55, 15, 30]]),
        ("guidance_texts", [["en", "a"], ["en", "b"]]),
    ],
)
def test_settings_that_cannot_be(name: str, value: object):
    with pytest.raises(Exception, match=name.partition("_")[0]):
        Settings(name="x", url="https://h.example/cx.json", **{name: value})  # type: ignore[arg-type]
