"""Messages and values: they arrive as they were sent, and hostile bytes are refused."""

import collections
import enum
import json
import math
import random
import socket
import struct
import threading
import time

import numpy as np
import pytest
import safetensors.torch
import torch

from autograder.judge.inside import codec, frames, vocabulary
from autograder.judge.inside.codec import Handle
from autograder.judge.limits import Limits

GRID = torch.arange(24.0).reshape(2, 3, 4)


def through(value, keep=None, **given):
    """A value that has gone over a socket."""
    ours, theirs = socket.socketpair()
    tensors = {}
    header = {"value": codec.encode(value, tensors, keep)}
    with ours, theirs:
        sender = threading.Thread(target=frames.send, args=(theirs, header, tensors))
        sender.start()
        header, tensors = frames.receive(ours, time.monotonic() + 30)
        sender.join()
    return codec.decode(header["value"], tensors, **given)


def received(data, seconds=5.0, limits=frames.DEFAULT):
    """What is received when the other side sends these bytes and closes."""
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(data)
        theirs.close()
        return frames.receive(ours, time.monotonic() + seconds, limits)


def framed(header=b"{}", body=b""):
    return frames.HEAD.pack(len(header), len(body)) + header + body


# ----------------------------------------------------------------------------------- what goes over


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            False,
            0,
            -3,
            2**70,
            0.1,
            -0.0,
            "",
            "naïve\n\x00",
            "lone \ud800 surrogate",
            "x" * 10_000,
        ),
        *(
            b"",
            b"\x00\xff",
            [],
            [1, [2.5, None]],
            (),
            (1, ("a", [])),
            {},
            {"a": (1,), "": {"b": []}},
        ),
        *(math.inf, -math.inf, torch.float32, torch.bool),
    ],
    ids=repr,
)
def test_plain_values_come_out_the_same(value):
    came = through(value)
    assert type(came) is type(value)
    assert came == value


def test_not_a_number_is_a_number():
    assert math.isnan(through(math.nan))


@pytest.mark.parametrize("dtype", sorted(vocabulary.DTYPES, key=str), ids=str)
def test_every_real_dtype(dtype):
    tensor = torch.tensor([0, 1, 1, 0]).to(dtype)
    came = through(tensor)
    assert came.dtype == dtype
    assert torch.equal(came, tensor)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 1, 5)], ids=str)
def test_every_shape(shape):
    assert through(torch.rand(shape)).shape == shape


@pytest.mark.parametrize(
    "tensor",
    [GRID, GRID.mT, GRID.permute(2, 0, 1), GRID[:, ::2], GRID[..., 1], GRID.to(torch.int8).mT],
    ids=["contiguous", "transposed", "permuted", "sliced", "selected", "bytes"],
)
def test_strides_survive(tensor):
    came = through(tensor)
    assert torch.equal(came, tensor)
    assert came.stride() == tensor.stride()


def test_overlapping_strides_come_out_contiguous():
    came = through(GRID.expand(5, 2, 3, 4))
    assert came.is_contiguous()
    assert torch.equal(came, GRID.expand(5, 2, 3, 4))


def test_a_tensor_that_requires_a_gradient_says_so():
    leaf = torch.ones(2, requires_grad=True)
    assert through(leaf).requires_grad
    assert through(leaf * 2).requires_grad
    assert not through(leaf.detach()).requires_grad
    assert type(through(torch.nn.Parameter(torch.ones(2)))) is torch.Tensor


def test_the_same_tensor_twice_and_views_of_one_storage():
    a, b, c = through([GRID, GRID, GRID[0]])
    assert torch.equal(a, b)
    assert torch.equal(a[0], c)


