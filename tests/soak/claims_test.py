#!/usr/bin/python3
"""claims_test.py SERVER FOLDER: what says that it is larger than it is costs nothing, and what
is larger than allowed costs what gRPC may take and no more. Judged by the processes' own peak
memory."""

import gzip
import itertools
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc
import process_memory
from process_memory import MIB, Server, forget_peak, peak, resident

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
process_memory.harness.generate(FOLDER)

import fit  # noqa: E402
from chainrule.v1 import evaluation_pb2, model_pb2  # noqa: E402
from chainrule.v1 import model_service_pb2 as models_pb2  # noqa: E402
from chainrule.v1 import prediction_service_pb2, tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402
from inference import grpc_service_pb2  # noqa: E402
from inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub  # noqa: E402

Tensor = tensor_pb2.Tensor
# So much may differ for reasons of the allocator.
NOTHING = 6 * MIB
SHAPES = ([1 << 40, 784], [1_000_000, 784], [1 << 62, 1 << 62], [3, 784], [-1, 784], [784],
          [1 << 32, 1 << 32])


def any_channel(server):
    """A connection of its own, without limits of the client's."""
    return grpc.insecure_channel(server.address, options=[
        ("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)])


def frame(kind, flags, stream, payload):
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening(stream, path):
    """The headers of a call."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test",
              "content-type": "application/grpc", "te": "trailers"}
    block = b"".join(b"\0" + bytes([len(key)]) + key.encode() + bytes([len(value)]) + value.encode()
                     for key, value in fields.items())
    return frame(1, 4, stream, block)


def claiming_call(stream, path, length):
    """A call whose message is said to have `length` bytes, of which ten come."""
    return opening(stream, path) + frame(0, 0, stream, struct.pack(">BI", 0, length) + b"x" * 10)


def whole_call(stream, path, message):
    """A call with its one message."""
    return opening(stream, path) + frame(0, 1, stream,
                                         struct.pack(">BI", 0, len(message)) + message)


def connect(server, window=65_535):
    """A connection in HTTP/2 on which each call receives `window` bytes before it is read."""
    host, port = server.address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                       frame(4, 0, 0, struct.pack(">HI", 4, window)))
    return connection


class ClaimsTest(unittest.TestCase):
    def setUp(self):
        self.server = Server(SERVER, "--grpc_memory=64MiB", "--max_message_bytes=16MiB")
        self.addCleanup(self.server.__exit__)
        self.channel = any_channel(self.server)
        self.addCleanup(self.channel.close)
        fit.create(self.channel, 784, 16)
        self.models = ModelServiceStub(self.channel)
        self.training = TrainingServiceStub(self.channel)
        self.predict(Tensor(shape=[1, 784], raw=bytes(4 * 784)))
        forget_peak(self.server.pid)
        self.before = resident(self.server.pid)

    def predict(self, inputs):
        return PredictionServiceStub(self.channel).Predict(
            prediction_service_pb2.PredictRequest(model="models/m", inputs=inputs))

    def grown(self):
        return peak(self.server.pid) - self.before

    def refused(self, call, *arguments, code=grpc.StatusCode.INVALID_ARGUMENT):
        with self.assertRaises(grpc.RpcError) as failed:
            result = call(*arguments)
            if hasattr(result, "__next__"):
                list(result)
        self.assertEqual(failed.exception.code(), code, failed.exception.details())

    def test_tensors_that_claim_more_than_they_hold(self):
        for shape, dtype in itertools.product(SHAPES, (0, tensor_pb2.DATA_TYPE_UINT8)):
            claim = Tensor(shape=shape, dtype=dtype, raw=bytes(8))
            examples = tensor_pb2.Examples(inputs=claim,
                                           class_labels=tensor_pb2.ClassLabels(ids=[1]))
            layers = [tensor_pb2.LayerTensors(index=0, weights=claim)]
            self.refused(self.predict, claim)
            for request in (training_service_pb2.TrainRequest, evaluation_pb2.EvaluateRequest,
                            training_service_pb2.GetGradientsRequest):
                method = request.DESCRIPTOR.name.removesuffix("Request")
                self.refused(getattr(self.training, method),
                             request(model="models/m", examples=examples))
            self.refused(self.models.SetWeights, models_pb2.SetWeightsRequest(
                model="models/m", layers=layers))
            self.refused(self.training.Fit, iter((
                training_service_pb2.FitRequest(
                    header=training_service_pb2.FitHeader(model="models/m")),
                training_service_pb2.FitRequest(examples=examples))))
            self.refused(GRPCInferenceServiceStub(self.channel).ModelInfer, self.infer(shape))
        self.assertLess(self.grown(), NOTHING)

    @staticmethod
    def infer(shape):
        request = grpc_service_pb2.ModelInferRequest(model_name="m",
                                                     raw_input_contents=[bytes(8)])
        request.inputs.add(name="input", datatype="FP32", shape=shape)
        return request

    def test_what_is_sent_compressed_is_not_unpacked(self):
        channel = grpc.insecure_channel(self.server.address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)],
            compression=grpc.Compression.Gzip)
        self.addCleanup(channel.close)
        bomb = prediction_service_pb2.PredictRequest(
            model="models/m", inputs=Tensor(shape=[1, 784], raw=bytes(200 * MIB)))
        self.refused(PredictionServiceStub(channel).Predict, bomb,
                     code=grpc.StatusCode.UNIMPLEMENTED)
        self.assertLess(self.grown(), NOTHING)

    def test_files_that_claim_more_than_they_hold(self):
        headers = (
            struct.pack("<Q", 400 * MIB) + b"{}",
            struct.pack("<Q", (1 << 64) - 1),
            self.safetensors(b'{"layers.0.weight":{"dtype":"F32","shape":[1000000,100],'
                             b'"data_offsets":[0,400000000]}}'),
            self.safetensors(b'{"layers.0.weight":{"dtype":"F32","shape":[4294967296,4294967296],'
                             b'"data_offsets":[0,0]}}'),
        )
        for data, total in itertools.product(headers, (None, 500 * MIB)):
            header = models_pb2.ImportModelHeader(model_id="new", total_bytes=total or len(data))
            self.refused(self.models.ImportModel, iter((
                models_pb2.ImportModelRequest(header=header),
                models_pb2.ImportModelRequest(data=data))))
        self.assertLess(self.grown(), NOTHING)

    @staticmethod
    def safetensors(header):
        return struct.pack("<Q", len(header)) + header

    def test_models_that_would_be_too_large(self):
        for units in (1 << 31, 2_000_000, (1 << 63) - 1):
            spec = model_pb2.ModelSpec(input_width=784, layers=[model_pb2.LayerSpec(units=units)])
            self.refused(self.models.CreateModel, models_pb2.CreateModelRequest(
                model_id="large", model=model_pb2.Model(spec=spec)))
        self.assertLess(self.grown(), NOTHING)

    def test_messages_that_say_they_will_be_long(self):
        """A message below the limit is waited for; nothing is laid out for it before it comes."""
        paths = ("/chainrule.v1.PredictionService/Predict", "/chainrule.v1.TrainingService/Fit",
                 "/chainrule.v1.ModelService/ImportModel", "/inference.GRPCInferenceService/ModelInfer")
        with connect(self.server) as connection:
            for number in range(400):
                connection.sendall(claiming_call(2 * number + 1, paths[number % 4], 15 * MIB))
            self.predict(Tensor(shape=[1, 784], raw=bytes(4 * 784)))
            # Claims beyond the limit are refused by it.
            for number in range(400, 800):
                connection.sendall(claiming_call(2 * number + 1, paths[number % 4], (1 << 32) - 1))
            self.predict(Tensor(shape=[1, 784], raw=bytes(4 * 784)))
        self.assertLess(self.grown(), 4 * NOTHING)  # 800 streams, 6 GB claimed

    def test_messages_beyond_the_limit_cost_what_grpc_may_take(self):
        request = prediction_service_pb2.PredictRequest(
            model="models/m", inputs=Tensor(shape=[1, 784], raw=bytes(100 * MIB)))
        channels = [any_channel(self.server) for _ in range(8)]
        callers = [threading.Thread(target=self.refused, args=(PredictionServiceStub(c).Predict,
                                                               request),
                                    kwargs={"code": grpc.StatusCode.RESOURCE_EXHAUSTED})
                   for c in channels]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        self.predict(Tensor(shape=[1, 784], raw=bytes(4 * 784)))
        for channel in channels:
            channel.close()
        self.assertLess(self.grown(), (64 + 32) * MIB)  # 800 MiB were sent


class UnreadTest(unittest.TestCase):
    """Clients that read nothing, or send nothing."""

    def setUp(self):
        self.server = Server(SERVER, "--max_message_bytes=8MiB", "--max_queued_bytes=32MiB",
                             "--fit_memory=16MiB", "--max_queued_calls=64")
        self.addCleanup(self.server.__exit__)
        self.channel = any_channel(self.server)
        self.addCleanup(self.channel.close)
        fit.create(self.channel, 784, 600)
        self.models = ModelServiceStub(self.channel)
        self.get = models_pb2.GetWeightsRequest(model="models/m")
        self.models.GetWeights(self.get)
        forget_peak(self.server.pid)
        self.before = resident(self.server.pid)

    def answers(self):
        """Whether calls are taken in, with their answers, here of 1.9 MB."""
        try:
            self.models.GetWeights(self.get)
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            return False

    def wait_until(self, answers):
        end = time.monotonic() + 30
        while self.answers() != answers:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_answers_that_nobody_reads_count_until_they_are_gone(self):
        message = models_pb2.GetWeightsRequest(model="models/m").SerializeToString()
        with connect(self.server, window=0) as connection:
            for number in range(200):  # of 1.9 MB each
                connection.sendall(whole_call(2 * number + 1,
                                              "/chainrule.v1.ModelService/GetWeights", message))
            self.wait_until(answers=False)
        self.wait_until(answers=True)
        self.assertLess(peak(self.server.pid) - self.before, 128 * MIB)

    def test_calls_that_send_nothing_are_no_more_than_so_many(self):
        path = "/chainrule.v1.PredictionService/Predict"
        with connect(self.server) as connection:
            reader = threading.Thread(target=self.read, args=(connection,))
            reader.start()
            for number in range(0, 12_000, 1000):
                connection.sendall(b"".join(opening(2 * (number + i) + 1, path)
                                            for i in range(1000)))
            self.wait_until(answers=False)
            connection.shutdown(socket.SHUT_RDWR)
            reader.join()
        self.wait_until(answers=True)

    @staticmethod
    def read(connection):
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass


class ClientFilesTest(unittest.TestCase):
    """The command line reads files that claim; it needs no server to refuse them."""

    # Beyond this it is given no memory; what it takes to refuse a file is a tenth of it.
    LIMIT = 128 * MIB

    def refuses(self, name, content, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.write_bytes(content)
            command = [pathlib.Path(SERVER).with_name("chainrule"), f"--server={self.address}",
                       *(argument.replace("FILE", str(path)) for argument in arguments)]
            ended = subprocess.run(command, capture_output=True, text=True, check=False,
                                   preexec_fn=lambda: resource.setrlimit(
                                       resource.RLIMIT_DATA, (self.LIMIT, self.LIMIT)))
        self.assertIn(ended.returncode, (1, 2), ended.stderr)

    def test_idx_and_csv(self):
        with Server(SERVER) as server:
            self.address = server.address
            with grpc.insecure_channel(server.address) as channel:
                fit.create(channel, 784, 16)
            idx = struct.pack(">HBBIII", 0, 8, 3, (1 << 32) - 1, 28, 28) + bytes(784)
            labels = struct.pack(">HBBI", 0, 8, 1, (1 << 32) - 1) + bytes(1)
            for name, content in (
                    ("rows.idx", idx), ("labels.idx", labels), ("rows.idx.gz", gzip.compress(idx)),
                    ("deep.idx", struct.pack(">HBB", 0, 8, 255) + b"\xff" * 1020),
                    ("open.csv", b'"' + b"x" * 5_000_000),
                    ("model.safetensors", struct.pack("<Q", 1 << 40) + b"{}")):
                arguments = {"idx": ("train", "m", "FILE", "--label-file=FILE"),
                             "csv": ("train", "m", "FILE", "--label=1"),
                             "saf": ("import", "FILE", "--model=new")}[name.split(".")[1][:3]]
                with self.subTest(name):
                    self.refuses(name, content, *arguments)


if __name__ == "__main__":
    unittest.main()
