"""What issues are about: by category a title, a description, the check item, how it was settled."""

from __future__ import annotations

from typing import NamedTuple


class Matter(NamedTuple):
    """One kind of problem; ``item`` is the patrol's check item it is found under, if any."""

    title: str
    text: str
    item: str
    handled: str


CATEGORIES = {
    "ENV": 2504,
    "FAC": 2027,
    "FIRE": 1670,
    "VEH": 1431,
    "PROP": 1193,
    "BLD": 954,
    "DISP": 596,
    "NOI": 477,
    "UTL": 477,
    "SEC": 238,
    "SHOP": 179,
    "CARE": 119,
    "EPI": 36,
    "OTH": 24,
}
"""How many of a year's issues fall to each category (the year of world B)."""
MATTERS: dict[str, tuple[Matter, ...]] = {
    "ENV": (
        Matter("垃圾堆放未清", "楼前垃圾堆放，有异味。", "environment", "已联系保洁清走。"),
        Matter("装修垃圾占道", "装修垃圾堆在路边两天未运。", "construction", "业主已雇车清运。"),
        Matter("小广告成片", "单元门口小广告成片。", "notice", "已铲除并劝导。"),
    ),
    "FAC": (
        Matter("路灯不亮", "夜间路灯连续两盏不亮。", "road_light", "已更换灯泡。"),
        Matter("井盖破损", "人行道井盖破损，有踩空危险。", "road_light", "已更换井盖。"),
        Matter("健身器材松动", "健身器材底座松动。", "facility", "已加固螺栓。"),
        Matter("树枝压电线", "树枝碰到电线。", "green", "已修剪。"),
    ),
    "FIRE": (
        Matter("电动车飞线充电", "从窗户拉线给电动车充电。", "ebike", "已拆除飞线并宣传。"),
        Matter("楼道堆物", "楼道内堆放纸箱和旧家具。", "stacking", "住户已搬走。"),
        Matter("消防通道被占", "消防通道停有车辆。", "fire_lane", "车主已挪车。"),
        Matter("灭火器过期", "楼层灭火器压力不足。", "extinguisher", "已换新。"),
    ),
    "VEH": (
        Matter("车辆乱停", "车辆停在盲道上。", "parking", "已联系车主挪车。"),
        Matter("僵尸车占位", "一辆旧车长期占用公共车位。", "parking", "已联系车主移走。"),
    ),
    "PROP": (
        Matter("物业保洁不到位", "楼道多日未打扫。", "environment", "物业已补做保洁。"),
        Matter("门禁损坏", "单元门禁损坏，外人可随意进出。", "security", "物业已修复。"),
    ),
    "BLD": (
        Matter("楼顶搭建", "楼顶新搭彩钢房。", "illegal_build", "已自行拆除。"),
        Matter("圈占绿地", "一楼住户用栅栏圈占绿地。", "green", "栅栏已拆。"),
    ),
    "DISP": (
        Matter("邻里漏水纠纷", "楼上漏水，两户为赔偿争执。", "", "双方达成口头协议。"),
        Matter("物业费纠纷", "住户对物业费收取有异议。", "", "已当面核对账目。"),
        Matter("噪声引发争吵", "夜间跳操与楼下争吵。", "", "已调整时间。"),
    ),
    "NOI": (
        Matter("饭店油烟扰民", "饭店排烟口正对住户窗户。", "shop", "已清洗并调整排烟口。"),
        Matter("夜间施工噪声", "装修夜间施工。", "construction", "已停止夜间施工。"),
    ),
    "UTL": (
        Matter("下水道堵塞", "污水井外溢。", "facility", "已疏通。"),
        Matter("停水未通知", "整栋楼停水，住户未接到通知。", "", "已恢复供水。"),
    ),
    "SEC": (
        Matter("可疑人员敲门", "有人冒充检查人员敲门。", "security", "已提醒住户并报社区民警。"),
        Matter("电动车电瓶被盗", "车棚内电瓶被盗。", "security", "已报警登记。"),
    ),
    "SHOP": (
        Matter("店外经营", "货品摆到人行道。", "shop", "已收回店内。"),
        Matter("餐馆无证照公示", "新开餐馆未见证照。", "shop", "已补齐公示。"),
    ),
    "CARE": (
        Matter("困难家庭求助", "家中主要劳力生病，生活困难。", "care", "已联系民政协助申请。"),
        Matter("老人走失风险", "老人近日两次找不到回家的路。", "care", "已办防走失手环。"),
    ),
    "EPI": (Matter("积水滋生蚊虫", "地下室积水，蚊虫多。", "environment", "已排水并消杀。"),),
    "OTH": (Matter("遗失物品招领", "捡到一串钥匙。", "", "已交社区失物招领。"),),
}
TWICE_NOT_REACHED = Matter(
    "关怀对象连续两次未见到", "两次上门均无人应答，电话未接通。", "care", "已联系上家属，老人平安。"
)
SCRIPTED_RETURN = Matter(
    "盲道被非机动车占用", "路口盲道上停满非机动车。", "parking", "已摆齐并劝导。"
)
RETURN_WORDS = "请补充具体位置和涉及的路段后重报。"
DEPARTMENTS = {
    "ENV": "城市管理局",
    "FAC": "住房和城乡建设局",
    "FIRE": "消防救援大队",
    "VEH": "公安局",
    "PROP": "住房和城乡建设局",
    "BLD": "自然资源局",
    "DISP": "公安局",
    "NOI": "生态环境局",
    "UTL": "供水公司",
    "SEC": "公安局",
    "SHOP": "市场监督管理局",
    "CARE": "民政局",
    "EPI": "卫生健康局",
    "OTH": "城市管理局",
}
"""Who handles what a community cannot."""
