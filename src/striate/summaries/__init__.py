"""What each layer of a network gives, holds, costs and sees."""

from striate.summaries.drawing import draw as draw
from striate.summaries.drawing import drawing_of as drawing_of
from striate.summaries.lint import Advice as Advice
from striate.summaries.table import Row as Row
from striate.summaries.table import Summary as Summary
from striate.summaries.table import summary as summary
from striate.summaries.trace import why_refused as why_refused