def test_what_is_encoded_is_a_copy():
    tensor, tensors = torch.zeros(3), {}
    form = codec.encode(tensor, tensors)
    tensor += 1
    assert codec.decode(form, tensors).sum() == 0


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6.0).reshape(2, 3), np.arange(6)[::-1], np.array(3), np.zeros((0, 2))),
        *(
            np.arange(3, dtype=np.uint16),
            np.arange(3, dtype=">f4"),
            np.array([True]),
            np.float16([1.5]),
        ),
    ],
    ids=str,
)
def test_numpy_arrays_stay_numpy(array):
    came = through(array)
    assert type(came) is np.ndarray
    assert came.dtype == array.dtype.newbyteorder("=")
    assert came.shape == array.shape
    assert np.array_equal(came, array)


@pytest.mark.parametrize(
    "scalar", [np.float32(0.1), np.float64(0.1), np.int64(3), np.bool_(True)], ids=repr
)
def test_numpy_scalars_stay_numpy(scalar):
    came = through(scalar)
    assert type(came) is type(scalar)
    assert came == scalar


def test_an_ordered_dict_and_a_size_come_out_plain():
    assert through(torch.Size([2, 3])) == (2, 3)
    state = through(torch.nn.Linear(2, 3).state_dict())
    assert type(state) is dict
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        "weight": (3, 2),
        "bias": (3,),
    }


class Hostile(list):
    def __iter__(self):
        raise RuntimeError("do not run me")

    __len__ = __getitem__ = __class_getitem__ = __eq__ = __iter__


class Level(enum.IntEnum):
    HIGH = 3


Pair = collections.namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Pair(1, GRID.tolist()), (1, GRID.tolist())),
        (torch.ones(2, 3).max(dim=1), (torch.ones(2), torch.zeros(2, dtype=torch.int64))),
        ([Pair(1, 2)], [(1, 2)]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (Level.HIGH, 3),
        (type("Text", (str,), {"__str__": lambda self: "another"})("x"), "x"),
        (type("Number", (float,), {})(0.5), 0.5),
    ],
)
def test_a_subclass_of_a_plain_type_comes_out_as_the_plain_type(value, base):
    came = through(value)
    assert type(came) is type(base)
    if isinstance(base, str):
        assert came == base
    else:
        torch.testing.assert_close(came, base)


def test_no_code_of_a_subclass_is_run():
    assert through(Hostile([1, 2])) == [1, 2]


# ------------------------------------------------------------------------------------ what does not


class OddTensor(torch.Tensor):
    pass


class Liar:
    __class__ = torch.Tensor

    def __getattr__(self, name):
        raise RuntimeError("do not touch")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def endless():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (GRID.to_sparse(), "a sparse or nested tensor"),
        (torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "a sparse or nested tensor"),
        (GRID.to("meta"), "a tensor without data (meta)"),
        (GRID + 0j, "a complex tensor"),
        (GRID.to(torch.float8_e4m3fn), "a tensor of an unusual dtype"),
        (GRID.as_subclass(OddTensor), "a tensor subclass"),
        (np.array(["a"]), "a numpy array of unusual dtype"),
        (np.array([None]), "a numpy array of unusual dtype"),
        (np.array([1j]), "a numpy array of complex numbers"),
        (np.ma.array([1.0]), "a numpy array subclass"),
        (np.complex64(1), "a complex number"),
        (1j, "a complex number"),
        (2**5000, "a very large integer, or a subclass of int"),
        ({1: 2}, "a dict with keys that are not strings, or a subclass of dict"),
        (collections.Counter([1]), "a dict with keys that are not strings, or a subclass of dict"),
        ({1}, "a set"),
        ((n for n in ()), "a generator"),
        (len, "a function"),
        (int, "a class"),
        (torch.nn.Linear(1, 1), "a network (torch.nn.Module)"),
        (ValueError("text"), "an exception"),
        (Liar(), "an object"),
        (nested(7), vocabulary.TOO_LARGE),
        (endless(), vocabulary.TOO_LARGE),
        (list(range(60_000)), vocabulary.TOO_LARGE),
        (torch.zeros(1).expand(2**40), vocabulary.TOO_LARGE),
        (np.broadcast_to(np.float32(0), (2**40,)), vocabulary.TOO_LARGE),
        ([GRID, torch.zeros(20 * 2**20)], vocabulary.TOO_LARGE),
        ("x" * 70_000_000, vocabulary.TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 100 else "",
)
def test_anything_else_stays_and_is_called_by_its_kind(value, kind):
    kept, tensors = [], {}
    form = codec.encode(value, tensors, keep=lambda thing: kept.append(thing) or 7)
    assert codec.decode(form, tensors) == Handle(7, kind)
    assert kept[0] is value
    assert not tensors
    with pytest.raises(frames.WireError):
        codec.encode(value, {})


