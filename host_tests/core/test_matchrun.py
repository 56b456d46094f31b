"""A list's way to matches: each seed once, levels and publishers, windows, resets, random populations."""

import random

from badge_world import DAY_S, TODAY, World, identifiers, listed
from cx import extensions, knownseeds, sorting
from cx.levels import DEBUG_ALERT, DIAGNOSED, EXPIRED, NO_ALERT, SYMPTOMATIC
from cx.matcher import SLICE_IDS
from memory_files import MemoryFiles, PowerCut

PARTIAL = "20260412110000Z"


def seed_of(number: int, kind: int = 1) -> bytes:
    return bytes([number & 0xFF, number >> 8 & 0xFF, number >> 16]) + bytes(range(24 * kind - 3))


A, B, C = seed_of(1), seed_of(2), seed_of(3)
USED = (TODAY, 8)


def short(*groups, excludes: str = "") -> bytes:
    """Return a list whose seeds have all eight used identifiers."""
    return listed(*groups, excludes=excludes, usages=[[USED] * len(seeds) for _, _, seeds in groups])


def met(*seeds) -> World:
    world = World()
    for seed in seeds:
        world.meet(identifiers(1, seed, 3)[2], start_s=7200)
    return world


def test_a_seed_is_matched_once_and_its_level_is_looked_up():
    world = met(A).run("p", short((DIAGNOSED, 1, [A, B])))
    assert (world.progress.new_seeds, world.levels()) == (2, [DIAGNOSED])
    for level in (SYMPTOMATIC, NO_ALERT, DEBUG_ALERT, DIAGNOSED):
        world.run("p", short((level, 1, [A, B])))
        assert (world.progress.new_seeds, world.progress.ids, world.levels()) == (0, 0, [level])
    world.run("p", short((9, 1, [A]), (DIAGNOSED, 1, [B])))
    assert world.levels() == [3]


def test_partial_lists_add_and_replace():
    world = met(A, B).run("p", short((DIAGNOSED, 1, [A])))
    world.run("p", short((SYMPTOMATIC, 1, [B]), excludes=PARTIAL))
    assert (world.progress.new_seeds, world.levels()) == (1, [SYMPTOMATIC, DIAGNOSED])
    world.run("p", short((EXPIRED, 1, [A]), excludes=PARTIAL))
    assert (world.progress.new_seeds, world.levels()) == (0, [SYMPTOMATIC])
    world.run("p", short((DIAGNOSED, 1, [A]), excludes=PARTIAL))  # back without another regeneration
    assert (world.progress.new_seeds, world.levels()) == (0, [SYMPTOMATIC, DIAGNOSED])


def test_a_full_list_without_a_seed_withdraws_it():
    world = met(A).run("p", short((DIAGNOSED, 1, [A, B])))
    assert world.run("p", short((DIAGNOSED, 1, [B]))).levels() == []
    world.run("p", short((DIAGNOSED, 1, [A, B])))  # back without another regeneration
    assert (world.progress.new_seeds, world.levels()) == (0, [DIAGNOSED])
    assert world.run("p", listed()).levels() == []


def test_old_seeds_are_forgotten_when_they_are_most():
    old = [seed_of(i) for i in range(1100)]
    world = met(A).run("p", short((DIAGNOSED, 1, [B])))
    world.files.data["known/p"] = b"".join(
        sorted([knownseeds.key_of(1, seed, extensions.encode_usage(USED)) for seed in old])
    )
    world.run("p", short((DIAGNOSED, 1, [B, C])))
    assert len(world.files.data["known/p"]) == 2 * knownseeds.KEY_LEN
    world.run("p", short((DIAGNOSED, 1, [A, B, C])))
    assert (world.progress.new_seeds, world.levels()) == (1, [DIAGNOSED])


def test_another_usage_is_matched_anew_and_replaces_the_match():
    world = met(A).run("p", listed((DIAGNOSED, 1, [A]), usages=[[(TODAY, 8)]]))
    assert world.levels() == [DIAGNOSED]
    world.run("p", listed((DIAGNOSED, 1, [A]), usages=[[(TODAY, 2)]]))  # the one that was met is not of it
    assert (world.progress.new_seeds, world.levels()) == (1, [])
    world.run("p", listed((SYMPTOMATIC, 1, [A]), usages=[[(TODAY, 9)]], excludes=PARTIAL))
    assert (world.progress.new_seeds, world.levels()) == (1, [SYMPTOMATIC])


