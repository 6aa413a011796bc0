"""`striate explain`."""

import sys

from striate.cli import INTERRUPTED
from striate.cli.flags import Output, command
from striate.cli.predict import tell_unreadable
from striate.cli.show import print_json, progress
from striate.errors import DataError
from striate.report.terminal import show_explanations
from striate.report.words import visible
from striate.tasks.explain import Explained, carry_out
from striate.tasks.explain_gallery import GalleryPage
from striate.tasks.explain_gallery import carry_out as make_gallery
from striate.tasks.explain_request import ExplainRequest


def answer(request: ExplainRequest, output: Output) -> int:
    """A line an image and method, or where the gallery lies; on standard error what was refused."""
    with progress(output) as watch:
        found: Explained | GalleryPage
        if request.gallery is not None:
            found = make_gallery(request, on_event=watch)
        else:
            found = carry_out(request, on_event=watch)
    if output.json_output:
        print_json(found.to_json())
    elif isinstance(found, GalleryPage):
        print(f"{'So far' if found.interrupted else 'Gallery'}: {found.path}")
        for sentence in found.sentences:
            print(sentence)
    else:
        if found.rows:
            show_explanations(found.rows)
        print(f"{'So far' if found.interrupted else 'Pictures'}: {found.folder}")
    for method, error in found.refused.items():
        print(f"not explained by {method}: {visible(str(error))}", file=sys.stderr)
    tell_unreadable(found.unreadable)
    if found.interrupted:
        return INTERRUPTED
    return DataError.exit_code if found.unreadable else 0


explain = command("explain", ExplainRequest, answer)