def test_an_opaque_part_leaves_the_rest_as_it_is():
    tensor, opaque = through([GRID, {1, 2}], keep=lambda thing: 3)
    assert torch.equal(tensor, GRID)
    assert opaque == Handle(3, "a set")


def test_the_deepest_value_that_is_sent_is_within_the_depth_of_json():
    value = GRID.mT
    for _ in range(codec.VALUE_DEPTH):
        value = (value,)
    while isinstance(value := through(value), tuple):
        value = value[0]
    assert torch.equal(value, GRID.mT)


def test_handles_resolve():
    assert through([Handle(4, "a class")], resolve=lambda handle, kind: (handle, kind)) == [
        (4, "a class")
    ]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ValueError(), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (json.JSONDecodeError("secret", "", 0), "ValueError"),
        (torch.linalg.LinAlgError(), "torch.linalg.LinAlgError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "MemoryError"),
        (type("Secret", (ValueError,), {"__module__": "__main__"})(), vocabulary.OWN_EXCEPTION),
    ],
    ids=repr,
)
def test_exceptions_go_by_a_known_name(error, name):
    assert vocabulary.exception_name(error) == name


# --------------------------------------------------------------------------------- hostile messages


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">IQ", 2, 2**60),
        struct.pack(">IQ", 2, 2**64 - 1),
        struct.pack(">IQ", 2**32 - 1, 0),
        struct.pack(">IQ", 2, 64 * 2**20 - 1),
    ],
    ids=["2^60", "2^64", "header", "sum"],
)
def test_a_head_that_announces_too_much_is_refused_at_once(head):
    with pytest.raises(frames.TooLargeError):
        received(head + b"{}")


def test_a_message_too_large_is_not_sent():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(frames.TooLargeError):
            frames.send(ours, {}, {"0": torch.zeros(2**20)}, limits=Limits(reply=2**20))
        with pytest.raises(frames.TooLargeError):
            frames.send(ours, {"text": "x" * 100}, {}, limits=Limits(header=100))
        assert frames.is_quiet(theirs)


@pytest.mark.parametrize(
    "header",
    [
        *(
            b"",
            b"nonsense",
            b"[]",
            b"3",
            b'"text"',
            b'{"a": ',
            b"\xff\xfe{}",
            '{"a": 1}'.encode("utf-16"),
        ),
        *(
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"[" * 17 + b"]" * 17,
            b'{"a": ' + b"9" * 10_000 + b"}",
        ),
        *(
            b"[" + b"0," * 200_000 + b"0]",
            b'{"a": "' + b'\\"' * 500_000,
            b'{"a": "' + b"[" * 100_000,
        ),
    ],
    ids=lambda header: repr(header[:12]),
)
def test_a_header_that_is_no_small_json_object_is_refused(header):
    with pytest.raises(frames.WireError):
        frames._parse(header)


def test_brackets_inside_strings_are_no_nesting():
    text = '[[[[{{{{",\\"' * 1000
    assert frames._parse(json.dumps({"a": text}).encode()) == {"a": text}


def test_a_json_bomb_is_refused_fast():
    start = time.process_time()
    for bomb in (
        b"[" * 4_000_000,
        b'"' * 4_000_000,
        b'{"":' * 1_000_000,
        b'"\\' * 2_000_000,
        b"[]," * 1_300_000,
    ):
        with pytest.raises(frames.WireError):
            frames._parse(bomb)
    assert time.process_time() - start < 10


