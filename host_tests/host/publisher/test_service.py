"""The rules for reports and the editions that follow from them (protocol sections 4 and 5)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from publisher_support import NAME, Owner, dump

from cxhost.asn1 import publication_data
from cxhost.publisher import AlertLevel, Publisher, PublisherError, Reason, ReportRefused

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def refusal(publisher: Publisher, der: bytes) -> Reason:
    """Return why a report is refused; fail if it is taken, or if the refusal leaves a trace."""
    before = dump(publisher)
    with pytest.raises(ReportRefused) as caught:
        publisher.accept_report(der)
    assert dump(publisher) == before
    return caught.value.reason


def listed(publisher: Publisher) -> dict[tuple[int, int], set[bytes]]:
    """Return what the publication file says: (level, type) to seeds."""
    data = publication_data(publisher.publication_file.read_bytes()).native
    sizes = {1: 24, 2: 48}
    found = {}
    for one in data["notifications"]:
        size, joined = sizes[one["generator_type"]], one["seed_values"]
        seeds = [joined[i : i + size] for i in range(0, len(joined), size)]
        assert len(set(seeds)) == len(seeds)
        found[one["alert_level"], one["generator_type"]] = set(seeds)
    return found


def test_report_is_published(publisher):
    owner = Owner(seeds=3)
    accepted = publisher.accept_report(owner.report(publisher.issue_code()))
    assert (accepted.seeds, accepted.new_seeds, accepted.level) == (3, 3, AlertLevel.DIAGNOSED)
    edition = publisher.publish()
    assert edition.counts == {(5, 1): 3}
    assert edition.files[edition.path] == edition.path.stat().st_size
    assert listed(publisher) == {(5, 1): set(owner.seed_values())}


def test_both_types_and_several_levels_are_grouped(publisher):
    one, two, three = Owner(), Owner(), Owner()
    two.seeds[0].generator_type, two.seeds[0].preseed = 2, bytes(range(48))
    for owner, level in ((one, 5), (two, 5), (three, AlertLevel.SYMPTOMATIC)):
        publisher.accept_report(owner.report(publisher.issue_code(level)))
    assert publisher.publish().counts == {(5, 2): 1, (5, 1): 1, (4, 1): 1}


def test_dates_of_a_publication(publisher, clock):
    publisher.publish()
    data = publication_data(publisher.publication_file.read_bytes()).native
    assert data["published_at"] == clock.now.replace(microsecond=0)
    assert data["next_update_not_before"] - data["published_at"] == timedelta(minutes=30)
    assert data["next_update_not_after"] - data["published_at"] == timedelta(hours=1)
    assert data["excludes_published_before"] is None
    base = publisher.url.replace("cx.json", "pub/")
    assert data["update_urls"] == [base + "2026041210", base + "2026041200", base + "full"]
    assert data["notifications"] == []


def test_published_at_grows_even_when_the_clock_does_not(publisher, clock):
    times = [publisher.publish().published_at for _ in range(3)]
    clock.pass_time(hours=-2)
    times.append(publisher.publish().published_at)
    assert times == [times[0] + timedelta(seconds=n) for n in range(4)]


def test_withdrawn_diagnosis(publisher):
    owner = Owner()
    code = publisher.issue_code()
    publisher.accept_report(owner.report(code))
    publisher.publish()
    publisher.set_level(code.lower(), AlertLevel.NO_ALERT)
    assert listed(publisher) == {(5, 1): set(owner.seed_values())}
    assert publisher.status()["waiting"] == 1
    publisher.publish()
    assert listed(publisher) == {(0, 1): set(owner.seed_values())}
    assert publisher.status()["waiting"] == 0


def test_expired_level_and_old_seeds_are_left_out(publisher, clock):
    first, second = Owner(), Owner()
    code = publisher.issue_code()
    publisher.accept_report(first.report(code))
    clock.pass_time(days=10)
    publisher.accept_report(second.report(publisher.issue_code()))
    publisher.publish()
    assert len(listed(publisher)[5, 1]) == 2
    clock.pass_time(days=5, seconds=1)
    publisher.publish()
    assert listed(publisher) == {(5, 1): set(second.seed_values())}
    clock.pass_time(days=10)
    publisher.publish()
    assert listed(publisher) == {}


def test_case_set_to_expired_is_left_out(publisher):
    code = publisher.issue_code()
    publisher.accept_report(Owner().report(code))
    publisher.set_level(code, AlertLevel.EXPIRED)
    publisher.publish()
    assert listed(publisher) == {}


def test_mistyped_and_unknown_codes(publisher):
    code = publisher.issue_code()
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert refusal(publisher, Owner().report(wrong)) is Reason.CODE_MISTYPED
    assert refusal(publisher, Owner().report("")) is Reason.CODE_MISTYPED
    assert refusal(publisher, Owner().report("0000-0000-0000")) is Reason.CODE_UNKNOWN


def test_code_expires_after_a_day(publisher, clock):
    one, two = publisher.issue_code(), publisher.issue_code()
    clock.pass_time(hours=24, seconds=-1)
    publisher.accept_report(Owner().report(one))
    clock.pass_time(seconds=1)
    assert refusal(publisher, Owner().report(two)) is Reason.CODE_EXPIRED
    assert publisher.code_state(two).state == "expired"


def test_code_is_used_once(publisher):
    code = publisher.issue_code()
    publisher.accept_report(Owner().report(code))
    assert refusal(publisher, Owner().report(code)) is Reason.CODE_USED


def test_owner_adds_seeds_later(publisher, clock):
    owner, code = Owner(), publisher.issue_code()
    publisher.accept_report(owner.report(code))
    publisher.publish()
    owner.more(2)
    clock.pass_time(days=7)
    again = publisher.accept_report(owner.report(code))
    assert (again.seeds, again.new_seeds) == (3, 2)
    publisher.publish()
    assert listed(publisher) == {(5, 1): set(owner.seed_values())}
    owner.more()
    clock.pass_time(days=7)
    assert refusal(publisher, owner.report(code)) is Reason.CODE_EXPIRED
    assert publisher.code_state(code).state == "closed"


def test_same_report_twice_changes_nothing(publisher):
    owner, code = Owner(seeds=2), publisher.issue_code()
    der = owner.report(code)
    publisher.accept_report(der)
    before = dump(publisher)
    again = publisher.accept_report(der)
    assert (again.seeds, again.new_seeds) == (2, 0)
    assert dump(publisher) == before


def test_seed_given_twice_in_one_report_counts_once(publisher):
    owner, code = Owner(), publisher.issue_code()
    owner.seeds *= 2
    assert publisher.accept_report(owner.report(code)).seeds == 1
    assert publisher.publish().counts == {(5, 1): 1}


def test_most_recently_issued_code_decides(publisher, clock):
    owner = Owner()
    older = publisher.issue_code(AlertLevel.SYMPTOMATIC)
    clock.pass_time(minutes=1)
    newer = publisher.issue_code(AlertLevel.DIAGNOSED)
    publisher.accept_report(owner.report(newer))
    publisher.accept_report(owner.report(older))  # reported later, issued earlier: does not decide
    publisher.publish()
    assert listed(publisher) == {(5, 1): set(owner.seed_values())}
    publisher.set_level(older, AlertLevel.NO_ALERT)
    publisher.publish()
    assert listed(publisher) == {(5, 1): set(owner.seed_values())}
    clock.pass_time(minutes=1)
    publisher.accept_report(owner.report(publisher.issue_code(AlertLevel.SYMPTOMATIC)))
    publisher.publish()
    assert listed(publisher) == {(4, 1): set(owner.seed_values())}


def test_report_for_another_publisher(publisher):
    code = publisher.issue_code()
    for name in ("Borduria Health", NAME.lower(), NAME + " ", ""):
        assert refusal(publisher, Owner(name=name).report(code)) is Reason.WRONG_NAME
    assert publisher.code_state(code).state == "ready"


def test_damaged_reports_change_nothing(publisher):
    der = Owner().report(publisher.issue_code())
    assert refusal(publisher, der[:-1] + bytes([der[-1] ^ 1])) is Reason.WRONG_SIGNATURE
    assert refusal(publisher, der[:-1]) is Reason.NOT_A_REPORT
    assert refusal(publisher, b"garbage") is Reason.NOT_A_REPORT
    assert refusal(publisher, bytes(publisher.settings.max_report_bytes + 1)) is Reason.TOO_LARGE


def test_two_owners_at_once_under_one_code(publisher):
    """However they race, one code opens one case."""
    code = publisher.issue_code()
    owners = [Owner() for _ in range(4)]
    outcome: list[object] = []

    def send(owner: Owner) -> None:
        try:
            outcome.append(publisher.accept_report(owner.report(code)))
        except ReportRefused as refused:
            outcome.append(refused.reason)

    threads = [threading.Thread(target=send, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcome.count(Reason.CODE_USED) == 3
    assert publisher.publish().counts == {(5, 1): 1}


def test_two_publishers_at_once_never_go_back(publisher):
    times: list[object] = []
    threads = [
        threading.Thread(target=lambda: times.append(publisher.publish().published_at)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(times)) == 4
    data = publication_data(publisher.publication_file.read_bytes()).native
    assert data["published_at"] == max(times)


def test_codes_and_seeds_are_not_in_clear_in_the_database(publisher):
    owner, code = Owner(), publisher.issue_code()
    publisher.accept_report(owner.report(code))
    text = "\n".join(dump(publisher)).upper()
    assert code not in text
    assert code.replace("-", "") not in text
    assert owner.seeds[0].preseed.hex().upper() not in text


def test_opened_again_it_goes_on(publisher, clock):
    owner, code = Owner(), publisher.issue_code()
    first = publisher.publish()
    publisher.close()
    with Publisher.open(publisher.directory, clock) as again:
        again.accept_report(owner.report(code))
        assert again.publish().published_at > first.published_at
        assert listed(again) == {(5, 1): set(owner.seed_values())}
        assert again.status()["seeds"] == {5: 1}


def test_unknown_code_has_no_state_and_no_level(publisher):
    before = dump(publisher)
    for typed, said in (("0000-0000-0000", "not known"), ("0000-0000-0001", "mistyped")):
        with pytest.raises(PublisherError, match=said):
            publisher.set_level(typed, AlertLevel.NO_ALERT)
        with pytest.raises(PublisherError, match=said):
            publisher.code_state(typed)
    with pytest.raises(PublisherError, match="valid"):
        publisher.issue_code(valid_for=timedelta(0))
    assert dump(publisher) == before


def test_seeds_are_in_an_order_that_tells_nothing(publisher):
    """In 20 reports of one seed each, the order of the list is that of the seeds, not of arrival."""
    owners = [Owner() for _ in range(20)]
    for owner in owners:
        publisher.accept_report(owner.report(publisher.issue_code()))
    publisher.publish()
    data = publication_data(publisher.publication_file.read_bytes()).native
    joined = data["notifications"][0]["seed_values"]
    arrived = b"".join(owner.seed_values()[0] for owner in owners)
    assert len(joined) == len(arrived)
    assert joined != arrived
    seeds = [joined[at : at + 24] for at in range(0, len(joined), 24)]
    assert seeds == sorted(seeds)


def test_publish_if_due(publisher, clock):
    first = publisher.publish_if_due()
    assert first is not None
    clock.pass_time(minutes=29, seconds=59)
    assert publisher.publish_if_due() is None
    clock.pass_time(seconds=1)
    second = publisher.publish_if_due()
    assert second is not None
    assert second.published_at == clock.now.replace(microsecond=0)
    assert second.published_at < first.next_update_not_after
