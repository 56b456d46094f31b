"""Strict JSON: one meaning on both runtimes, or an error."""

from cx.errors import FormatError
from cx.strictjson import loads
from support import raises


def test_values():
    for text, value in (
        ('"a"', "a"),
        (" [ ] ", []),
        ("{}", {}),
        ('{"a":[1,-2,0,{"b":null}],"c":true}', {"a": [1, -2, 0, {"b": None}], "c": True}),
        ('\t\r\n"x"\n', "x"),
        ("false", False),
        ('"\\u00e9\\ud83d\\ude00\\n\\/\\\\\\""', '\u00e9\U0001f600\n/\\"'),
        ('"\u00e9\U0001f600"', "\u00e9\U0001f600"),
    ):
        assert loads(text) == value
        assert loads(text.encode()) == value


def test_what_json_is_not():
    for text in (
        "",
        " ",
        "{",
        "[1 2]",
        '{"a":1 "b":2}',
        '{"a" 1}',
        "[1,]",
        '{"a":1,}',
        "{a:1}",
        "{'a':1}",
        "[1]x",
        "[1][2]",
        "nul",
        "NaN",
        "Infinity",
        "01",
        "-",
        "+1",
        "1.5",
        "1e9",
        "1234567890",
        '"a',
        '"a\nb"',
        '"\x00"',
        '"\\x"',
        '"\\u12"',
        '"\\u00\x10e"',
        '"\\u00g0"',
        '"\\u',
        '"\\ud800"',
        '"\\udc00"',
        '"\\ud800\\u0041"',
        "\ufeff{}",
        "// c\n{}",
        "[" * 20 + "]" * 20,
    ):
        raises(FormatError, loads, text)
    for octets in (b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xc3'):
        raises(FormatError, loads, octets)


def test_a_name_that_is_there_twice():
    assert str(raises(FormatError, loads, '{"url":1,"url":2}')).startswith("url: ")
    assert str(raises(FormatError, loads, '{"url":1,"\\u0075rl":2}')).startswith("url: ")
