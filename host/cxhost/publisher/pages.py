"""The HTML that the publisher sends: one frame, no scripts, nothing fetched from anywhere.

Every value goes through ``html.escape``. Plain forms with labels, so that keyboards and screen readers work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape

from cxhost.publisher.levels import AlertLevel
from cxhost.publisher.operators import Permission

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}}
label{{display:block;margin-top:.5rem}} input,select,button{{font:inherit;padding:.3rem .6rem}}
button{{margin-top:.8rem}} :focus-visible{{outline:3px solid #06c;outline-offset:2px}}
form{{border-top:1px solid #999;margin-top:1.5rem}} select{{max-width:100%}}
table{{border-collapse:collapse;margin-top:1.5rem;overflow-wrap:anywhere}} caption{{text-align:left}}
td,th{{padding:.1rem 1rem .1rem 0;vertical-align:top}} th{{text-align:left}} caption{{font-weight:bold}}
[role=status],[role=alert]{{border:2px solid;padding:.5rem 1rem}}
code{{font:1.6rem/1.6 ui-monospace,monospace}}
</style></head><body><main><h1>{title}</h1>
{body}
</main></body></html>
"""
_FIRST = 'tabindex="-1" autofocus'
_ISSUED = (AlertLevel.DIAGNOSED, AlertLevel.SYMPTOMATIC, AlertLevel.DEBUG_ALERT)
_CHANGED = (AlertLevel.NO_ALERT, AlertLevel.SYMPTOMATIC, AlertLevel.DIAGNOSED, AlertLevel.DEBUG_ALERT)


def page(title: str, *blocks: str) -> str:
    """Return a whole page around blocks of HTML."""
    return _FRAME.format(title=escape(title), body="\n".join(blocks))


def paragraph(text: str) -> str:
    """Return one paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def notice(text: str, failed: bool = False) -> str:
    """Return what became of a request; the page opens there, so that screen readers read it out."""
    return f'<div role="{"alert" if failed else "status"}" {_FIRST}><p>{escape(text)}</p></div>'


def result(block: str) -> str:
    """Return ``block``, HTML, as what was asked for; the page opens there."""
    return f'<div role="status" {_FIRST}>{block}</div>'


def issued(codes: Iterable[str], text: str) -> str:
    """Return codes, large, each in its own line."""
    lines = "".join(f"<li><code>{escape(code)}</code></li>" for code in codes)
    return result(f"<p>{escape(text)}</p><ul>{lines}</ul>")


def table(caption: str, rows: Mapping[str, str]) -> str:
    """Return a table of two columns."""
    lines = "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(v)}</td></tr>' for k, v in rows.items())
    return f"<table><caption>{escape(caption)}</caption><tbody>{lines}</tbody></table>"


def grid(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with headings; the first column names each row."""
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in headings)
    lines = (
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(one)}</td>" for one in rest)}</tr>'
        for first, *rest in rows
    )
    body = "".join(lines)
    return f"<table><caption>{escape(caption)}</caption><tbody><tr>{top}</tr>{body}</tbody></table>"


def link(path: str, text: str) -> str:
    """Return a paragraph with a link to another page of this server."""
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>'


def _form(action: str, title: str, fields: str, button: str) -> str:
    """Return a form that goes to ``action`` and is named by its title. ``fields``: HTML."""
    name = f"{action.rpartition('/')[2]}-form"
    return (
        f'<form method="post" action="{escape(action)}" aria-labelledby="{name}">'
        f'<h2 id="{name}">{escape(title)}</h2>{fields}<div><button>{escape(button)}</button></div></form>'
    )


def _levels(choices: Iterable[AlertLevel]) -> str:
    return "".join(f'<option value="{one.label}">{one.label}</option>' for one in choices)


def _code_field(name: str) -> str:
    return (
        f'<label for="{name}">Code</label><input id="{name}" name="code" required maxlength="40" '
        'autocomplete="off" autocapitalize="characters" spellcheck="false">'
    )


def login_form(base: str) -> str:
    """Return the form that asks for an operator's token."""
    field = (
        '<label for="token">Token</label>'
        '<input id="token" name="token" type="password" required maxlength="100" '
        'autocomplete="current-password">'
    )
    return _form(f"{base}/login", "Log in", field, "Log in")


def _zone_field(name: str, zones: Sequence[str]) -> str:
    """Return the choice of a zone; nothing where there is none."""
    if len(zones) < 2:
        return ""
    choices = "".join(f"<option>{escape(zone)}</option>" for zone in zones)
    return f'<label for="{name}">Zone</label><select id="{name}" name="zone">{choices}</select>'


def staff_forms(base: str, hours: int, zones: Sequence[str], may: Collection[Permission]) -> str:
    """Return all that an operator with these permissions can do.

    ``hours``: how long a code is valid unless chosen otherwise; ``zones``: those that a case can have, the
    usual one first.
    """
    issue = (
        f'<label for="level">Level</label><select id="level" name="level">{_levels(_ISSUED)}</select>'
        '<label for="hours">Valid for hours</label>'
        f'<input id="hours" name="hours" type="number" min="1" max="720" value="{hours}" required>'
        '<label for="count">How many</label>'
        '<input id="count" name="count" type="number" min="1" max="100" value="1" required>'
        f"{_zone_field('zone', zones)}"
    )
    change = (
        f'{_code_field("change-code")}<label for="new-level">New level</label>'
        f'<select id="new-level" name="level">{_levels(_CHANGED)}</select>'
    )
    move = _code_field("zone-code") + _zone_field("new-zone", zones)
    look_up = _code_field("lookup-code")
    forms = [
        (Permission.ISSUE, _form(f"{base}/issue", "Issue codes", issue, "Issue")),
        (
            Permission.LOOK_UP,
            _form(f"{base}/lookup", "Look a code up", look_up, "Look up"),
        ),
        (Permission.WITHDRAW, _form(f"{base}/level", "Change or withdraw a case", change, "Change")),
    ]
    if len(zones) > 1:
        forms.append(
            (Permission.WITHDRAW, _form(f"{base}/zone", "Move a case to another zone", move, "Move"))
        )
    leave = _form(f"{base}/logout", "Leave", "", "Log out")
    return "\n".join([*(form for needed, form in forms if needed in may), leave])
