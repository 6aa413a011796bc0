"""What each layer of a network gives, holds, costs and sees."""

from striate.summary.lint import Advice as Advice
from striate.summary.table import Row as Row
from striate.summary.table import Summary as Summary
from striate.summary.table import summary as summary
