"""Relay files: whatever is cut, altered, swapped or meant for somebody else is refused whole."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.relay.faults import RelayFault
from schemas.relay.headers import BatchHeader, ReceiptHeader
from schemas.relay.parts import MAX_BODY, PartReader, PartWriter
from schemas.relay.sealing import CHUNK, HEAD, TAG, Sealer, Unsealer, recipient_of

CENTRE = X25519PrivateKey.from_private_bytes(b"\x11" * 32)
STRANGER = X25519PrivateKey.from_private_bytes(b"\x22" * 32)
LASTING = X25519PrivateKey.from_private_bytes(b"\x55" * 32)
LAPTOP = Ed25519PrivateKey.from_private_bytes(b"\x33" * 32)
HEADER = BatchHeader(
    purpose="batch", device_id="01998a00-0000-7000-8000-00000000dddd", district="990101",
    recipient=CENTRE.public_key().public_bytes_raw().hex(), reply_key="ab" * 32,
    made_at="2026-09-30T08:41:00+08:00", app="1.0.0", batches=[], changes=0, photos=0,
)  # fmt: skip


def public(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def sealed(content: bytes, sender: X25519PrivateKey | None = None) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, "receipt" if sender else "batch", public(CENTRE), sender)
    sealer.write(content)
    sealer.close()
    return out.getvalue()


def unsealed(file: bytes, sender: bytes | None = None, size: int = 10_000) -> bytes:
    kind = "receipt" if sender else "batch"
    keys = {public(CENTRE): CENTRE}
    opened = Unsealer(io.BytesIO(file), kind, keys.get, sender)
    return b"".join(iter(lambda: opened.read(size), b""))


def batch(parts: list[tuple[str, dict[str, Any], bytes]]) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, "batch", public(CENTRE))
    writer = PartWriter(sealer, HEADER.document())
    for kind, meta, body in parts:
        writer.add(kind, meta, len(body), [body])
    writer.sign(LAPTOP)
    sealer.close()
    return out.getvalue()


def read_batch(file: bytes, key: bytes | None = None) -> list[tuple[str, dict[str, Any], bytes]]:
    reader = PartReader(Unsealer(io.BytesIO(file), "batch", {public(CENTRE): CENTRE}.get))
    found = [(part.kind, part.meta, part.body.read()) for part in reader.parts()]
    reader.check_signature(key or public(LAPTOP))
    return found


SMALL = [("request", {}, b'{"protocol":1}'), ("photo", {"sha256": "00" * 32}, b"\xff\xd8")]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 3 * CHUNK + 3), st.sampled_from([100, 4096, CHUNK, CHUNK + 1, 2 * CHUNK]))
def test_what_is_sealed_comes_out_the_same_whatever_the_sizes(length, size):
    content = (b"0123456789abcdef" * (length // 16 + 1))[:length]
    assert unsealed(sealed(content), size=size) == content


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_no_beginning_of_a_file_passes_for_the_whole(length):
    file = sealed(bytes(length))
    ends = {*range(HEAD + TAG + 2), *range(HEAD, len(file), CHUNK + TAG), len(file) - 1}
    for end in sorted(one for one in ends if 0 <= one < len(file)):
        with pytest.raises(RelayFault):
            unsealed(file[:end])


def test_chunks_cannot_be_swapped_repeated_or_left_out():
    file = sealed(bytes(3 * CHUNK) + b"end")
    head, body = file[:HEAD], file[HEAD:]
    step = CHUNK + TAG
    first, second, third, last = (body[at : at + step] for at in range(0, len(body), step))
    assert unsealed(head + first + second + third + last)
    for chunks in (
        [second, first, third, last], [first, first, second, third, last],
        [first, third, last], [first, second, third], [first, second, third, last, last],
        [last],
    ):  # fmt: skip
        with pytest.raises(RelayFault, match="relay_damaged"):
            unsealed(head + b"".join(chunks))


def test_chunks_of_another_file_do_not_fit():
    one, other = sealed(bytes(2 * CHUNK)), sealed(bytes(2 * CHUNK))
    at = HEAD + CHUNK + TAG
    with pytest.raises(RelayFault, match="relay_damaged"):
        unsealed(one[:at] + other[at:])


def test_every_flipped_bit_is_refused():
    file = batch(SMALL)
    assert read_batch(file) == SMALL
    for place in range(len(file)):
        for bit in (0, 3, 7):
            spoilt = bytearray(file)
            spoilt[place] ^= 1 << bit
            with pytest.raises(RelayFault):
                read_batch(bytes(spoilt))


def test_every_cut_and_every_addition_is_refused():
    file = batch(SMALL)
    for end in range(len(file)):
        with pytest.raises(RelayFault):
            read_batch(file[:end])
    with pytest.raises(RelayFault):
        read_batch(file + b"\0")
    with pytest.raises(RelayFault):
        read_batch(file + file)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_other_file_is_told_apart(content):
    with pytest.raises(RelayFault, match="relay_not_ours"):
        read_batch(content)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_whatever_somebody_seals_to_the_centre_is_read_or_refused(content):
    """Anybody can seal to a public key; only the signature tells who did."""
    with pytest.raises(RelayFault, match=r"relay_damaged|relay_unsigned"):
        read_batch(sealed(content))


def test_a_file_for_somebody_else_a_receipt_and_a_later_layout_are_told_apart():
    file = batch(SMALL)
    reading = io.BytesIO(file)
    assert recipient_of(reading, "batch") == public(CENTRE)
    with pytest.raises(RelayFault, match="relay_other_recipient"):
        Unsealer(io.BytesIO(file), "batch", {public(STRANGER): STRANGER}.get)
    with pytest.raises(RelayFault, match="relay_other_kind"):
        Unsealer(io.BytesIO(file), "receipt", lambda key: CENTRE)
    later = file[:10] + b"\x00\x02" + file[12:]
    with pytest.raises(RelayFault, match="relay_newer"):
        Unsealer(io.BytesIO(later), "batch", lambda key: CENTRE)
    with pytest.raises(RelayFault, match="relay_damaged"):
        Unsealer(io.BytesIO(file), "batch", lambda key: STRANGER).read(1)


def test_only_the_named_device_can_have_signed():
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x44" * 32)
    for key in (public(stranger), bytes(32), b"short"):
        with pytest.raises(RelayFault, match="relay_unsigned"):
            read_batch(batch(SMALL), key)


def test_a_file_that_ends_without_a_signature_is_nobodys():
    out = io.BytesIO()
    sealer = Sealer(out, "batch", public(CENTRE))
    PartWriter(sealer, HEADER.document()).finish()
    sealer.close()
    with pytest.raises(RelayFault, match="relay_unsigned"):
        read_batch(out.getvalue())


def test_a_signature_over_half_read_parts_is_not_asked_for():
    reader = PartReader(Unsealer(io.BytesIO(batch(SMALL)), "batch", lambda key: CENTRE))
    next(reader.parts())
    with pytest.raises(RelayFault, match="relay_unsigned"):
        reader.check_signature(public(LAPTOP))


def test_bodies_that_are_not_read_are_passed_over_and_still_signed():
    reader = PartReader(Unsealer(io.BytesIO(batch(SMALL)), "batch", lambda key: CENTRE))
    assert [part.kind for part in reader.parts()] == ["request", "photo"]
    reader.check_signature(public(LAPTOP))


def test_only_the_centre_can_have_made_a_receipt():
    """To know the laptop's key for the answer is not enough."""
    keys = {public(CENTRE): CENTRE}  # here the laptop's key of the file
    forged = sealed(b"all stored", STRANGER)
    with pytest.raises(RelayFault, match="relay_damaged"):
        Unsealer(io.BytesIO(forged), "receipt", keys.get, public(LASTING)).read(1)
    real = sealed(b"all stored", LASTING)
    assert unsealed(real, public(LASTING)) == b"all stored"


