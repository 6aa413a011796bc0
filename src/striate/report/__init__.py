"""From a result to something a person enjoys: the page, the terminal, the live view."""

from striate.report.page import page as page

__all__ = ["page"]
