"""What each layer of a network gives, holds, costs and sees."""

from striate.summaries.lint import Advice as Advice
from striate.summaries.table import Row as Row
from striate.summaries.table import Summary as Summary
from striate.summaries.table import summary as summary
