#!/usr/bin/python3
"""recovery_test.py SERVER FOLDER: what the program does with what is found on the disk when
it starts: records that another processor computed, a log that was damaged; and with a disk
that is full for a while."""

import contextlib
import os
import pathlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import uuid

import grpc
import harness

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
from chainrule.v1 import model_pb2, model_service_pb2, prediction_service_pb2  # noqa: E402
from chainrule.v1 import server_service_pb2, tensor_pb2, training_service_pb2  # noqa: E402
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub  # noqa: E402
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub  # noqa: E402
from chainrule.v1.server_service_pb2_grpc import ServerServiceStub  # noqa: E402
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub  # noqa: E402

INPUTS, OUTPUTS = 40, 3
# A core of OpenBLAS that any processor of this kind can run, and the next.
OTHER_CORES = ("Nehalem", "Prescott")


def tensor(shape, values):
    return tensor_pb2.Tensor(shape=shape, values=values)


def rows(count):
    """Numbers whose sums depend on the order of summing."""
    def value(i):
        return ((i * 7919) % 1013) / 331 - 1.5
    return tensor_pb2.Examples(
        inputs=tensor([count, INPUTS], [value(i) for i in range(count * INPUTS)]),
        targets=tensor([count, OUTPUTS], [value(3 * i + 1) for i in range(count * OUTPUTS)]))


class Client:
    def __init__(self, address):
        self.channel = channel = grpc.insecure_channel(address)
        self.models = ModelServiceStub(channel)
        self.training = TrainingServiceStub(channel)
        self.prediction = PredictionServiceStub(channel)
        self.info = ServerServiceStub(channel)

    def create(self, name):
        """A network large enough that a few rows are smaller than its numbers."""
        spec = model_pb2.ModelSpec(
            input_width=INPUTS, loss=model_pb2.LOSS_MEAN_SQUARED_ERROR,
            layers=[model_pb2.LayerSpec(units=200, activation=model_pb2.ACTIVATION_TANH),
                    model_pb2.LayerSpec(units=OUTPUTS,
                                        activation=model_pb2.ACTIVATION_IDENTITY)],
            optimizer=model_pb2.Optimizer(learning_rate=0.001))
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=name, model=model_pb2.Model(spec=spec)), timeout=60)

    def train(self, name, request_id=""):
        return self.training.Train(training_service_pb2.TrainRequest(
            model=f"models/{name}", examples=rows(32), epochs=10, request_id=request_id),
            timeout=60)

    def predict(self, name):
        return self.prediction.Predict(prediction_service_pb2.PredictRequest(
            model=f"models/{name}", inputs=rows(1).inputs), timeout=60).outputs

    def health(self, service):
        request = b"\x0a" + bytes([len(service)]) + service.encode()
        return self.channel.unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=bytes,
            response_deserializer=bytes)(request, timeout=60) == b"\x08\x01"

    def get(self, name):
        return self.models.GetModel(
            model_service_pb2.GetModelRequest(name=f"models/{name}"), timeout=60)

    def weights(self, name):
        """The step, and all numbers."""
        reply = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}"), timeout=60)
        return reply.model_step, [value for layer in reply.layers
                                  for part in (layer.weights, layer.biases)
                                  for value in part.values]

    def core(self):
        return self.info.GetServerInfo(
            server_service_pb2.GetServerInfoRequest(), timeout=60).numerics.blas_core


class RecoveryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = f"{folder.name}/data"

    def start(self, *flags, **environment):
        server = harness.ServerProcess(SERVER, f"--data_dir={self.data}", *flags,
                                       env={**os.environ, **environment})
        self.addCleanup(server.__exit__)
        self.assertIsNotNone(server.address, "the server did not start")
        return server, Client(server.address)

    def kill(self, server):
        """As a crash ends it; returns what it logged."""
        server.process.kill()
        return server.process.communicate()[1]

    def start_on_other_core(self, core):
        for other in OTHER_CORES:
            server, client = self.start(OPENBLAS_CORETYPE=other)
            if client.core() != core:
                return server, client
            self.kill(server)
        return self.skipTest("OpenBLAS has no other core for this processor")


