"""Invented names of people; rare characters and the middle dot are planted in exact numbers."""

from __future__ import annotations

from itertools import accumulate
from random import Random


def listed(words: str) -> list[str]:
    """Return the words of a text as a list."""
    return words.split()


SURNAMES = listed(
    "李71 王70 张67 刘54 陈45 杨31 黄23 赵22 吴21 周20 徐15 孙15 马13 朱12 胡12 "
    "郭11 何11 林11 高10 罗10 郑9 梁9 谢8 宋8 唐7 许7 韩6 邓6 冯6 曹6 "
    "彭5 曾5 肖5 田5 董5 潘5 袁5 蔡5 蒋4 余4 于4 杜4 叶4 程4 魏4 "
    "苏4 吕4 丁4 任4 卢3 姚3 沈3 钟3 姜3 崔3 谭3 陆3 范3 汪3 廖3 "
    "石3 金3 韦3 贾3 夏3 付3 方3 邹3 熊3 白3 孟2 秦2 邱2 侯2 江2 "
    "尹2 薛2 闫2 雷2 龙2 黎2 史2 陶2 贺2 毛2 郝2 顾2 龚2 邵2 万2 "
    "覃2 武2 钱2 戴2 严2 莫2 孔2 向2 常1 汤1"
)
"""The hundred most common surnames with their rough share in thousandths."""
WOMEN = (
    "芳娜敏静秀英丽娟艳玲桂兰凤洁梅琳素云莲真雪荣爱妹霞香月莺媛瑞凡佳琼勤珍贞莉娣叶璧"
    "璐娅琦晶妍茜秋珊莎锦黛青倩婷姣婉娴瑾颖露瑶怡婵雁蓓纨仪荷丹蓉眉君琴蕊薇菁梦岚苑婕"
    "馨瑗琰韵融园艺咏卿聪澜雯曼朵卉彩萍慈娥婧"
)
MEN = (
    "伟强磊军洋勇杰涛超明刚平辉鹏飞浩亮志海波斌健峰建国华龙德东兵立民进林松柏良栋江义"
    "宏利清彬富顺信子胜学祥才发武新成康星光天达安岩中茂友裕河哲震振壮会思群豪心邦承乐"
    "绍功善厚庆坚和世广生雷锋钢虎骏驰彪雄奇毅"
)
BOTH = (
    "一文晓春小玉红永金庭雨晨宁欣然可佩语俊凯冬嘉悦彤睿泽宇轩涵熙景亦书诗知远维贤惠淑"
    "慧正元启昕同舒长保福全喜根运源逸骁恒若向初以行之川言山水田禾谷木石桐楠桦杉枫榕竹"
    "萱苗芸苓荟蔚茗墨均泉乔晗诺朗妙如意澄溪沐"
)
RARE = {"1": "𬭎䶮𠮷", "2": "䶮㛃𠮷"}
"""Characters outside common fonts and the first Unicode plane, by the sex they suit."""
DOTTED = (
    ("艾力", "买合木", "吐尔逊", "玉山", "库尔班"),
    ("阿依", "古丽", "热依娜", "米热", "迪丽"),
    ("阿布都", "依明", "卡德尔", "肉孜", "萨迪克"),
)
"""Parts of names with a middle dot: men's, women's, and the second part."""
SINGLE_SHARE = 0.12

_surnames = [entry[0] for entry in SURNAMES]
_weights = list(accumulate(int(entry[1:]) for entry in SURNAMES))
_given = {
    "1": tuple(dict.fromkeys(MEN + BOTH)),
    "2": tuple(dict.fromkeys(WOMEN + BOTH)),
}


def surname(rng: Random) -> str:
    """Return a surname by its rough share."""
    return rng.choices(_surnames, cum_weights=_weights)[0]


def given(rng: Random, sex: str) -> str:
    """Return a given name of one or two characters for sex "1" or "2"."""
    characters = _given[sex]
    first = rng.choice(characters)
    return first if rng.random() < SINGLE_SHARE else first + rng.choice(characters)


def person(rng: Random, sex: str) -> str:
    """Return a full name."""
    return surname(rng) + given(rng, sex)


def rare(rng: Random, sex: str, family: str) -> str:
    """Return a full name with a rare character."""
    return family + rng.choice(_given[sex]) + rng.choice(RARE[sex])


def dotted(rng: Random, sex: str) -> str:
    """Return a full name with a middle dot."""
    return f"{rng.choice(DOTTED[int(sex) - 1])}·{rng.choice(DOTTED[2])}"
