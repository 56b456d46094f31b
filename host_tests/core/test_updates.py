"""When and from where a publication is fetched next."""

from cx import publication, updates

AT = 1775995200  # 2026-04-12T12:00:00Z
PUB = "https://health.example/pub/full"
HOUR = "https://health.example/pub/2026041212"
DAY = "http://cdn.example/pub/2026041200"
DAY_S = 86400


class Header:
    published_at = AT
    next_update_not_before = AT + 1800
    next_update_not_after = AT + 3600
    update_urls = [HOUR, DAY, PUB]


def plan(**different):
    made = publication.remember(Header())
    made.update(different)
    return made


def test_the_walk_goes_through_the_update_urls_and_ends_at_the_original_one():
    assert updates.walk(plan(), PUB, AT) == [HOUR, DAY, PUB]
    assert updates.walk(plan(urls=[HOUR, HOUR]), PUB, AT) == [HOUR, PUB]
    assert updates.walk(plan(urls=[]), PUB, AT) == [PUB]
    assert updates.walk(None, PUB, None) == [PUB]


def test_a_plan_of_another_publication_is_not_followed():
    assert updates.walk(plan(), PUB, AT - 1) == [PUB]
    assert updates.walk(plan(), PUB, None) == [PUB]


def test_what_is_no_web_address_is_passed_over():
    urls = ["ftp://x/y", "", "file:///data/seeds", "/pub/full", "HTTPS://cdn.example/x"]
    assert updates.walk(plan(urls=urls), PUB, AT) == ["HTTPS://cdn.example/x", PUB]


def test_a_file_is_asked_for_only_if_it_is_not_the_one_taken_last():
    noted = updates.note_validators(plan(), HOUR, '"abc"', "Sun, 12 Apr 2026 12:00:00 GMT")
    assert updates.conditions(noted, HOUR, AT) == {
        "If-None-Match": '"abc"',
        "If-Modified-Since": "Sun, 12 Apr 2026 12:00:00 GMT",
    }
    assert updates.conditions(noted, DAY, AT) == {}
    # The list of that file was dropped since: it must come again.
    assert updates.conditions(noted, HOUR, AT - 60) == {}
    assert updates.conditions(noted, HOUR, None) == {}
    assert updates.conditions(None, HOUR, AT) == {}
    again = updates.note_validators(noted, DAY, "", "")
    assert again == plan() and updates.conditions(again, DAY, AT) == {}


def test_a_validator_that_could_end_a_header_is_left_out():
    for bad in ('"a"\r\nHost: x', "a" * 129, "\x00", "\u20ac"):
        assert "etag" not in updates.note_validators(plan(), HOUR, bad, "")
    assert updates.note_validators(plan(), HOUR, "a" * 128, "")["etag"] == "a" * 128


def test_not_before_next_update_not_before_and_a_delay():
    assert updates.fetch_at(plan(), AT, 60) == AT + 1860
    assert updates.fetch_at(plan(), AT + 7200, 60) == AT + 7200
    assert updates.fetch_at(None, AT, 60) == AT


def test_a_next_update_more_than_a_day_ahead_is_ignored():
    assert updates.fetch_at(plan(not_before=AT + DAY_S), AT, 60) == AT + DAY_S + 60
    assert updates.fetch_at(plan(not_before=AT + DAY_S + 1), AT, 60) == AT


def test_an_unchanged_list_is_current_until_it_is_stale():
    assert updates.is_current(plan(), AT + 3600)
    assert not updates.is_current(plan(), AT + 3601)
    assert updates.is_current(plan(), None)


def test_back_off_doubles_and_ends():
    waits = [updates.back_off_s(failures, 0) for failures in range(9)]
    assert waits == [0, 900, 1800, 3600, 7200, 14400, 28800, 43200, 43200]
    assert updates.back_off_s(1000000, 0) == 43200
    for failures in range(1, 9):
        longest = updates.back_off_s(failures, 255)
        assert waits[failures] * 12 // 10 <= longest <= waits[failures] * 5 // 4


def test_a_date_from_the_network_lies_where_a_signed_list_says():
    good = plan()
    assert updates.is_date_plausible(AT, good)
    assert updates.is_date_plausible(AT - 300, good)
    assert not updates.is_date_plausible(AT - 301, good)
    assert updates.is_date_plausible(AT + 3600 + DAY_S, good)
    assert not updates.is_date_plausible(AT + 3601 + DAY_S, good)


def test_a_list_that_claims_to_be_valid_for_ever_is_no_evidence_for_ever():
    assert not updates.is_date_plausible(AT + 9 * DAY_S, plan(not_after=AT + 4000 * DAY_S))
    assert updates.is_date_plausible(AT + DAY_S, plan(not_after=0))


def test_a_list_shows_that_a_date_is_behind():
    assert updates.is_behind(None, plan())
    assert updates.is_behind(AT - 301, plan())
    assert not updates.is_behind(AT - 300, plan())
