"""What every section of the page is made of."""

from marey.view.report.markup import Markup, element


def section(title: str, *content: Markup) -> Markup:
    """Return a section below its title."""
    return element("section", element("h2", title), *content)


def absent(reason: str) -> Markup:
    """Return the line that stands where a section cannot be made."""
    return element("p", f"Not available: {reason}.", class_="absent")


def swatch(shape: Markup) -> Markup:
    """Return a small drawing for a legend, 14 px wide and 10 high."""
    return element("svg", shape, viewBox="0 0 14 10", aria_hidden="true")


def color_swatch(class_: str) -> Markup:
    """Return the colour of a class for a legend."""
    return swatch(element("rect", width=14, height=10, class_=class_))
