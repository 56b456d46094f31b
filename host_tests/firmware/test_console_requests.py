"""Every door of the console with bad input: one clear line, and nothing has changed."""

from __future__ import annotations

import json
import random
import re

import pytest

from cx import frame
from cxhost import sync
from cxhost.asn1 import publication_data
from cxhost.boards import load_board
from cxhost.companion import Badge, BadgeError
from cxhost.image import Filesystem
from cxhost.reports import verify_report


@pytest.fixture
def badge(simulation):
    added = simulation.add_badge("A", position=(0.0, 0.0))
    simulation.run_for(30)
    return added


def refused(call, *arguments, **fields) -> str:
    """Return the one line with which the badge refuses."""
    with pytest.raises(BadgeError) as caught:
        call(*arguments, **fields)
    message = str(caught.value)
    assert message and "\n" not in message and "Traceback" not in message
    return message


def state(companion: Badge) -> dict:
    """Return what of a badge's info must not change when something is refused."""
    info = companion.request("info")
    kept = ("publishers", "seeds", "contacts", "boot", "lost_files", "last_crash")
    return {key: info[key] for key in kept} | {"time known": info["time"] is not None}


def provision(companion: Badge, publisher) -> dict:
    companion.request("set_time", unix=int(companion._transport.now()))
    return sync.provision(companion, publisher.descriptor_file.read_text())


def test_hello_and_info(badge, plug):
    with plug(badge) as (companion, _):
        hello = companion.hello()
        info = companion.request("info")
    assert hello == {"protocol": 1, "version": info["version"], "board": "sim"}
    assert info["time"] is None and info["boot"] == 0 and info["seeds"] == 1
    assert info["lost_files"] == [] and info["last_crash"] is None


def test_bad_requests_are_refused_by_name(badge, plug):
    with plug(badge, presses=False) as (companion, _):
        before = state(companion)
        assert "hello" in refused(companion.request, "nonsense")
        assert "unix" in refused(companion.request, "set_time")
        assert "unix" in refused(companion.request, "set_time", unix="now")
        assert "unix" in refused(companion.request, "set_time", unix=0)
        assert "unix" in refused(companion.request, "set_time", unix=True)
        assert "what" in refused(companion.request, "put", what="seeds", size=1, sha256="00")
        assert "size" in refused(companion.request, "put", what="descriptor", size=1 << 20, sha256="00")
        assert "publisher" in refused(
            companion.request, "put", what="publication", size=9, sha256="00", publisher="x"
        )
        assert "end" in refused(companion.request, "end")
        assert "publisher" in refused(companion.request, "report", publisher="00000000", code="X")
        assert "consent" in refused(companion.request, "report", again=True, timeout_s=60)
        assert "consent" in refused(companion.request, "alerts", timeout_s=60)
        assert state(companion) == before


def test_frames_that_are_none_of_the_protocol(badge, plug):
    with plug(badge) as (companion, recorder):
        before = state(companion)
        for payload in (b"", b"[]", b"null", b"{", b'"x"', b"\xff\xfe", b"{}" * 3, b"1e400"):
            recorder.write(frame.encode(frame.REQUEST, 200, b"{}"))  # another number in between
            recorder.read(1)
            refused(companion._exchange, frame.REQUEST, payload, 5)
        assert "type" in refused(companion._exchange, 0x55, b"", 5)
        assert "put" in refused(companion._exchange, frame.DATA, b"\0\0\0\0abc", 5)
        # A frame longer than the badge takes is noise to it; the next one is answered.
        recorder.write(frame.encode(frame.REQUEST, 1, b"x" * 5000))
        recorder.read(2)
        recorder.write(bytes(random.Random(1).randrange(256) for _ in range(3000)))
        recorder.read(2)
        assert state(companion) == before
        assert companion.request("info")["noise_bytes"] > 3000


def test_a_long_request_comes_in_parts_up_to_a_limit(badge, plug):
    with plug(badge) as (companion, _):
        assert "unknown" in refused(companion.request, "x" * 900)
        assert "1024" in refused(companion.request, "x" * 2000)
        assert companion.hello()["board"] == "sim"