class InexactReplayTest(RecoveryTest):
    def test_what_another_processor_computed_is_replayed_told_and_kept(self):
        server, client = self.start()
        core = client.core()
        client.create("m")
        client.create("untouched")
        step = client.train("m").model_step
        _, computed = client.weights("m")
        self.kill(server)
        server, client = self.start_on_other_core(core)
        other_step, replayed = client.weights("m")
        other = client.core()
        self.assertEqual(other_step, step)
        self.assertLess(max(abs(a - b) for a, b in zip(computed, replayed)), 1e-4)
        # Nothing else writes a checkpoint within five minutes.
        while not self.log_is_replayed(client):
            pass
        log = self.kill(server)
        line = next(line for line in log.splitlines() if "inexactly" in line)
        for text in ("models/m", f"step={step}", core, other):
            self.assertIn(text, line)
        self.assertNotIn("untouched", log)
        # Back on the first one: what was served last stays.
        server, client = self.start()
        self.assertEqual(client.weights("m"), (step, replayed))
        self.assertNotIn("inexactly", self.kill(server))

    def log_is_replayed(self, client):
        """Whether the checkpoint holds the step: its file is a newer one than the first."""
        uid = client.get("m").uid
        names = [name for name in os.listdir(f"{self.data}/weights") if name.startswith(uid)]
        return names and all(not name.endswith("-1.safetensors") for name in names)


