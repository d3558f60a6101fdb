"""Half-filled forms: kept, found again, saved once; nobody's typing vanishes silently."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from field_app.domain.errors import Trouble
from field_app.services import drafts, photos
from field_app.services.draft_edits import add_entry, drop_entry
from field_app.services.drafts import (
    MAIN,
    DraftGone,
    DraftNewer,
    DraftSaved,
    Typed,
    edit_part,
    new_part,
    open_draft,
)
from field_app.services.late_windows import reopen
from field_app.services.records import changes_of, get_view, save_record, views
from field_app.services.workspace import CHANGES, DRAFTS, Workspace
from schemas.catalogue import extended
from tests.field_app.laptops import PASSPHRASE, WORKER, Hands, Laptop
from tests.field_app.photo_hands import age, folder
from tests.field_app.small_grid import fill, pull_in, rid
from tests.pictures import picture
from tests.schemas.samples import Pet

SHOP = {"name": ["新店"], "kind": ["retail"], "address": ["建设路9号"]}
HOME = rid("household", 1)


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def typed(texts: dict[str, list[str]], **more: Any) -> Typed:
    return Typed({MAIN: texts}, **{"tab": "a", **more})


def new_shop(ws: Workspace) -> str:
    return open_draft(ws, "record", {MAIN: new_part("shop")})


def edit_home(ws: Workspace) -> str:
    return open_draft(ws, "record", {MAIN: edit_part(ws, "household", HOME)})


def texts_of_home(ws: Workspace, draft_id: str, **more: list[str]) -> dict[str, list[str]]:
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    return {**draft["parts"][MAIN]["texts"], **more}


HALF_FILLED = """
import sys, time
from pathlib import Path
from field_app.services import drafts
from field_app.services.drafts import MAIN, Typed
from tests.field_app.laptops import Hands, Laptop
laptop = Laptop(Path(sys.argv[1]), Hands())
laptop.settle()
draft_id = drafts.open_draft(laptop.ws, "record", {MAIN: drafts.new_part("shop")})
drafts.keep(laptop.ws, draft_id, Typed({MAIN: {"name": ["半张表"], "staff": ["三个"]}}))
print("kept", flush=True)
time.sleep(60)
"""


def test_what_was_typed_is_there_after_the_program_was_killed(
    open_laptop: Callable[..., Laptop],
) -> None:
    again = open_laptop()
    with subprocess.Popen(
        [sys.executable, "-c", HALF_FILLED, str(again.folder)], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "kept\n"
        program.kill()
    again.desk.unlock(WORKER, PASSPHRASE)
    (draft,) = drafts.begun(again.ws)
    assert draft["parts"][MAIN]["texts"] == {"name": ["半张表"], "staff": ["三个"]}


def test_a_form_that_was_only_opened_is_not_listed(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    assert drafts.begun(ws) == []
    drafts.keep(ws, draft_id, typed(SHOP))
    assert [draft["draft_id"] for draft in drafts.begun(ws)] == [draft_id]


def test_the_draft_has_the_id_of_the_record_it_makes(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    finished = drafts.finish(ws, draft_id, typed(SHOP))
    assert finished.saved
    view = get_view(ws, "shop", draft_id)
    assert view is not None
    assert view["fields"] == {"name": "新店", "kind": "retail", "address": "建设路9号"}
    assert drafts.begun(ws) == []


def test_a_refused_form_keeps_what_was_typed_and_saves_nothing(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    finished = drafts.finish(ws, draft_id, typed({**SHOP, "staff": ["三个"], "name": [""]}))
    assert not finished.saved
    codes = {one.pointer: one.problem.code for one in finished.problems[MAIN]}
    assert codes == {"/staff": "not_whole", "/name": "required"}
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    assert draft["parts"][MAIN]["texts"]["staff"] == ["三个"]
    assert get_view(ws, "shop", draft_id) is None


def test_two_windows_on_one_draft_make_one_record(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    assert drafts.finish(ws, draft_id, typed(SHOP, tab="a")).saved
    with pytest.raises(DraftSaved) as caught:
        drafts.finish(ws, draft_id, typed(SHOP, tab="b"))
    assert reopen(ws, caught.value.draft, typed(SHOP, tab="b")) == {}
    assert len(views(ws, "shop", name="新店")) == 1
    assert len(ws.table(CHANGES)) == 1


def test_what_the_second_window_says_otherwise_becomes_a_correction(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.finish(ws, draft_id, typed(SHOP))
    other = {**SHOP, "staff": ["4"]}
    with pytest.raises(DraftSaved) as caught:
        drafts.finish(ws, draft_id, typed(other, tab="b"))
    again = reopen(ws, caught.value.draft, typed(other, tab="b"))
    correction = drafts.find(ws, again[MAIN])
    assert correction is not None
    texts = correction["parts"][MAIN]["texts"]
    assert drafts.finish(ws, again[MAIN], typed(texts, revision=correction["revision"])).saved
    view = get_view(ws, "shop", draft_id)
    assert view is not None
    assert view["fields"]["staff"] == 4
    assert [change["action"] for change in changes_of(ws, draft_id)] == ["create", "update"]
    assert changes_of(ws, draft_id)[1]["fields"] == {"staff": 4}


def test_an_older_window_overwrites_nothing_unless_it_says_so(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.keep(ws, draft_id, typed({"name": ["甲"]}, tab="a"))
    with pytest.raises(DraftNewer):
        drafts.keep(ws, draft_id, typed({"name": ["乙"]}, tab="b"))
    with pytest.raises(DraftNewer):
        drafts.finish(ws, draft_id, typed({"name": ["乙"]}, tab="b"))
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    assert draft["parts"][MAIN]["texts"]["name"] == ["甲"]
    drafts.keep(ws, draft_id, typed({"name": ["乙"]}, tab="b", force=True))
    with pytest.raises(DraftNewer):
        drafts.keep(ws, draft_id, typed({"name": ["丙"]}, tab="a", revision=1))


def test_one_window_may_send_twice_before_it_heard_an_answer(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.keep(ws, draft_id, typed({"name": ["新"]}, revision=0))
    drafts.keep(ws, draft_id, typed({"name": ["新店"]}, revision=0))
    assert drafts.finish(ws, draft_id, typed(SHOP, revision=0)).saved


def test_a_late_word_of_a_saved_form_makes_no_ghost(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.finish(ws, draft_id, typed(SHOP))
    with pytest.raises(DraftSaved):
        drafts.keep(ws, draft_id, typed(SHOP))
    assert drafts.begun(ws) == []


def test_a_deleted_draft_is_gone_but_a_window_still_open_may_save_it(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.keep(ws, draft_id, typed({"name": ["新"]}))
    drafts.discard(ws, draft_id)
    assert drafts.begun(ws) == []
    with pytest.raises(DraftGone):
        drafts.keep(ws, draft_id, typed(SHOP, revision=1))
    with pytest.raises(DraftGone):
        drafts.opened(ws, draft_id, "record")
    assert drafts.finish(ws, draft_id, typed(SHOP, revision=1)).saved


def test_only_what_was_changed_becomes_the_change(ws: Workspace) -> None:
    draft_id = edit_home(ws)
    texts = texts_of_home(ws, draft_id, phone=["13911112222"])
    assert drafts.finish(ws, draft_id, typed(texts)).saved
    (change,) = changes_of(ws, HOME)
    assert (change["action"], change["fields"]) == ("update", {"phone": "13911112222"})


def test_saving_an_unchanged_form_makes_no_change(ws: Workspace) -> None:
    draft_id = edit_home(ws)
    assert drafts.finish(ws, draft_id, typed(texts_of_home(ws, draft_id))).saved
    assert changes_of(ws, HOME) == []


def test_what_a_pull_changed_meanwhile_is_not_undone_by_an_open_form(ws: Workspace) -> None:
    draft_id = edit_home(ws)
    texts = texts_of_home(ws, draft_id, size=["9"])
    fields = get_view(ws, "household", HOME)["fields"]  # type: ignore[index]
    pull_in(ws, "household", HOME, {**fields, "phone": "13700000000"}, version=2)
    assert drafts.finish(ws, draft_id, typed(texts)).saved
    (change,) = changes_of(ws, HOME)
    assert (change["fields"], change["base_version"]) == ({"size": 9}, 2)


def test_a_field_both_changed_is_asked_again_before_it_is_overwritten(ws: Workspace) -> None:
    draft_id = edit_home(ws)
    texts = texts_of_home(ws, draft_id, phone=["13911112222"])
    fields = get_view(ws, "household", HOME)["fields"]  # type: ignore[index]
    pull_in(ws, "household", HOME, {**fields, "phone": "13700000000", "size": 5}, version=2)
    finished = drafts.finish(ws, draft_id, typed(texts))
    assert (finished.saved, finished.overtaken) == (False, {MAIN: ["phone"]})
    assert changes_of(ws, HOME) == []
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    again = draft["parts"][MAIN]["texts"]
    assert (again["phone"], again["size"]) == (["13911112222"], ["5"])
    assert drafts.finish(ws, draft_id, typed(again, revision=draft["revision"])).saved
    (change,) = changes_of(ws, HOME)
    assert (change["fields"], change["base_version"]) == ({"phone": "13911112222"}, 2)


def test_all_parts_are_saved_or_none(ws: Workspace) -> None:
    parts = {MAIN: new_part("shop"), "second:": new_part("shop")}
    draft_id = open_draft(ws, "record", parts)
    finished = drafts.finish(ws, draft_id, Typed({MAIN: SHOP, "second:": {"name": ["二店"]}}))
    assert not finished.saved
    assert set(finished.problems) == {"second:"}
    assert (len(ws.table(CHANGES)), views(ws, "shop", name="新店")) == (0, [])
    second = {"second:": {**SHOP, "name": ["二店"]}}
    assert drafts.finish(ws, draft_id, Typed({MAIN: SHOP, **second}, revision=1)).saved
    assert len(ws.table(CHANGES)) == 2


def test_entries_are_offered_and_taken_out(ws: Workspace) -> None:
    with extended(Pet):
        draft_id = open_draft(ws, "record", {MAIN: new_part("pet")})
        pet = {"nickname": ["阿黄"], "species": ["1"]}
        key = add_entry(ws, draft_id, typed(pet), MAIN, "feedings")
        first = {**pet, f"feedings.{key}.note": ["两餐"], "feedings.k2.note": ["水"]}
        drop_entry(ws, draft_id, typed(first, revision=1), MAIN, "feedings.k2")
        draft = drafts.find(ws, draft_id)
        assert draft is not None
        texts = draft["parts"][MAIN]["texts"]
        assert drafts.finish(ws, draft_id, typed(texts, revision=2)).saved
        view = get_view(ws, "pet", draft_id)
        assert view is not None
        assert view["fields"]["feedings"] == {key: {"note": "两餐"}}


def test_an_entry_can_be_taken_out_of_a_stored_list(ws: Workspace) -> None:
    place = rid("compound", 1)
    contact = {"role": "secretary", "name": "王书记"}
    save_record(ws, "compound", "update", {"contacts": {"k1": contact}}, record_id=place)
    draft_id = open_draft(ws, "record", {MAIN: edit_part(ws, "compound", place)})
    drop_entry(ws, draft_id, typed(texts_of_home(ws, draft_id)), MAIN, "contacts.k1")
    assert drafts.finish(ws, draft_id, typed(texts_of_home(ws, draft_id), revision=1)).saved
    assert changes_of(ws, place)[-1]["fields"] == {"contacts": {"remove": ["k1"]}}


def test_old_untouched_forms_are_put_away_then_forgotten_and_begun_ones_are_kept(
    ws: Workspace, hands: Hands
) -> None:
    untouched, kept, saved, deleted = (new_shop(ws) for _ in range(4))
    drafts.keep(ws, kept, typed({"name": ["旧草稿"]}))
    drafts.finish(ws, saved, typed(SHOP))
    drafts.keep(ws, deleted, typed({"name": ["不要"]}))
    drafts.discard(ws, deleted)
    hands.passes(25 * 3600)
    new_shop(ws)
    states = {draft["draft_id"]: draft["state"] for draft in ws.table(DRAFTS)}
    assert (states[kept], states[saved]) == ("open", "saved")
    assert (states[untouched], states[deleted]) == ("deleted", "deleted")
    hands.passes(8 * 24 * 3600)
    new_shop(ws)
    present = {draft["draft_id"] for draft in ws.table(DRAFTS)}
    assert {kept, saved} <= present
    assert not {untouched, deleted} & present


def test_a_form_with_nothing_but_a_photo_is_never_put_away(ws: Workspace, hands: Hands) -> None:
    draft_id = new_shop(ws)
    drafts.add_photo(ws, draft_id, MAIN, picture(), "scene")
    hands.passes(25 * 3600)
    new_shop(ws)
    assert [draft["state"] for draft in ws.table(DRAFTS)] == ["open", "open"]


def test_a_refused_change_is_corrected_by_its_form(ws: Workspace) -> None:
    change_id = save_record(
        ws, "household", "update", {"phone": "1"}, record_id=HOME
    ).change_id  # fmt: skip
    assert change_id is not None
    refused = dict(ws.table(CHANGES).get(doc_id=change_id))
    ws.put(CHANGES, change_id, {**refused, "acked": True, "outcome": "quarantined"})
    part = edit_part(ws, "household", HOME, corrects=change_id)
    draft_id = open_draft(ws, "record", {MAIN: part})
    texts = texts_of_home(ws, draft_id, phone=["13911112222"])
    assert drafts.finish(ws, draft_id, typed(texts)).saved
    again = changes_of(ws, HOME)[-1]
    assert (again["corrects"], again["fields"]) == (change_id, {"phone": "13911112222"})


# Photos of an open form --------------------------------------------------------------------------


def test_a_photo_of_an_open_form_belongs_to_the_record_it_becomes(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    drafts.add_photo(ws, draft_id, MAIN, picture(), "scene")
    drafts.add_photo(ws, draft_id, MAIN, picture(), "scene")  # the same one, sent again
    assert views(ws, "photo") == []
    outcome = drafts.finish(ws, draft_id, typed(SHOP))
    assert outcome.saved
    (photo,) = views(ws, "photo")
    (shop,) = (view for view in views(ws, "shop") if view["fields"]["name"] == "新店")
    assert photo["fields"]["owner_id"] == shop["record_id"] == draft_id
    assert photos.read_photo(ws, photo["record_id"]) is not None


def test_a_form_that_is_refused_keeps_its_photos_and_saves_none(ws: Workspace) -> None:
    draft_id = new_shop(ws)
    draft = drafts.add_photo(ws, draft_id, MAIN, picture(), "scene")
    assert not drafts.finish(ws, draft_id, typed({**SHOP, "name": [""]})).saved
    assert views(ws, "photo") == []
    kept = drafts.find(ws, draft_id)
    assert kept is not None
    assert kept["photos"] == draft["photos"]


def test_a_photo_taken_out_of_a_form_is_not_saved_and_others_are_not_swept(
    ws: Workspace, laptop: Laptop, hands: Hands
) -> None:
    draft_id = new_shop(ws)
    for noise in (1, 2):
        draft = drafts.add_photo(ws, draft_id, MAIN, picture(noise=noise), "scene")
    gone, stays = (one["photo_id"] for one in draft["photos"])
    drafts.drop_photo(ws, draft_id, typed(SHOP), gone)
    age(folder(laptop), hands)
    hands.passes(2 * 86400)
    assert photos.tidy(ws, restored=False) == 1
    assert drafts.finish(ws, draft_id, typed(SHOP, revision=1)).saved
    assert [view["record_id"] for view in views(ws, "photo")] == [stays]
    assert photos.read_photo(ws, stays) is not None


def test_a_form_takes_no_more_photos_than_a_record(ws: Workspace, monkeypatch: Any) -> None:
    monkeypatch.setattr(photos, "MOST_OF_ONE", 1)
    draft_id = new_shop(ws)
    drafts.add_photo(ws, draft_id, MAIN, picture(noise=1), "scene")
    with pytest.raises(Trouble, match="too_many_photos"):
        drafts.add_photo(ws, draft_id, MAIN, picture(noise=2), "scene")
    with pytest.raises(DraftGone):
        drafts.add_photo(ws, draft_id, "nothing:", picture(), "scene")