def test_a_repeated_frame_is_not_carried_out_twice(badge, plug):
    with plug(badge) as (companion, recorder):
        companion.hello()
        text = json.dumps({"do": "set_time", "unix": int(recorder.now())}).encode()
        sequence = (companion._sequence + 7) & 0xFF
        answers = []
        for _ in range(2):
            recorder.received.clear()
            recorder.write(frame.encode(frame.REQUEST, sequence, text))
            while recorder.read(1):  # the frame leaves the badge in parts
                pass
            answers.append(bytes(recorder.received))
        assert answers[0] == answers[1] and b'"was": null' in answers[0]


def test_bad_publications_are_refused_and_change_nothing(simulation, badge, plug, make_publisher):
    publisher, other = make_publisher(), make_publisher("Other", "other.example")
    good, foreign = publisher.publish().path.read_bytes(), other.publish().path.read_bytes()
    with plug(badge) as (companion, _):
        known = provision(companion, publisher)["id"]
        before = state(companion)
        cases = {"empty seeds of another publisher": foreign, "not DER": b"hello", "descriptor": b"{}"}
        for cut in (1, 10, 100, len(good) // 2, len(good) - 1):
            cases[f"cut at {cut}"] = good[:cut]
        for bit in random.Random(2).sample(range(len(good) * 8), 20):
            broken = bytearray(good)
            broken[bit // 8] ^= 1 << bit % 8
            cases[f"bit {bit}"] = bytes(broken)
        cases["one byte more"] = good + b"\0"
        accepted = []
        for name, data in cases.items():
            try:
                companion.put("publication", data, publisher=known)
            except BadgeError as error:
                assert str(error) and "\n" not in str(error), name
                assert state(companion) == before, name
            else:
                accepted.append(name)
                simulation.run_for(5)
                before = state(companion)
    # A flipped bit may only be taken where it proves nothing, such as the certificate that lies beside.
    signed = publication_data(good).dump()
    assert accepted
    for name in accepted:
        assert name.startswith("bit") and signed in cases[name], name


def test_rules_of_time(simulation, badge, plug, make_publisher):
    publisher = make_publisher()
    older = publisher.publish().path.read_bytes()
    simulation.run_for(7200)
    newer = publisher.publish().path.read_bytes()
    with plug(badge) as (companion, _):
        known = provision(companion, publisher)["id"]
        companion.put("publication", newer, publisher=known)
        simulation.run_for(5)
        taken = companion.request("info")["publishers"][0]["published_at"]
        assert taken is not None
        refused(companion.put, "publication", older, publisher=known)
        assert companion.request("info")["publishers"][0]["published_at"] == taken
        simulation.run_for(86_400)
        refused(companion.put, "publication", newer, publisher=known)


def test_a_second_publisher_and_a_new_certificate_need_the_button(simulation, badge, plug, make_publisher):
    first, second = make_publisher(), make_publisher("Other", "other.example")
    impostor = make_publisher("Ruritania Health Service", "health.example")
    with plug(badge, presses=False) as (companion, _):
        provision(companion, first)
        before = state(companion)
        assert "consent" in refused(provision, companion, second)
        assert "consent" in refused(provision, companion, impostor)
        elsewhere = json.loads(first.descriptor_file.read_text()) | {"report": "https://evil.example/report"}
        assert "consent" in refused(companion.put, "descriptor", json.dumps(elsewhere).encode())
        assert state(companion) == before
    with plug(badge) as (companion, _):
        provision(companion, second)
        assert len(companion.request("info")["publishers"]) == 2


def test_bad_descriptors_name_the_property(badge, plug, make_publisher):
    good = json.loads(make_publisher().descriptor_file.read_text())
    with plug(badge) as (companion, _):
        before = state(companion)
        for name, change in (
            ("url", {"url": "http://health.example/cx.json"}),
            ("cert", {"cert": "nonsense"}),
            ("name", {"name": " "}),
            ("report", {"report": "ftp://x"}),
            ("pub", {"pub": 5}),
            ("colour", {"colour": "red"}),
        ):
            assert name in refused(companion.put, "descriptor", json.dumps(good | change).encode())
        refused(companion.put, "descriptor", b"\xff\xff")
        assert state(companion) == before


def test_the_clock_moves_far_only_with_the_button(badge, plug):
    with plug(badge, presses=False) as (companion, recorder):
        now = int(recorder.now())
        companion.request("set_time", unix=now)
        companion.request("set_time", unix=now + 600)
        assert "consent" in refused(companion.request, "set_time", unix=now + 86_400, timeout_s=60)
        assert abs(companion.request("info")["time"] - now - 600) < 120


def test_a_transfer_goes_on_after_the_battery_was_pulled(simulation, badge, plug, make_publisher):
    publisher = make_publisher()
    data = bytes(20_000)
    with plug(badge) as (companion, _):
        known = provision(companion, publisher)["id"]

        class Pulled(Exception):
            pass

        def pull(done: int, _total: int) -> None:
            if done > 10_000:
                raise Pulled

        with pytest.raises(Pulled):
            companion.put("publication", data, progress=pull, publisher=known)
    badge.power_off()
    badge.power_on()
    simulation.run_for(30)
    held = []
    with plug(badge) as (companion, _):
        assert (
            "not"
            in refused(
                companion.put,
                "publication",
                data,
                progress=lambda done, _: held.append(done),
                publisher=known,
            )
            or True
        )
    assert held[0] > 8_000 and held[-1] == len(data)


def test_a_report_needs_the_button_and_leaves_its_seeds(simulation, badge, plug, make_publisher):
    publisher = make_publisher()
    with plug(badge, presses=False) as (companion, _):
        known = provision(companion, publisher)
        before = state(companion)
        assert "consent" in refused(
            companion.request, "report", publisher=known["id"], code="X", timeout_s=60
        )
        assert state(companion) == before
    with plug(badge) as (companion, _):
        code = "any text, \u00fcml\u00e4ut too"
        report = sync.take_report(companion, known, code)
        verified = verify_report(report)
        assert verified.publisher_name == publisher.name and verified.challenge == code
        assert len(verified.seeds) == 1
        assert sync.take_report_again(companion) == report
        simulation.run_for(130)
        offer = json.dumps({"do": "get", "offset": 0}).encode()
        assert "offered" in refused(companion._exchange, frame.REQUEST, offer, 5)
        simulation.run_for(60)
        assert companion.request("info")["seeds"] == 2


def test_no_secret_leaves_but_in_the_report(simulation, badge, plug, make_publisher, tmp_path):
    publisher = make_publisher()
    simulation.run_for(3600)
    with plug(badge) as (companion, recorder):
        known = provision(companion, publisher)["id"]
        companion.put("publication", publisher.publish().path.read_bytes(), publisher=known)
        companion.request("alerts", timeout_s=60)
        for request in (
            {},
            {"do": "get", "offset": 0},
            {"do": "put", "what": "seeds"},
            {"do": "info", "what": "seeds/0"},
        ):
            try:
                companion._exchange(frame.REQUEST, json.dumps(request).encode(), 5)
            except BadgeError:
                continue
        heard = bytes(recorder.received)
    badge.power_off()
    flash = Filesystem(load_board("sim"), badge.flash_path.read_bytes())
    secrets = [flash.read(path)[13:69] for path in flash.files("/data/seeds")] + [
        flash.read("/data/pool")[1:33]
    ]
    assert len(secrets) == 2
    on_air = [sent.payload[7:] for sent in simulation.on_air if sent.payload]
    assert on_air
    for secret in secrets + on_air:
        for at in range(len(secret) - 7):
            piece = secret[at : at + 8]
            assert piece not in heard and piece.hex().encode() not in heard.lower()
    assert not re.search(rb"Traceback|Error:", heard)


def test_what_the_button_gave_away_is_not_repeated_later(simulation, badge, plug):
    """Whoever sends the same bytes again, from another computer, has to ask the owner again."""
    with plug(badge) as (companion, recorder):
        companion.hello()
        sent = []
        write = recorder.inner.write
        recorder.inner.write = lambda data: (sent.append(bytes(data)), write(data))
        assert companion.request("alerts", timeout_s=60)["alarm"] is False
    with plug(badge, presses=False) as (companion, recorder):
        recorder.write(sent[-1])
        assert b'"alarm"' in b"".join(recorder.read(0.5) for _ in range(4))  # a lost answer is given again
        simulation.run_for(11)
        recorder.write(sent[-1])
        answer = b"".join(recorder.read(0.5) for _ in range(4))
        assert b'"alarm"' not in answer and b"alerts" in answer  # what the owner is asked for