def test_two_publishers_one_person():
    world = met(A).run("p", short((SYMPTOMATIC, 1, [A])))
    world.run("q", short((DIAGNOSED, 1, [A])))
    assert world.progress.new_seeds == 0
    people = world.people()
    assert [(one.level, one.publishers) for one in people] == [(DIAGNOSED, ["p", "q"])]
    assert people[0].assessment.contacts == 1
    world.run("q", short((DIAGNOSED, 1, [B])))
    assert [(one.level, one.publishers) for one in world.people()] == [(SYMPTOMATIC, ["p"])]
    world.run("p", listed())
    assert world.people() == []


def test_only_used_identifiers_count():
    world = World()
    ids = identifiers(1, A, 9)
    world.meet(ids[8], start_s=7200)
    world.run("p", short((DIAGNOSED, 1, [A])))
    assert (world.progress.ids, world.people()) == (8, [])
    world.run("p", listed((DIAGNOSED, 1, [A])))  # another usage: none known, so the whole chain
    assert (world.progress.ids, world.levels()) == (2048, [DIAGNOSED])


def test_only_contacts_inside_the_window_count():
    for day, counts in ((-2, 0), (-1, 1), (0, 1), (2, 1), (3, 0), (9, 0)):
        world = World()
        world.began[1] = (TODAY + day) * DAY_S
        world.meet(identifiers(1, A, 1)[0], start_s=3600)
        world.run("p", short((DIAGNOSED, 1, [A])))
        assert len(world.people()) == counts, day
        world.began.clear()  # nothing known of the date: it counts, and is said
        assert [one.assessment.undated for one in world.people()] == [1]


def test_contacts_past_retention_do_not_count():
    world = met(A).run("p", short((DIAGNOSED, 1, [A])))
    world.now_s = (TODAY + 14) * DAY_S
    assert len(world.people()) == 1
    world.now_s += 7200
    assert world.people() == []


def test_a_seed_named_twice_counts_once():
    world = met(A).run(
        "p", short((SYMPTOMATIC, 1, [A]), (DIAGNOSED, 1, [seed_of(100 + i) for i in range(100)] + [A]))
    )
    assert [(one.level, one.assessment.contacts) for one in world.people()] == [(DIAGNOSED, 1)]


def test_another_engine_starts_the_run_again():
    document = short((DIAGNOSED, 1, [seed_of(i) for i in range(100)]))
    world = met(seed_of(7))
    # stopped when something was found, and the place saved
    world.files.writes_left = 2
    try:
        world.run("p", document)
    except PowerCut:
        pass
    world.files.writes_left = -1
    world.engine = "second"
    world.run("p", document)
    assert (world.progress.ids, world.levels()) == (800, [DIAGNOSED])


def population(generator: random.Random, pool: list) -> None:
    """Match a random list against a random log and compare with sets."""
    world = World(64 if generator.random() < 0.5 else 1024)
    has_matches = generator.random() < 0.5
    seeds = [generator.choice(pool) for _ in range(generator.randint(1, 6))]
    for _ in range(generator.randint(1, 40)):
        _, ids = generator.choice(pool)
        contact_id = (
            generator.choice(ids) if has_matches else bytes([generator.randint(0, 255) for _ in range(16)])
        )
        world.meet(contact_id, 3600 + 600 * len(world.records))
    world.run("p", short((DIAGNOSED, 1, [seed for seed, _ in seeds])))
    expected = {
        (seed, ids.index(record[:16]), record)
        for seed, ids in seeds
        for record in world.records
        if record[:16] in ids[:8]
    }
    assert world.matches("p") == sorted(expected)
    assert sum([one.assessment.contacts for one in world.people()]) == len(expected)


def populations(count: int, start: int = 0) -> None:
    """Run so many random populations."""
    generator = random.Random(start) if hasattr(random, "Random") else random
    if generator is random:
        random.seed(start)
    pool = [(seed_of(1000 + i), identifiers(1, seed_of(1000 + i), 12)) for i in range(12)]
    for _ in range(count):
        population(generator, pool)


