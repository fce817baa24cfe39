"""A Fit whose rows exceed what its server may take."""

import os
import resource
import time

import grpc
import numpy
from process_memory import MIB, Server, Watch, forget_peak, peak, resident

# pylint: disable=import-error
from chainrule.v1 import model_pb2, model_service_pb2, tensor_pb2, training_service_pb2
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub

CLASSES = 10
MESSAGE_BYTES = 2 * MIB


def create(channel, inputs, hidden):
    spec = model_pb2.ModelSpec(
        input_width=inputs, class_names=[str(i) for i in range(CLASSES)],
        layers=[model_pb2.LayerSpec(units=hidden, activation=model_pb2.ACTIVATION_RELU),
                model_pb2.LayerSpec(units=CLASSES, activation=model_pb2.ACTIVATION_SOFTMAX)],
        loss=model_pb2.LOSS_CATEGORICAL_CROSS_ENTROPY)
    ModelServiceStub(channel).CreateModel(model_service_pb2.CreateModelRequest(
        model_id="m", model=model_pb2.Model(spec=spec)))


def requests(total_bytes, inputs, epochs, batch_size):
    """A header, then messages of random rows, whose class their greatest input is."""
    yield training_service_pb2.FitRequest(header=training_service_pb2.FitHeader(
        model="models/m", epochs=epochs, batch_size=batch_size))
    random = numpy.random.default_rng(1)
    rows = max(1, MESSAGE_BYTES // (4 * inputs))
    block = random.random((rows + 64, inputs), dtype=numpy.float32)
    for number in range(max(1, total_bytes // (rows * 4 * inputs))):
        part = numpy.roll(block[number % 64:number % 64 + rows], number, axis=1)
        yield training_service_pb2.FitRequest(examples=tensor_pb2.Examples(
            inputs=tensor_pb2.Tensor(shape=part.shape, raw=part.tobytes()),
            class_labels=tensor_pb2.ClassLabels(ids=part[:, :CLASSES].argmax(axis=1).tolist())))


def fit(channel, *arguments):
    """Returns the seconds until the rows were there, the reports, and the result."""
    start, received, reports = time.monotonic(), None, []
    for answer in TrainingServiceStub(channel).Fit(requests(*arguments)):
        if answer.WhichOneof("kind") == "epoch_report":
            reports.append(answer.epoch_report)
        elif answer.WhichOneof("kind") == "rows_received":
            received = (time.monotonic() - start, answer.rows_received)
        else:
            return received, reports, answer.result
    raise AssertionError("a Fit without a result")


class Forgetful:
    """Makes the machine forget what it has in memory of a server's spools."""

    def __init__(self, server):
        self.server = server

    def __call__(self):
        for path in self.server.spool_files():
            try:
                file = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def run(binary, *, total_bytes, fit_memory, limit=None, inputs=784, hidden=64, epochs=3,
        batch_size=128, cold=False):
    """A Fit of so many bytes in a server of its own. With `limit` the kernel gives the server
    no more private memory than that. With `cold` the page cache has next to nothing of the
    spool, as where memory is short. Returns what was measured."""
    def preexec():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    with Server(binary, f"--fit_memory={fit_memory}", preexec_fn=preexec) as server:
        channel = grpc.insecure_channel(server.address)
        create(channel, inputs, hidden)
        forget_peak(server.pid)
        rest = resident(server.pid)
        with Watch(server.pid, 0.25, Forgetful(server) if cold else None):
            (seconds, rows), reports, result = fit(channel, total_bytes, inputs, epochs, batch_size)
        return {
            "rows": rows, "received_per_second": total_bytes / seconds,
            "rest": rest, "peak": peak(server.pid), "after": resident(server.pid),
            "rows_per_second": sorted(r.rows_per_second for r in reports)[len(reports) // 2],
            "losses": [r.loss for r in reports], "steps": result.steps_taken,
            "clean": server.nothing_is_spooled(),
        }
