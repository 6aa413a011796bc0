"""Whether stated confidence can be believed, before and after temperature scaling."""

from striate.report.charts import reliability
from striate.report.markup import Content, tag
from striate.report.measures import estimates
from striate.report.parts import Report, Section, listing, section_of
from striate.report.words import finite, percent


def calibration(report: Report) -> Section | None:
    """Reliability diagrams with whiskers, and how many images each confidence has."""
    known = section_of(report, "calibration")
    temperature = finite(known.get("temperature"))
    charts = []
    for key, title in (("before", "The raw network"), ("after", "After temperature scaling")):
        bins = [b for b in listing(known, key) if b.get("n")]
        if bins:
            drawn = reliability(f"calibration-{key}", title, bins)
            charts.append(tag("figure", tag("figcaption", title), drawn))
    if not charts:
        return None
    body = [_sentence(report, temperature), tag("div", charts, class_="pair")]
    note: list[Content] = [
        tag("p", "Each dot gathers the images answered with about the same confidence. On the "
            "dashed line the network is exactly as often right as it claims; below it, it is too "
            "sure of itself. Whiskers are 95 % intervals, the bars beneath count images."),
    ]  # fmt: skip
    if temperature is not None:
        note.append(
            tag("p", "Temperature scaling divides the network’s scores by one number before they "
                "become probabilities. It changes how sure the answers sound, never the answers.")
        )  # fmt: skip
    return Section("calibration", "Can its confidence be believed?", tag("div", body), note)


def _sentence(report: Report, temperature: float | None) -> Content:
    metrics = estimates(report.get("metrics"))
    after = metrics.get("calibration_error")
    before = metrics.get("calibration_error_uncalibrated")
    if temperature is None:
        return None
    said = f"The temperature, fitted on validation images, is {temperature:.2f}: "
    if abs(temperature - 1) < 0.02:
        said += "the raw network’s confidence needed no correction."
    elif temperature > 1:
        said += "the raw network was too sure of itself and its probabilities are softened."
    else:
        said += "the raw network was too modest and its probabilities are sharpened."
    if after and before:
        said += (
            f" The calibration error goes from {percent(before['value'])} "
            f"to {percent(after['value'])}."
        )
    return tag("p", said)
