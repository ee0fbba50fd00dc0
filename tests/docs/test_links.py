"""Every link of the documentation that stays in the repository leads to a file and a heading."""

import pytest

from tests.conftest import ROOT
from tests.docs.pages import all_pages, anchors, links, name_of


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_links_lead_somewhere(page):
    broken = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://", "mailto:")):
            continue
        place = (page.parent / path).resolve() if path else page
        there = place.is_relative_to(ROOT) and place.exists()
        if there and anchor and place.suffix == ".md":
            there = anchor in anchors(place)
        if not there:
            broken.append(target)

    assert broken == []


def test_every_picture_is_shown_somewhere():
    shown = {(page.parent / target).resolve() for page in all_pages() for target in links(page)}

    assert {*(ROOT / "docs" / "img").iterdir()} <= shown
