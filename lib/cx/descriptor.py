"""Publisher descriptors: the unsigned root of trust, JSON over HTTPS (CX protocol)."""

from cx import strictjson, x509
from cx.compat import TYPE_CHECKING
from cx.errors import CxError, FormatError, NotSupportedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cx.compat import Buffer

_HTTPS = ("https",)
_HTTP_OR_HTTPS = ("https", "http")
_HOST = b"abcdefghijklmnopqrstuvwxyz0123456789-._:[]"
_REQUIRED = ("url", "cert", "name", "report", "pub", "pubs")


def check(json_text: "Buffer | str", stored_url: "str | None" = None) -> "dict":
    """Return a descriptor as a dict if it keeps every rule; otherwise the error names the property.

    ``stored_url``: the ``url`` that this publisher is known by, on an update; another one raises
    ``RefusedError``, as the URL is its identity. The other errors are ``FormatError``, and
    ``NotSupportedError`` for the key of ``cert``.
    """
    members = strictjson.loads(json_text)
    if not isinstance(members, dict):
        raise FormatError("descriptor: expected a JSON object")
    for name in _REQUIRED:
        if name not in members:
            raise FormatError(name + ": required, but missing")
    for name in members:
        rule = _RULES.get(name)
        if rule is None:
            raise FormatError(name + ": not a property of a publisher descriptor")
        rule(name, members[name])
    if stored_url is not None and members["url"] != stored_url:
        raise RefusedError("url: not the stored one, which is the publisher's identity: " + stored_url, "url")
    return members


def _check_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise FormatError(name + ": expected text")
    return value


def _check_name(name: str, value: object) -> None:
    if not _check_text(name, value).strip():
        raise FormatError(name + ": must not be blank")


def _check_certificate(name: str, value: object) -> None:
    text = _check_text(name, value)
    try:
        x509.public_key(x509.from_pem(text))
    except NotSupportedError as error:
        raise NotSupportedError(name + ": " + error.args[0])
    except CxError as error:
        raise FormatError(name + ": " + error.args[0])


def _check_url(name: str, value: object, schemes: "tuple[str, ...]") -> None:
    """Check an absolute URL: scheme, host, no user, no fragment, nothing but printable ASCII (RFC 3986)."""
    url = _check_text(name, value)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in schemes:
        raise FormatError(name + ": expected an absolute " + " or ".join(schemes) + " URL")
    for character in url.encode("utf-8"):
        if not 0x21 <= character <= 0x7E or character in b'"<>\\^`{|}#':
            raise FormatError(name + ": a character that a URL must not have")
    authority = rest.split("/")[0].split("?")[0]
    if not _is_authority(authority.lower()):
        raise FormatError(name + ": no valid host in the URL")


def _is_authority(authority: str) -> bool:
    """Tell whether a host, with a port or without, could be one."""
    for character in authority.encode("utf-8"):
        if character not in _HOST:
            return False
    if authority.startswith("["):
        host, closing, port = authority.partition("]")
        return bool(closing) and len(host) > 2 and (not port or (port[0] == ":" and _is_port(port[1:])))
    host, colon, port = authority.partition(":")
    is_name = bool(host) and "[" not in host and "]" not in authority and ".." not in host
    return is_name and host[0] not in "-." and (not colon or _is_port(port))


def _is_port(port: str) -> bool:
    return port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536


def _check_https(name: str, value: object) -> None:
    _check_url(name, value, _HTTPS)


def _check_any_url(name: str, value: object) -> None:
    _check_url(name, value, _HTTP_OR_HTTPS)


def _check_pubs(name: str, value: object) -> None:
    """Check a list of {zone, url}, with each zone once."""
    zones = []
    for place, entry in _entries(name, value):
        if not isinstance(entry, dict) or sorted(entry) != ["url", "zone"]:
            raise FormatError(place + ": expected an object of zone and url, and nothing else")
        _check_https(place + ".zone", entry["zone"])
        _check_any_url(place + ".url", entry["url"])
        if entry["zone"] in zones:
            raise FormatError(place + ".zone: this zone is there twice")
        zones.append(entry["zone"])


def _check_downstream(name: str, value: object) -> None:
    for place, entry in _entries(name, value):
        _check_https(place, entry)


def _entries(name: str, value: object) -> "list[tuple[str, object]]":
    if not isinstance(value, list):
        raise FormatError(name + ": expected a list")
    return [(name + "[" + str(index) + "]", entry) for index, entry in enumerate(value)]


_RULES: "dict[str, Callable[[str, object], None]]" = {
    "url": _check_https,
    "cert": _check_certificate,
    "name": _check_name,
    "report": _check_https,
    "pub": _check_any_url,
    "pubs": _check_pubs,
    "logo": _check_any_url,
    "upstream": _check_https,
    "downstream": _check_downstream,
}
