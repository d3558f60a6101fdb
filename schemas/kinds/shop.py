"""shop 商铺: a shop on the street or in a compound."""

from schemas.fields import Code, CreditCode, Day, Flag, Line, PersonName, Phone, Ref, Whole
from schemas.kind import Kind, KindInfo
from schemas.labels import Label


class Shop(Kind):
    """A shop of a grid with what safety checks need to know."""

    info = KindInfo(
        name="shop",
        label=Label("商铺", "Shop"),
        group="place",
        title=("name",),
        laptop=frozenset({"create", "update"}),
    )

    name = Line("名称", "Name", required=True, search=True, column=True)
    kind = Code("类别", "Kind", "SHOP_KIND", required=True, column=True)
    address = Line("地址", "Address", required=True, search=True, column=True)
    room_id = Ref("房屋", "Room", "room")
    uscc = CreditCode("统一社会信用代码", "Social credit code")
    keeper = PersonName("负责人", "Keeper", search=True, group="shop")
    phone = Phone("电话", "Phone", policy="review", group="shop")
    staff = Whole("从业人数", "Staff", most=10_000)
    sleep_in = Flag("店内住人", "Somebody lives in")
    extinguisher_until = Day("灭火器有效期", "Extinguisher valid until")
    gas = Flag("使用燃气", "Uses gas")
    fumes = Flag("产生油烟", "Makes fumes")