def safetensors_with(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"\x80\x04\x95" + b"pickle" * 10,
        struct.pack("<Q", 2**60) + b"{}",
        safetensors_with(
            {"0": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, b"1234"
        ),
        safetensors_with({"0": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}),
        safetensors_with(
            {"0": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"12345678"
        ),
        safetensors_with({"0": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
        safetensors.torch.save({"0": torch.zeros(2, dtype=torch.float8_e5m2)}),
        safetensors.torch.save({"0": torch.zeros(2)})[:-1],
    ],
    ids=["short", "pickle", "header", "size", "overflow", "hole", "dtype", "float8", "cut"],
)
def test_a_body_that_is_no_safetensors_is_refused(body):
    with pytest.raises(frames.WireError):
        received(framed(b"{}", body))


@pytest.mark.parametrize(
    "form",
    [
        *(
            {},
            {"what": 1},
            {"tensor": "9"},
            {"tensor": []},
            {"tensor": "0", "stride": [1, 1]},
            {"tuple": 3},
        ),
        *(
            {"tensor": "0", "stride": [0]},
            {"tensor": "0", "stride": [-1]},
            {"tensor": "0", "stride": [2**62]},
        ),
        *(
            {"tensor": "0", "stride": ["1"]},
            {"tensor": "0", "stride": [True]},
            {"tensor": "i", "grad": True},
        ),
        *(
            {"dict": []},
            {"text": "b"},
            {"array": "b"},
            {"scalar": "0"},
            {"dtype": "Tensor"},
            {"dtype": []},
        ),
        *({"handle": True, "kind": "a class"}, {"handle": 1, "kind": "<script>"}, {"handle": 1}),
        *([{"tensor": "0"}, {"tensor": "0"}], {"tuple": [{"dict": {"a": {"tensor": None}}}]}),
    ],
    ids=json.dumps,
)
def test_a_form_that_is_never_written_is_refused(form):
    tensors = {
        "0": torch.zeros(3),
        "b": torch.zeros(2, dtype=torch.bfloat16),
        "i": torch.zeros(2).long(),
    }
    tensors["b"][:] = -1
    with pytest.raises(frames.WireError):
        codec.decode(form, tensors)


def test_a_message_that_breaks_off_is_a_closed_connection():
    for data in (b"", b"\x00" * 11, framed(b"{}" * 50)[:40]):
        with pytest.raises(frames.Closed):
            received(data)


def test_a_message_that_comes_too_slowly_times_out():
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle():
        theirs.sendall(frames.HEAD.pack(1000, 0))
        while not stop.wait(0.02):
            theirs.sendall(b" ")

    sender = threading.Thread(target=trickle)
    sender.start()
    with pytest.raises(frames.TimedOut):
        frames.receive(ours, time.monotonic() + 0.3)
    stop.set()
    sender.join()
    ours.close()
    theirs.close()


def test_a_reader_that_does_not_read_times_out():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(frames.TimedOut):
        frames.send(ours, {}, {"0": torch.zeros(2**22)}, time.monotonic() + 0.2)


def test_quiet_noisy_and_closed():
    ours, theirs = socket.socketpair()
    with ours:
        assert frames.is_quiet(ours)
        theirs.send(b"x")
        assert not frames.is_quiet(ours)
        ours.recv(1)
        theirs.close()
        with pytest.raises(frames.Closed):
            frames.is_quiet(ours)


def test_fuzz_garbage_and_damaged_messages_raise_what_they_should():
    chance = random.Random(0)
    tensors = {}
    value = codec.encode([GRID.mT, {"a": np.arange(3)}, "x" * 300, (1, None)], tensors)
    good = frames.pack({"id": "1", "value": value}, tensors)
    outcomes = collections.Counter()
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data))]
        try:
            header, body = received(bytes(data))
            codec.decode(header.get("value"), body)
        except (frames.WireError, frames.Closed) as error:
            outcomes[type(error).__name__] += 1
        else:
            outcomes["well"] += 1
    assert outcomes["WireError"] > 100
    assert outcomes["Closed"] > 100
    for size in (1, 12, 13, 100, 5000):
        with pytest.raises((frames.WireError, frames.Closed)):
            received(chance.randbytes(size))
