"""Confirmation codes: for people to read out, mistype and use once."""

import itertools
import re

import pytest

from cxhost.publisher import codes


def test_form_and_alphabet():
    for _ in range(200):
        code = codes.new_code()
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}", code)
        assert codes.is_well_formed(code)


def test_codes_differ_and_every_character_is_used():
    drawn = {codes.new_code() for _ in range(2000)}
    assert len(drawn) == 2000
    for position in range(codes.LENGTH):
        assert {codes.normal(code)[position] for code in drawn} == set(codes.ALPHABET)


def test_every_single_mistake_is_found():
    code = codes.normal(codes.new_code())
    for position, wrong in itertools.product(range(codes.LENGTH), codes.ALPHABET):
        if wrong != code[position]:
            assert not codes.is_well_formed(code[:position] + wrong + code[position + 1 :])


def test_every_exchange_of_two_characters_is_found():
    for code in (codes.normal(codes.new_code()) for _ in range(50)):
        for i, j in itertools.combinations(range(codes.LENGTH), 2):
            if code[i] != code[j]:
                wrong = list(code)
                wrong[i], wrong[j] = code[j], code[i]
                assert not codes.is_well_formed("".join(wrong))


@pytest.mark.parametrize(
    "spoken",
    ["7k3m 9qxt 2hvd", "7K3M\u20139QXT\u20112HVD", " 7K3M9QXT2HVD\n", "\uff17\uff2b\uff13\uff2d-9QXT-2HVD"],
)
def test_ways_to_type_it(spoken):
    assert codes.normal(spoken) == "7K3M9QXT2HVD"


def test_look_alikes_are_the_same():
    assert codes.normal("oil-OIL") == "011011"


@pytest.mark.parametrize(
    "typed", ["", "-", "7K3M", "x" * 100_000, "\ud800" * 12, "U" * 12, "é" * 12, "\0" * 12]
)
def test_what_is_no_code(typed):
    assert not codes.is_well_formed(typed)
    assert len(codes.lookup(bytes(32), typed)) == 32


def test_lookup_depends_on_the_key_and_not_on_the_spelling():
    code = codes.new_code()
    assert codes.lookup(bytes(32), code) == codes.lookup(bytes(32), code.lower().replace("-", " "))
    assert codes.lookup(bytes(32), code) != codes.lookup(b"\x01" * 32, code)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "There is no code"),
        (" - ", "There is no code"),
        ("7K3M-9QXT-2HV", "12 letters and digits, this one has 11"),
        ("7K3M 9QXT 2HVD 5", "this one has 13"),
        ("7K3M-9QXT-2HV\u00df", "this one has 13"),  # capital SS
        ("7K3M-9QXT-2HVU", "1 of its characters"),
        ("x" * 1000, "more than 200"),
        ("0000-0000-0001", "check character"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_of_it_shown(typed, said):
    text = codes.mistake(typed)
    assert said in text
    assert not typed.strip(" -") or typed not in text
