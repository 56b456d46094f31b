"""The topology as a tree of text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from cxhost.publisher.feeds import MemberState
from cxhost.publisher.topology import PEER, UPSTREAM


def draw(own: str, members: Sequence[MemberState], now: datetime) -> Tree:
    """Return the tree from its top down to this publisher and all others, peers beside it."""
    above = [one for one in members if one.relation == UPSTREAM]
    children: dict[str, list[str]] = {}
    for lower, upper in zip([own, *(one.url for one in above)], above, strict=False):
        children.setdefault(upper.url, []).append(lower)
    for one in members:
        if one.relation not in (UPSTREAM, PEER):
            children.setdefault(one.parent, []).append(one.url)
    known = {one.url: one for one in members}
    tree = _branch(above[-1].url if above else own, own, children, known, now)
    peers = [one for one in members if one.relation == PEER]
    if not peers:
        return tree
    both = Tree("publishers")
    both.children.append(tree)
    branch = both.add("peers")
    branch.children += [_branch(one.url, own, {}, known, now) for one in peers]
    return both


def _branch(
    url: str, own: str, children: dict[str, list[str]], known: dict[str, MemberState], now: datetime
) -> Tree:
    one = known.get(url)
    words = [url]
    if url == own:
        words.append("(this publisher)")
    if one is not None:
        words += [f"({one.name})"] if one.name else []
        words += [f"not reachable: {one.problem}"] if one.problem else []
    tree = Tree(Text(" ".join(words)))
    for feed in one.feeds if one else ():
        tree.add(Text(f"for {feed.zone}: {feed.age(now)}"))
    tree.children += [_branch(lower, own, children, known, now) for lower in children.get(url, ())]
    return tree
