"""Families that could be: heads, couples, children, names, what is recorded about them."""

from collections import Counter

from sync_server.domain.world.households import NOTICE_OWED, id_number

SONS, DAUGHTERS = ("20", "21", "22", "23", "24"), ("30", "31", "32", "33", "34")
GRANDCHILDREN = ("41", "42", "43", "44")
PARENTS = ("51", "52", "53", "54", "55", "56")
MEN = {"11", "28", "41", "43", "51", "53", "55", *SONS}
WOMEN = {"12", "38", "42", "44", "52", "54", "56", *DAUGHTERS}


def test_every_household_has_one_grown_head_and_its_size(tier_s):
    families = tier_s.families()
    assert len(families) == 2155
    for household_id, people in families.items():
        heads = [person for person in people if person.fields["relation"] == "02"]
        (head,) = heads
        household = tier_s.by_id[household_id].fields
        assert household["head_id"] == head.record_id
        assert household["size"] == len(people)
        assert tier_s.age(head) >= 18


def test_ages_within_a_family_are_plausible(tier_s):
    for people in tier_s.families().values():
        by_relation = {}
        for person in people:
            by_relation.setdefault(person.fields["relation"], []).append(tier_s.age(person))
        (head,) = by_relation["02"]
        spouses = by_relation.get("11", []) + by_relation.get("12", [])
        assert len(spouses) <= 1
        for spouse in spouses:
            assert abs(head - spouse) <= 15
            assert spouse >= 20
        couple = [head, *spouses]
        for code in (*SONS, *DAUGHTERS):
            for child in by_relation.get(code, []):
                assert min(couple) - child >= 18
                assert min(couple) - child <= 45
        for code in GRANDCHILDREN:
            assert all(head - grandchild >= 36 for grandchild in by_relation.get(code, []))
        for code in PARENTS:
            assert all(18 <= parent - min(couple) <= 60 for parent in by_relation.get(code, []))


def test_brothers_and_sisters_are_called_by_their_order(tier_s):
    for people in tier_s.families().values():
        sons = [p for p in people if p.fields["relation"] in ("22", "23", "24")]
        ages = [tier_s.age(p) for p in sorted(sons, key=lambda p: p.fields["relation"])]
        assert ages == sorted(ages, reverse=True)
        only = [p for p in people if p.fields["relation"] in ("21", "31")]
        children = [p for p in people if p.fields["relation"] in (*SONS, *DAUGHTERS)]
        assert not only or len(children) == 1


def test_relations_tell_the_sex(tier_s):
    for person in tier_s.by_kind["resident"]:
        relation, sex = person.fields["relation"], person.fields["sex"]
        assert relation not in MEN or sex == "1"
        assert relation not in WOMEN or sex == "2"


def test_the_youngest_have_a_guardian_who_is_somebody_else(tier_s):
    young = [p for p in tier_s.by_kind["resident"] if tier_s.age(p) < 14]
    assert young
    assert all(p.fields.get("guardian") not in (None, p.fields["name"]) for p in young)


def test_nobody_was_told_before_being_born(tier_s):
    for person in tier_s.by_kind["resident"]:
        assert person.fields["birth"] <= person.fields["notice_at"][:7]


def test_sizes_ages_and_sexes_have_their_shares(tier_s):
    people = tier_s.by_kind["resident"]
    sizes = Counter(min(len(family), 6) for family in tier_s.families().values())
    assert [sizes[size] for size in range(1, 7)] == [474, 668, 539, 280, 129, 65]
    bounds = {13: 13.0, 17: 5.0, 59: 62.0, 69: 11.0, 79: 6.3, 200: 2.7}
    ages = [tier_s.age(person) for person in people]
    first = 0
    for last, share in bounds.items():
        found = 100 * sum(first <= age <= last for age in ages) / len(ages)
        assert abs(found - share) < 0.25
        first = last + 1
    men = 100 * sum(person.fields["sex"] == "1" for person in people) / len(people)
    assert abs(men - 51) < 0.25


def test_rare_and_dotted_names_are_planted(tier_s):
    names = [person.fields["name"] for person in tier_s.by_kind["resident"]]
    rare = [name for name in names if set(name) & set("𬭎䶮㛃𠮷")]
    assert len(rare) == round(5593 * 0.003)
    assert sum("·" in name for name in names) == round(5593 * 0.005)
    surnames = Counter(name[0] for name in names)
    assert {surname for surname, _ in surnames.most_common(5)} <= set("李王张刘陈杨")


def test_tenants_live_in_let_rooms(tier_s):
    people = tier_s.by_kind["resident"]
    tenants = [person for person in people if person.fields["reside"] == "tenant"]
    assert abs(len(tenants) / len(people) - 0.17) < 0.002
    for person in people:
        household = tier_s.by_id[person.fields["household_id"]].fields
        let = tier_s.field(household["room_id"], "state") == "rent"
        assert (person.fields["reside"] == "tenant") == let
        assert (household["kind"] == "tenant") == let


def test_rooms_are_used_as_planned(tier_s):
    states = Counter(room.fields["state"] for room in tier_s.by_kind["room"])
    shares = {state: 100 * count / 2535 for state, count in states.items()}
    for state, share in {
        "owner": 62,
        "rent": 20,
        "vacant": 12,
        "business": 3,
        "unknown": 3,
    }.items():
        assert abs(shares[state] - share) < 0.1
    lived_in = {household.fields["room_id"] for household in tier_s.by_kind["household"]}
    empty = {
        room.record_id
        for room in tier_s.by_kind["room"]
        if room.fields["state"] in ("vacant", "business")
    }
    assert len(lived_in) == 2155
    assert not lived_in & empty


def test_notice_phone_and_basis_have_their_shares(tier_s):
    people = [person.fields for person in tier_s.by_kind["resident"]]
    owed = [fields for fields in people if fields["notice_version"] == NOTICE_OWED]
    assert abs(len(owed) / len(people) - 0.08) < 0.015
    assert all(fields["basis"] == "statutory" for fields in owed)
    told = [fields for fields in people if fields["notice_version"] != NOTICE_OWED]
    assert abs(sum(fields["basis"] == "consent" for fields in told) / len(told) - 0.6) < 0.03
    grown = [p.fields for p in tier_s.by_kind["resident"] if tier_s.age(p) >= 14]
    assert abs(sum("phone" in fields for fields in grown) / len(grown) - 0.88) < 0.02
    phones = [fields["phone"] for fields in people if "phone" in fields]
    assert len(phones) == len(set(phones))


def test_known_good_numbers_come_out_of_the_rule():
    assert id_number("990101", "19800101", 1) == "990101198001010014"
    assert id_number("990101", "20150706", 3) == "99010120150706003X"
    assert id_number("990101", "19520229", 8) == "99010119520229008X"
