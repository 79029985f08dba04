"""Elements of HTML and SVG as text; whatever is not markup already is escaped."""

from html import escape

VOID = frozenset({"img", "meta", "link", "br", "hr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """Return an element.

    Args:
        tag: Its name.
        children: Markup stays as it is; other text is escaped.
        attributes: `class_` gives `class`, `aria_label` gives `aria-label`; values are escaped.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for name, value in attributes.items()
    )
    if tag in VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{join(*children)}</{tag}>")


def join(*parts: str) -> Markup:
    """Return parts one after the other; those that are not markup are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(
    caption: str,
    head: tuple[str, ...],
    rows: list[tuple[str, ...]],
    *,
    class_: str = "",
) -> Markup:
    """Return a table whose first column names the rows."""
    top = join(*(element("th", name, scope="col") for name in head))
    body = join(
        *(
            element(
                "tr",
                element("th", row[0], scope="row"),
                *(element("td", cell) for cell in row[1:]),
            )
            for row in rows
        )
    )
    content = join(
        element("caption", caption),
        element("thead", element("tr", top)),
        element("tbody", body),
    )
    whole = element("table", content, class_=class_) if class_ else element("table", content)
    # A wide table scrolls by itself on a narrow screen; the page does not.
    return element("div", whole, class_="wide")


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
