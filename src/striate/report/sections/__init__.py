"""The sections of the page in reading order."""

from striate.report.parts import Pictures, Report, Section
from striate.report.sections.calibration import calibration
from striate.report.sections.classes import curves, per_class
from striate.report.sections.confusion import confusion
from striate.report.sections.data import data
from striate.report.sections.galleries import answers, hardest, mistakes
from striate.report.sections.learning import learning
from striate.report.sections.numbers import numbers
from striate.report.sections.provenance import openings, reproduce


def sections(report: Report, pictures: Pictures) -> list[Section]:
    """What the report has something to say on."""
    made = (
        numbers(report),
        mistakes(report, pictures),
        confusion(report),
        answers(report),
        per_class(report),
        hardest(report, pictures),
        calibration(report),
        curves(report),
        learning(report),
        data(report),
        openings(report),
        reproduce(report),
    )
    return [section for section in made if section is not None]
