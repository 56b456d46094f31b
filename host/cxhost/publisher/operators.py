"""Who may issue codes over the network: operators, their tokens, and the sessions of their browsers.

A token is shown once and stored as a keyed hash. A session is a signed cookie, so that any server of several
can answer; it ends after eight hours, and at once when its operator is removed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cxhost.publisher.database import Operator

SESSION_LIFE = timedelta(hours=8)
_TOKEN_BYTES = 24
_MAX_NAME = 100
_DIGITS = re.compile(r"[0-9]{1,15}")


class OperatorError(Exception):
    """A name that is taken, missing or no name; a permission that there is not."""


class Permission(str, Enum):
    """What an operator may do. ``withdraw``: change the level or the zone of a case, too."""

    ISSUE = "issue"
    LOOK_UP = "look-up"
    WITHDRAW = "withdraw"


EVERYTHING = frozenset(Permission)


@dataclass(frozen=True)
class Member:
    """An operator and what they may do."""

    name: str
    may: frozenset[Permission]


def permissions(words: Collection[str]) -> frozenset[Permission]:
    """Return the permissions of these names, all if there are none; ``OperatorError`` for another one."""
    known = {one.value for one in Permission}
    for word in words:
        if word not in known:
            raise OperatorError(f"{word}: no permission; there are {', '.join(sorted(known))}")
    return frozenset(map(Permission, words)) or EVERYTHING


def _member(operator: Operator) -> Member:
    return Member(operator.name, permissions(operator.may.split()))


def _stored(may: Collection[Permission]) -> str:
    return " ".join(sorted(one.value for one in may))


class Operators:
    """``secret``: the publisher's key; tokens and sessions each use one derived from it."""

    def __init__(self, engine: Engine, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._token_key = hmac.digest(secret, b"cx operator token", hashlib.sha256)
        self._session_key = hmac.digest(secret, b"cx staff session", hashlib.sha256)
        self._clock = clock

    def add(self, name: str, may: Collection[Permission] = EVERYTHING) -> str:
        """Return the token of a new operator, this once. ``OperatorError`` for a name in use."""
        if not name.strip() or not name.isprintable() or len(name) > _MAX_NAME:
            raise OperatorError(f"an operator's name has 1 to {_MAX_NAME} printable characters")
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        operator = Operator(
            name=name, token_lookup=self._lookup(token), added_at=self._clock(), may=_stored(may)
        )
        try:
            with Session(self._engine) as session, session.begin():
                session.add(operator)
        except IntegrityError:
            raise OperatorError(f"there is an operator {name} already; remove it first") from None
        return token

    def remove(self, name: str) -> None:
        """Take an operator's access away, sessions included; ``OperatorError`` if there is none."""
        with Session(self._engine) as session, session.begin():
            session.delete(self._named(session, name))

    def permit(self, name: str, may: Collection[Permission]) -> None:
        """Let an operator do this and nothing else from now on; ``OperatorError`` if there is none."""
        with Session(self._engine) as session, session.begin():
            self._named(session, name).may = _stored(may)

    @staticmethod
    def _named(session: Session, name: str) -> Operator:
        operator = session.scalar(select(Operator).where(Operator.name == name))
        if operator is None:
            raise OperatorError(f"there is no operator {name}")
        return operator

    def members(self) -> list[Member]:
        """Return all operators, in the order of their names."""
        with Session(self._engine) as session, session.begin():
            return [_member(one) for one in session.scalars(select(Operator).order_by(Operator.name))]

    def start_session(self, token: str) -> str | None:
        """Return a session for the operator of this token, None if it is nobody's."""
        with Session(self._engine) as session, session.begin():
            found = session.scalar(select(Operator).where(Operator.token_lookup == self._lookup(token)))
            if found is None:
                return None
            ends = int((self._clock() + SESSION_LIFE).timestamp())
            return f"{found.id}.{ends}.{self._seal(found.id, ends, found.token_lookup)}"

    def session_of(self, value: str) -> Member | None:
        """Return the operator whose session this is; None if forged, over, or the operator was removed."""
        parts = value.split(".")
        if len(parts) != 3 or not all(_DIGITS.fullmatch(part) for part in parts[:2]):
            return None
        number, ends = int(parts[0]), int(parts[1])
        if self._clock().timestamp() >= ends or number >= 1 << 31:
            return None
        with Session(self._engine) as session, session.begin():
            operator = session.get(Operator, number)
            if operator is None:
                return None
            good = self._seal(number, ends, operator.token_lookup)
            return _member(operator) if hmac.compare_digest(good.encode(), parts[2].encode()) else None

    def _lookup(self, token: str) -> bytes:
        return hmac.digest(self._token_key, token.strip().encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _seal(self, number: int, ends: int, token_lookup: bytes) -> str:
        """Return the signature of a session; with the token in it, a number given again opens nothing."""
        message = b"%d.%d." % (number, ends) + token_lookup
        return hmac.new(self._session_key, message, hashlib.sha256).hexdigest()
