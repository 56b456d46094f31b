"""The DER reader against asn1crypto: what we accept it decodes to the same, what it writes we accept."""

import datetime

from asn1crypto import core, parser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cx import der
from cx.errors import FormatError

EXAMPLES = settings(max_examples=300, deadline=None, derandomize=True)
TIMES = st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59))
VALUES = st.one_of(
    st.integers(-(1 << 62), 1 << 62).map(core.Integer),
    st.booleans().map(core.Boolean),
    st.binary(max_size=300).map(core.OctetString),
    st.text(max_size=100).map(core.UTF8String),
    TIMES.map(lambda t: core.GeneralizedTime(t.replace(microsecond=0, tzinfo=datetime.timezone.utc))),
    st.lists(st.integers(0, 1 << 40), min_size=1, max_size=6).map(
        lambda tail: core.ObjectIdentifier("1.3." + ".".join(map(str, tail)))
    ),
)


def almost(value: bytes):
    """Return a strategy of ``value`` with a few bytes changed, taken out or put in."""
    return st.tuples(
        st.just(value), st.lists(st.tuples(st.integers(0, len(value)), st.binary(max_size=2)), max_size=3)
    ).map(damage)


def damage(parts) -> bytes:
    value, changes = parts
    for place, octets in changes:
        value = value[:place] + octets + value[place + len(octets) // 2 + 1 :]
    return value


INPUTS = st.one_of(st.binary(max_size=40), VALUES.flatmap(lambda value: almost(value.dump())))


def whole(data: bytes, read):
    """Return what ``read`` gives for a document of one element, or None when it is refused."""
    reader = der.Reader(data)
    try:
        value = read(reader)
        reader.finish("x")
    except FormatError:
        return None
    return value


def seconds(moment: datetime.datetime) -> int:
    return round((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds())


READERS = (
    (lambda r: r.integer("x"), core.Integer, lambda one: one.native),
    (lambda r: r.boolean("x"), core.Boolean, lambda one: one.native),
    (lambda r: bytes(r.octets("x")), core.OctetString, lambda one: one.native),
    (lambda r: r.text("x"), core.UTF8String, lambda one: one.native),
    (lambda r: r.time("x"), core.GeneralizedTime, lambda one: seconds(one.native)),
    (lambda r: der.oid_text(r.oid("x")), core.ObjectIdentifier, lambda one: one.dotted),
)


@EXAMPLES
@given(INPUTS)
@example(b"\x0c\x03\xed\xa0\x80")
@example(b"\x18\x0f20260229000000Z")
@example(b"\x06\x01\x80")
def test_what_we_accept_asn1crypto_decodes_to_the_same(data):
    for read, kind, native in READERS:
        ours = whole(data, read)
        if ours is not None:
            theirs = kind.load(data, strict=True)
            assert native(theirs) == ours
            assert kind(theirs.native).dump() == data  # and it is the one DER encoding of it


@EXAMPLES
@given(VALUES)
def test_what_asn1crypto_writes_we_read(value):
    for read, kind, native in READERS:
        if isinstance(value, kind):
            assert whole(value.dump(), read) == native(value)


@EXAMPLES
@given(st.one_of(INPUTS, st.lists(VALUES, max_size=4).map(lambda values: nested(values)).flatmap(almost)))
def test_structure(data):
    def skip(reader):
        reader.skip("x")
        return True

    if whole(data, skip):
        check_lengths(data)


def nested(values) -> bytes:
    contents = b"".join(value.dump() for value in values)
    for tag in (0x30, 0xA0, 0x31):
        contents = der.encode(tag, contents)
    return contents


def check_lengths(data: bytes) -> None:
    """Parse ``data`` all the way down with asn1crypto; each header must be the one it would write."""
    rest = data
    while rest:
        class_, method, tag, header, contents, trailer = parser.parse(rest)
        assert not trailer
        assert parser.emit(class_, method, tag, contents) == header + contents
        if method:
            check_lengths(contents)
        rest = rest[len(header) + len(contents) :]


@EXAMPLES
@given(st.integers(-(1 << 300), 1 << 300))
def test_integers_are_written_as_asn1crypto_does(value):
    assert der.encode_integer(value) == core.Integer(value).dump()


@EXAMPLES
@given(st.binary(max_size=12))
def test_utf8_as_cpython_sees_it(octets):
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        assert not der.is_utf8(octets)
    else:
        assert der.is_utf8(octets)
