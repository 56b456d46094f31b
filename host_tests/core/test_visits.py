"""Sightings to visits to contacts, in a table that nobody can flood."""

import gc
import sys

from cx.visits import Allowance, Visits

ID = bytes(range(1, 17))
OTHER = bytes(range(2, 18))


def number(n: int) -> bytes:
    """Return an identifier that no other number has."""
    return n.to_bytes(16, "little")


def table(limit: int = 64, scans: int = 2) -> tuple:
    found: list = []
    return Visits(limit, 60, scans, 3, found.append), found


def scan(visits: Visits, now_s: int, heard: dict, is_tagged: bool = False) -> None:
    for contact_id, attenuation_db in heard.items():
        visits.heard(contact_id, attenuation_db)
    visits.end_scan(now_s, is_tagged)


def test_a_visit_lasts_from_first_to_last_sighting_and_one_period():
    visits, found = table()
    for second, attenuation_db in ((100, 50), (160, 44), (220, 56)):
        scan(visits, second, {ID: attenuation_db})
        visits.close(second, 240, 900)
    visits.close(459, 240, 900)
    assert not found and len(visits) == 1
    visits.close(460, 240, 900)
    (closed,) = found
    assert (closed.contact_id, closed.boot, closed.start_s, closed.duration_s) == (ID, 3, 100, 180)
    assert (closed.least_db, closed.mean_db, closed.is_tagged) == (44, 50, False)
    assert len(visits) == 0


def test_the_strongest_packet_of_a_scan_counts():
    visits, found = table(scans=1)
    for attenuation_db in (60, 48, 70):
        visits.heard(ID, attenuation_db)
    visits.end_scan(0, False)
    visits.split()
    assert (found[0].least_db, found[0].mean_db) == (48, 48)


def test_what_only_one_scan_heard_earns_no_record():
    visits, found = table()
    scan(visits, 0, {ID: 50})
    scan(visits, 60, {})
    scan(visits, 120, {})
    visits.split()
    visits.close(1000, 240, 900)
    assert found == [] and visits.brief == 1 and len(visits) == 0


def test_one_missed_scan_is_forgiven():
    visits, found = table()
    scan(visits, 0, {ID: 50})
    scan(visits, 60, {})
    scan(visits, 120, {ID: 50})
    visits.close(1000, 240, 900)
    assert [(one.start_s, one.duration_s) for one in found] == [(0, 180)]


def test_split_reports_and_goes_on():
    visits, found = table()
    for second in (0, 60, 120):
        scan(visits, second, {ID: 50})
    visits.split()
    visits.split()
    scan(visits, 180, {ID: 40})
    visits.close(1000, 240, 900)
    assert [(one.start_s, one.duration_s, one.least_db) for one in found] == [(0, 180, 50), (180, 60, 40)]


def test_a_split_visit_that_is_not_heard_again_is_not_reported_twice():
    visits, found = table()
    for second in (0, 60):
        scan(visits, second, {ID: 50})
    visits.split()
    visits.close(1000, 240, 900)
    assert len(found) == 1 and len(visits) == 0


def test_an_identifier_that_stays_gives_several_records():
    visits, found = table()
    for second in range(0, 3600, 60):
        scan(visits, second, {ID: 50})
        visits.close(second, 240, 900)
    visits.close(5000, 240, 900)
    assert sum(one.duration_s for one in found) == 3600
    assert max(one.duration_s for one in found) <= 960


def test_the_tag_covers_the_visits_of_its_time():
    visits, found = table()
    for second in range(0, 600, 60):
        heard = {ID: 50}
        if second >= 240:
            heard[OTHER] = 50
        scan(visits, second, heard, is_tagged=second < 180)
    visits.close(2000, 240, 900)
    assert {one.contact_id: one.is_tagged for one in found} == {ID: True, OTHER: False}


def test_a_flood_of_brief_ones_leaves_those_who_stay():
    visits, found = table(limit=256)
    sprayed = 0
    for round_ in range(60):
        heard = {ID: 50} if round_ % 12 else {}
        for i in range(100):
            sprayed += 1
            heard[number(sprayed)] = 40
            if i == 50 and round_ >= 20:
                heard[OTHER] = 70
        scan(visits, round_ * 60, heard)
        visits.close(round_ * 60, 240, 900)
        assert len(visits) <= 256
    visits.close(100_000, 240, 900)
    assert {one.contact_id for one in found} == {ID, OTHER}
    assert visits.brief + visits.no_room >= sprayed - 256
    assert sum(one.duration_s for one in found if one.contact_id == OTHER) >= 38 * 60


def test_a_full_table_keeps_the_strongest_and_reports_what_gave_way():
    visits, found = table(limit=64)
    crowd = {number(n): 80 for n in range(1, 65)}
    for second in (0, 60, 120):
        scan(visits, second, crowd)
    scan(visits, 180, {ID: 71, OTHER: 70})
    assert visits.no_room == 1 and visits.crowded_out == 1
    assert len(found) == 1 and found[0].duration_s == 180 and found[0].least_db == 80
    scan(visits, 240, {OTHER: 70})
    visits.split()
    assert OTHER in [one.contact_id for one in found] and ID not in [one.contact_id for one in found]


def test_an_identifier_across_two_slots_is_not_taken_for_one():
    visits, _ = table()
    scan(visits, 0, {ID: 50, OTHER: 50})
    across = ID[8:] + OTHER[:8]
    scan(visits, 60, {across: 60})
    assert len(visits) == 3


def test_the_table_takes_its_memory_once():
    if not hasattr(gc, "mem_alloc") or sys.platform == "webassembly":
        return  # CPython counts otherwise; the browser's build collects only when its host is idle
    visits, _ = table(limit=256)
    sprayed = 0
    alive = []
    for round_ in range(30):
        for _ in range(300):
            sprayed += 1
            visits.heard(number(sprayed), 60)
        visits.end_scan(round_ * 60, False)
        gc.collect()
        alive.append(gc.mem_alloc())
    assert alive[-1] - alive[5] < 256


def test_the_allowance_bounds_a_day_and_keeps_a_share_for_what_matters():
    allowance = Allowance(per_day=8640, burst=100)
    assert sum(allowance.take(0, True) for _ in range(200)) == 75
    assert sum(allowance.take(0, False) for _ in range(200)) == 25
    assert allowance.refused == 300
    assert [allowance.take(10, False), allowance.take(10, False)] == [True, False]
    day = sum(allowance.take(second, False) for second in range(20, 86420))
    assert 8640 <= day <= 8641