def test_random_populations():
    populations(60)


def test_killed_at_every_write():
    seeds = [seed_of(i) for i in range(150)]
    document = short((DIAGNOSED, 1, seeds), (SYMPTOMATIC, 1, [A]))

    def fresh() -> World:
        world = met(seeds[0], seeds[50], seeds[149])
        return world.run("p", short((NO_ALERT, 1, [seed_of(900)])))

    world = fresh()
    before = world.files.writes
    world.run("p", document)
    expected, writes = summary(world), world.files.writes - before
    assert len(expected) == 3
    for cut in range(writes):
        world = fresh()
        world.files.writes_left = cut
        try:
            world.run("p", document)
            raise AssertionError("the power was not cut")
        except PowerCut:
            pass
        world.files.writes_left = -1
        world.run("p", document)
        assert summary(world) == expected, cut
        assert sorted(world.files.data) == ["known/p", "matches/p"]


def summary(world: World) -> list:
    return sorted([str(sorted(one.describe().items())) for one in world.people()])


def test_killed_at_random_slices_loses_little():
    """Long chains and a filter full of false candidates: the place is kept within a chain as well."""
    length = 2048
    world = World(64)
    world.checkpoint_ids = 1024
    for number in range(64):
        world.meet(bytes([number * 5 & 0xFF, number]) * 8)
    usages = [[(TODAY, length)] * 3, [(TODAY, length)]]
    document = listed((DIAGNOSED, 1, [A, B, C]), (DIAGNOSED, 2, [seed_of(5, 2)]), usages=usages)
    world.meet(identifiers(1, B, 3)[2])
    random.seed(3)
    kills = runs = 0
    while kills < 8:
        world.files = MemoryFiles()
        world.total_ids = kills_of_run = 0
        left = 1
        while left:
            left = random.randint(3, 12)
            for _ in world.steps("p", document):
                left -= 1
                if not left:
                    kills_of_run += 1
                    left = -1
                    break
            left = 1 if left == -1 else 0
        kills += kills_of_run
        runs += 1
        assert world.levels() == [DIAGNOSED]
        assert world.total_ids <= 4 * length + kills_of_run * (world.checkpoint_ids + 2 * SLICE_IDS)
    assert runs


def sorted_into(files: MemoryFiles, keys: list, most: int = 10000, is_new_set: bool = False) -> list:
    """Add keys to the set of known seeds; return the keys of the new set."""
    files.data["known/p.fresh"] = b"".join(keys)
    for _ in sorting.add_fresh(files, "p", is_new_set, most):
        pass
    files.rename("known/p.next", "known/p")
    assert sorted(files.data) == ["known/p", "known/p.fresh"]
    data = files.data["known/p"]
    return [data[at : at + knownseeds.KEY_LEN] for at in range(0, len(data), knownseeds.KEY_LEN)]


def test_known_seeds_are_found_and_others_are_not():
    files = MemoryFiles()
    keys = [
        knownseeds.key_of(1, bytes([i * 7 & 0xFF, i >> 4 & 0xFF, i & 15]) * 8, b"abcd") for i in range(3000)
    ]
    assert sorted_into(files, keys[:2500] + keys[:100]) == sorted(keys[:2500])
    table = knownseeds.KnownSeeds(files.open("known/p", "rb"))
    for at, key in enumerate(keys):
        assert (key in table) == (at < 2500)
    for key in sorted(keys[:2500]):
        assert key in table
    assert sorted_into(files, sorted(keys[2400:2600])) == sorted(keys[:2600])
    assert sorted_into(files, keys[2600:], most=2700) == sorted(keys[2600:])  # the old ones are forgotten
    assert sorted_into(files, keys, most=50) == sorted(keys)[:50]
    assert sorted_into(files, keys[:9], is_new_set=True) == sorted(keys[:9])
    for size in (0, 1, 2):
        files.data["few"] = b"".join(sorted(keys[:size]))
        table = knownseeds.KnownSeeds(files.open("few", "rb"))
        assert [key in table for key in keys[:4]] == [at < size for at in range(4)]