def test_parts_beyond_their_limits_are_not_written_and_not_read():
    writer = PartWriter(io.BytesIO(), HEADER.document())
    with pytest.raises(ValueError, match="too large"):
        writer.add("request", {}, MAX_BODY["request"] + 1, [])
    with pytest.raises(ValueError, match="another size"):
        writer.add("request", {}, 3, [b"ab"])
    for text in (b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x02{}Q\0\0\0\x02{}\xff\0\0\0"):
        with pytest.raises(RelayFault, match="relay_damaged"):
            list(PartReader(io.BytesIO(text)).parts())


@pytest.mark.parametrize(
    ("name", "value"),
    [("purpose", "receipt"), ("device_id", "x"), ("recipient", "AB" * 32), ("reply_key", None),
     ("batches", ["x"]), ("batches", None), ("changes", -1), ("changes", True),
     ("made_at", "\ud800"), ("app", 5), ("district", "")],
)  # fmt: skip
def test_a_header_that_does_not_fit_is_refused(name, value):
    document = HEADER.document()
    assert BatchHeader.read({**document, "added later": 1}) == HEADER
    with pytest.raises(RelayFault, match="relay_damaged"):
        BatchHeader.read({**document, name: value})
    with pytest.raises(RelayFault, match="relay_damaged"):
        BatchHeader.read({key: one for key, one in document.items() if key != name})
    with pytest.raises(RelayFault, match="relay_damaged"):
        ReceiptHeader.read(document)


def by_the_document(file: bytes, private: X25519PrivateKey, lasting: bytes = b"") -> list[Any]:
    """Open a file as docs/relay-format.md says, with nothing of the program's."""
    kind = {b"B": b"batch", b"R": b"receipt"}[file[9:10]]
    head, rest = file[:76], file[76:]
    secret = private.exchange(X25519PublicKey.from_public_bytes(head[44:76]))
    if lasting:
        secret += private.exchange(X25519PublicKey.from_public_bytes(lasting))
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=head, info=b"gridrounds relay " + kind)
    cipher = ChaCha20Poly1305(hkdf.derive(secret))
    sealed = [rest[at : at + 65_552] for at in range(0, len(rest), 65_552)]
    content = b"".join(
        cipher.decrypt(number.to_bytes(11, "big") + bytes([number == len(sealed) - 1]), one, None)
        for number, one in enumerate(sealed)
    )
    place = 0

    def taken(size: int) -> bytes:
        nonlocal place
        place += size
        return content[place - size : place]

    found = [json.loads(taken(int.from_bytes(taken(4), "big")))]
    while (letter := taken(1)) not in b"SE":
        said = json.loads(taken(int.from_bytes(taken(4), "big")))
        found.append((letter, said, taken(int.from_bytes(taken(4), "big"))))
    if letter == b"S":
        signed = b"gridrounds relay batch 1\n" + hashlib.sha256(content[: place - 1]).digest()
        LAPTOP.public_key().verify(taken(64), signed)
    assert place == len(content)
    return found


def test_a_reader_written_from_the_document_understands_both_files():
    large = ("request", {}, b"x" * 200_000)
    assert by_the_document(batch([*SMALL, large]), CENTRE) == [
        HEADER.document(), (b"Q", {}, SMALL[0][2]), (b"P", SMALL[1][1], SMALL[1][2]),
        (b"Q", {}, large[2]),
    ]  # fmt: skip
    out = io.BytesIO()
    sealer = Sealer(out, "receipt", public(CENTRE), LASTING)
    writer = PartWriter(sealer, {"purpose": "receipt"})
    writer.add("answer", {"to": "pull"}, 2, [b"{}"])
    writer.finish()
    sealer.close()
    read = by_the_document(out.getvalue(), CENTRE, public(LASTING))
    assert read == [{"purpose": "receipt"}, (b"A", {"to": "pull"}, b"{}")]