class DamagedLogTest(RecoveryTest):
    def test_who_lost_a_record_is_failed_and_the_others_are_served(self):
        server, client = self.start()
        for name in ("a", "b", "c"):
            client.create(name)
        client.train("a")
        client.train("b")
        step = client.train("a").model_step
        b_weights = client.weights("b")
        self.kill(server)
        log = next(pathlib.Path(f"{self.data}/log").iterdir())
        content = bytearray(log.read_bytes())
        content[600] ^= 1  # in what the first record brought, of "a"
        log.write_bytes(content)
        self.assert_check_names("models/a", log.name)
        for _ in range(2):  # until somebody decides
            server, client = self.start()
            with self.assertRaises(grpc.RpcError) as raised:
                client.predict("a")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DATA_LOSS)
            self.assertIn(log.name, raised.exception.details())
            self.assertEqual(client.get("a").state, model_pb2.MODEL_STATE_FAILED)
            self.assertEqual(client.get("a").step, step)
            self.assertFalse(client.health("chainrule.v1/models/a"))
            self.assertTrue(client.health("chainrule.v1/models/b"))
            self.assertEqual(client.weights("b"), b_weights)
            client.train("c")
            _, _, logged = server.stop()
            self.assertIn("damage was found", logged)
            self.assert_check_names("models/a", log.name)
        server, client = self.start()
        client.models.DeleteModel(model_service_pb2.DeleteModelRequest(name="models/a"))
        server.stop()
        self.assertEqual(self.check().returncode, 0)

    def train_and_kill(self):
        """Three steps of "a" that were answered; returns the last one's id, and its segment."""
        server, client = self.start()
        client.create("a")
        ids = [str(uuid.uuid4()) for _ in range(3)]
        for request_id in ids:
            client.train("a", request_id)
        self.kill(server)
        return ids[-1], next(pathlib.Path(f"{self.data}/log").iterdir())

    def damage_last_byte(self, log):
        content = bytearray(log.read_bytes())
        content[-1] ^= 1
        log.write_bytes(content)

    def test_a_damaged_last_record_is_damage_while_the_machine_runs_on(self):
        last_id, log = self.train_and_kill()
        self.damage_last_byte(log)
        self.assert_check_names("models/a", f"{log.name}: a damaged record at byte")
        server, client = self.start()
        with self.assertRaises(grpc.RpcError) as raised:
            client.train("a", last_id)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DATA_LOSS)
        self.assertIn(f"{log.name}: a damaged record at byte", raised.exception.details())
        self.assertEqual(client.get("a").state, model_pb2.MODEL_STATE_FAILED)
        self.assertIn("damage was found", self.kill(server))

    def test_what_another_start_of_the_machine_left_is_cut_and_told(self):
        _, log = self.train_and_kill()
        self.damage_last_byte(log)
        with contextlib.closing(sqlite3.connect(f"{self.data}/facts.sqlite")) as facts, facts:
            changed = facts.execute(
                "UPDATE folder SET value = 'another' WHERE name = 'log_boot_id'").rowcount
        self.assertEqual(changed, 1)
        # With its last connection SQLite's write-ahead log went, and in order.
        pathlib.Path(f"{self.data}/RUNNING").unlink()
        self.assert_cut_and_told(log)

    def test_what_was_not_written_to_its_end_is_cut_and_told(self):
        _, log = self.train_and_kill()
        with open(log, "r+b") as file:
            file.truncate(log.stat().st_size - 1)
        self.assert_cut_and_told(log)

    def assert_cut_and_told(self, log):
        checked = self.check()
        self.assertEqual(checked.returncode, 0, checked.stdout)
        self.assertRegex(checked.stdout, rf"{log.name}: a torn tail of \d+ bytes from byte \d+ on")
        server, client = self.start()
        self.assertEqual(client.get("a").step, 20)
        lines = [line for line in self.kill(server).splitlines() if "torn tail" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("warning", lines[0].lower())
        self.assertRegex(lines[0], rf"{log.name}: a torn tail of \d+ bytes from byte \d+ on")
        server, client = self.start()
        self.assertNotIn("torn tail", self.kill(server))

    def check(self):
        return subprocess.run([SERVER, "--check", f"--data_dir={self.data}"], timeout=60,
                              capture_output=True, text=True, check=False)

    def assert_check_names(self, *texts):
        checked = self.check()
        self.assertEqual(checked.returncode, 1, checked.stdout)
        for text in texts:
            self.assertIn(text, checked.stdout)
        self.assertNotIn("models/b", checked.stdout)


class FullDiskTest(RecoveryTest):
    TRAINING = "chainrule.v1.TrainingService"

    def assert_refuses_and_recovers(self, server, client, fill, free):
        """Changes are refused while the disk is full, and come after it, once each."""
        before = client.predict("m")
        step = client.get("m").step
        fill()
        request_id = str(uuid.uuid4())
        with self.assertRaises(grpc.RpcError) as raised:
            while True:  # what still fits
                client.train("m")
                step = client.get("m").step
                before = client.predict("m")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("storage failed", raised.exception.details())
        with self.assertRaises(grpc.RpcError):
            client.train("m", request_id)
        with self.assertRaises(grpc.RpcError) as raised:
            client.create("other")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(client.predict("m"), before)
        self.assertEqual(client.get("m").step, step)
        self.assertFalse(client.health(self.TRAINING))
        self.assertIsNone(server.process.poll())
        free()
        while not client.health(self.TRAINING):
            pass
        client.create("other")
        reply = client.train("m", request_id)
        # One that was refused without an id may have been kept, as a whole.
        self.assertIn(reply.model_step - step, (10, 20))
        self.assertEqual(reply.steps_taken, 10)
        weights = client.weights("m")
        self.assertEqual(server.stop()[0], 0)
        _, client = self.start()
        self.assertEqual(client.weights("m"), weights)

    def test_a_limit_of_the_size_of_files(self):
        server, client = self.start()
        client.create("m")
        client.train("m")
        pid = server.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        self.assert_refuses_and_recovers(
            server, client,
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (100, unlimited[1])),
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited))

    def test_a_file_system_without_space(self):
        with self.small_file_system() as folder:
            server, client = self.start_trained(folder)
            filler = pathlib.Path(folder) / "filler"
            self.assert_refuses_and_recovers(
                server, client, lambda: self.fill(filler), filler.unlink)
            self.doCleanups()

    def test_a_start_without_space(self):
        with self.small_file_system() as folder:
            server, client = self.start_trained(folder)
            before = client.predict("m")
            self.assertEqual(server.stop()[0], 0)
            filler = pathlib.Path(folder) / "filler"
            self.fill(filler)
            for _ in range(2):
                server, client = self.start()
                self.assertEqual(client.predict("m"), before)
                with self.assertRaises(grpc.RpcError) as raised:
                    client.train("m")
                self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
                self.assertIn("storage failed", raised.exception.details())
                self.assertFalse(client.health(self.TRAINING))
                self.assertIn("storage failed", self.kill(server))
            server, client = self.start()
            filler.unlink()
            while not client.health(self.TRAINING):
                pass
            self.assertEqual(client.predict("m"), before)
            self.assertEqual(client.train("m").model_step, 20)
            self.doCleanups()

    def start_trained(self, folder):
        self.data = f"{folder}/data"
        server, client = self.start()
        client.create("m")
        client.train("m")
        return server, client

    @staticmethod
    def fill(filler):
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    @contextlib.contextmanager
    def small_file_system(self):
        with tempfile.TemporaryDirectory() as folder:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder],
                                     capture_output=True, check=False)
            if mounted.returncode != 0:
                self.skipTest("no file system can be mounted here")
            try:
                yield folder
            finally:
                subprocess.run(["umount", "-l", folder], check=True)


if __name__ == "__main__":
    unittest.main()
