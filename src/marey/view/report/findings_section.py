"""What to look at: findings of one kind together."""

from marey.view.report.findings import Finding
from marey.view.report.markup import Markup, element, join
from marey.view.report.model import Report
from marey.view.report.section import section
from marey.view.report.words import DASH, count, spans_text

MAX_FINDINGS = 60


def findings_section(report: Report) -> Markup:
    """Return all findings, the serious ones first."""
    title = "What to look at"
    if not report.findings:
        return section(title, element("p", "Nothing conspicuous was found."))
    shown = report.findings[:MAX_FINDINGS]
    kinds = dict.fromkeys((finding.kind, finding.serious) for finding in shown)
    groups = [[f for f in shown if (f.kind, f.serious) == kind] for kind in kinds]
    items = element("ul", *(_finding_kind(group) for group in groups), class_="findings")
    more = len(report.findings) - len(shown)
    rest = element("p", f"And {count(more, 'finding')} more.") if more else Markup()
    serious = sum(finding.serious for finding in report.findings)
    lead = f"{count(serious, 'warning')}, {count(len(report.findings) - serious, 'remark')}."
    return section(title, element("p", lead, class_="quiet"), items, rest)


def _finding_kind(findings: list[Finding]) -> Markup:
    """Return all findings of one kind: a line per person, the sentence once if it is the same."""
    first, class_ = findings[0], "serious" if findings[0].serious else "remark"
    parts = [element("b", first.kind)]
    if len({finding.text for finding in findings}) == 1:
        parts.append(join(element("br"), element("span", first.text)))
        lines = [_where(finding) for finding in findings if finding.who or finding.spans]
    else:
        lines = [f"{_where(finding)} {DASH} {finding.text}" for finding in findings]
    parts += [join(element("br"), element("span", line)) for line in lines]
    return element("li", *parts, class_=class_)


def _where(finding: Finding) -> str:
    times = spans_text(finding.spans)
    return f"{finding.who}: {times}" if finding.who and times else finding.who or times
