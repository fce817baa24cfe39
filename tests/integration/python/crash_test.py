#!/usr/bin/python3
"""crash_test.py SERVER FOLDER [KILLS]: a server that is killed again and again while clients
work with it, each repeating its calls with their request ids until they are answered.

Some share a model, and train it, apply gradients to it and set its weights. One has a model
of its own and does one thing after the other to it, all that there is, long Fits included;
kills seek it out in the middle of each. Readers look at the weights and ask for predictions
all the while.

Then every answered step is there, none was applied twice, every answer and every number is,
bit for bit, that of a run without kills that makes the same calls in the order of their
replies' model_step; and what the readers saw at a step is what that run has there. Nobody
ever saw a step that the next process did not have."""

import hashlib
import itertools
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import Counter

import grpc
import harness
import numpy

SERVER, FOLDER = sys.argv.pop(1), sys.argv.pop(1)
KILLS = int(sys.argv.pop(1)) if len(sys.argv) > 1 else 5
harness.generate(FOLDER)

# pylint: disable=wrong-import-position
import crash_calls as calls  # noqa: E402
from chainrule.v1 import model_pb2, model_service_pb2 as service  # noqa: E402

TRAINERS = 3
LATER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
# What a kill waits for: any moment, a Fit that was seen in its middle, or another call of the
# single client's.
TARGETS = ["fit", None, "stopping fit", "replace", "fit", "apply", None, "restore", "fit",
           "publish", None, "rate", "fit", "copy", None, "import", "fit", "set", None, "train"]


def shared_call(chance, step):
    """A Train of some rows, or now and then another change."""
    kind = chance.rand()
    if kind < 0.1:
        return calls.SetWeights("set", chance, "shared")
    if kind < 0.3:  # any age, or of a step that was answered
        base = step if kind < 0.2 else None
        return calls.ApplyGradients("apply", chance, "shared", base, None)
    batch = int(chance.choice([7, 32]))
    return calls.Train("train", chance, "shared", rows=batch * chance.randint(1, 7),
                       epochs=int(chance.choice([1, 1, 1, 3, 40])), batch=batch)


def single_calls(chance, client_of, step_of):
    """Everything that there is, again and again, on a model that nobody else writes."""
    for turn in range(1_000):
        yield calls.Fit("fit", chance, "single", rows=64, epochs=500, batch=8)
        yield calls.ApplyGradients("apply", chance, "single", step_of(), 0)
        yield calls.ModelCall("rate", chance, "UpdateModel", service.UpdateModelRequest(
            model=model_pb2.Model(name="models/single", spec=model_pb2.ModelSpec(
                optimizer=model_pb2.Optimizer(learning_rate=chance.uniform(5e-4, 2e-3))))))
        yield calls.ModelCall("publish", chance, "PublishVersion", service.PublishVersionRequest(
            model="models/single", if_step=step_of()))
        yield calls.StoppingFit("stopping fit", chance, "single", rows=64, epochs=400, batch=8)
        yield calls.ModelCall("copy", chance, "CopyModel", service.CopyModelRequest(
            source="models/single", model_id=f"copy-{turn}"))
        yield calls.SetWeights("set", chance, "single")
        data = client_of(lambda client: client.export("single"))
        yield calls.ModelCall("restore", chance, "RestoreVersion", service.RestoreVersionRequest(
            model="models/single", version=str(turn + 1), if_step=step_of()))
        yield calls.Train("train", chance, "single", rows=64, epochs=20, batch=8)
        yield calls.Import("import", chance, data, model_id=f"import-{turn}")
        yield calls.Import("replace", chance, data, model="models/single", if_step=step_of())


class Run:
    """What clients do to a server that comes and goes, and what came of it."""

    def __init__(self, test, flags):
        self.test, self.flags = test, flags
        self.relaxed = "--durability=relaxed" in flags
        self.folder = tempfile.TemporaryDirectory()
        self.lock = threading.Condition()
        self.client = None   # of the server that runs
        self.shared = []     # (first step, result, call) of the shared model's calls
        self.single = []     # the same of the single client's, in their order
        self.running = None  # (kind, step before it) of the single client's call
        self.steps = Counter()    # of each model: the last one that was answered
        self.visible = Counter()  # of each model: the highest that was seen
        self.seen = {}       # (reader, model, step) -> digest
        self.retries, self.replays, self.resumed = Counter(), 0, 0
        self.faults = []
        self.stopping = False

    def start(self):
        server = harness.ServerProcess(SERVER, f"--data_dir={self.folder.name}/data",
                                       "--checkpoint_bytes=4MiB", "--log_level=error", *self.flags)
        self.test.assertIsNotNone(server.address, "the server did not start")
        with self.lock:
            self.client = calls.Client(server.address)
            self.lock.notify_all()
        return server

    def current(self, last=None):
        """A client of the server that runs, another one than `last` if that one is gone."""
        with self.lock:
            self.lock.wait_for(lambda: self.client is not last or self.stopping, timeout=0.05)
            return self.client

    def until_answered(self, call, kind=None):
        client = self.current()
        while True:
            try:
                return call(client)
            except grpc.RpcError as error:
                if error.code() not in LATER:
                    raise
            if kind is not None:
                self.retries[kind] += 1
            client = self.current(client)

    # --- Clients --------------------------------------------------------------

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except grpc.RpcError as error:
            self.faults.append(f"{error.code()}: {error.details()}")
        except AssertionError as error:
            self.faults.append(str(error))
        with self.lock:
            self.lock.notify_all()

    def make(self, call, model):
        result = self.until_answered(call.make, call.kind)
        reply = getattr(call, "reply", None)
        with self.lock:
            self.steps[model] = max(self.steps[model], result[0])
            if reply is None:
                return result
            self.replays += reply.replayed
            durable = reply.durable_step >= reply.model_step or reply.replayed
            if not durable and not self.relaxed:
                self.faults.append(f"step {reply.model_step} is not durable")
        return result

    def work_on_shared(self, seed):
        chance = numpy.random.RandomState(seed)
        while not self.stopping:
            call = shared_call(chance, self.steps["shared"])
            result = self.make(call, "shared")
            steps = getattr(call.reply, "steps_taken", 1)
            self.shared.append((result[0] - steps, result, call))

    def work_on_single(self):
        chance = numpy.random.RandomState(99)
        step_of = lambda: self.steps["single"]
        for call in single_calls(chance, self.until_answered, step_of):
            if self.stopping and self.single and call.kind == "fit":
                return  # at a round's end
            before = step_of()
            with self.lock:
                self.running = call.kind, before
                self.lock.notify_all()
            result = self.make(call, "single")
            self.single.append((before, result, call))

    def read(self, model):
        """What is seen at a step is always the same, and the step never goes back: not before
        what was answered, and, where nothing is seen before it is durable, not before what was
        seen, also not when a process ends."""
        for name in itertools.cycle(("weights", "predictions")):
            if self.stopping:
                return
            answered = self.steps[model]
            step, content = self.until_answered(lambda client: getattr(client, name)(model))
            digest = hashlib.sha256(content).hexdigest()
            with self.lock:
                floor = answered if self.relaxed else max(answered, self.visible[model])
                if step < floor:
                    self.faults.append(f"{name}: step {step} after step {floor}")
                self.visible[model] = max(self.visible[model], step)
                if self.seen.setdefault((name, model, step), digest) != digest and \
                        not self.relaxed:
                    self.faults.append(f"two {name} were seen at step {step}")
                self.lock.notify_all()
                self.lock.wait(timeout=0.005)  # leaves the cores to the others

    # --- Kills ----------------------------------------------------------------

    def in_its_middle(self):
        kind, before = self.running or (None, 0)
        return kind == "fit" and self.visible["single"] > before

    def wait_for(self, target, chance):
        if target is None:
            time.sleep(chance.uniform(0.05, 0.8))  # work to be killed in, not a wait
            return
        at_work = self.in_its_middle if target == "fit" else \
            lambda: self.running is not None and self.running[0] == target
        with self.lock:
            self.lock.wait_for(lambda: at_work() or self.faults, timeout=60)
            self.resumed += target == "fit" and at_work()
        if target != "fit":
            time.sleep(chance.uniform(0, 0.02))  # somewhere in it

    def with_kills(self, kills):
        """Returns the numbers of all models and versions at the end."""
        chance = numpy.random.RandomState(7)
        server = self.start()
        for model in calls.INPUTS:
            self.client.create(model)
        work = [(self.work_on_shared, i) for i in range(TRAINERS)] + [(self.work_on_single,)] + [
            (self.read, model) for model in calls.INPUTS]
        threads = [threading.Thread(target=self.guarded, args=each) for each in work]
        for thread in threads:
            thread.start()
        for i in range(kills):
            self.wait_for(TARGETS[i % len(TARGETS)], chance)
            server.__exit__()  # SIGKILL
            server = self.start()
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        for thread in threads:
            thread.join()
        numbers = self.numbers(self.client)
        self.test.assertEqual(server.stop()[0], 0)
        checked = subprocess.run([SERVER, "--check", f"--data_dir={self.folder.name}/data"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.test.assertEqual(checked.returncode, 0, checked.stdout)
        self.folder.cleanup()
        return numbers

    @staticmethod
    def numbers(client):
        names = [model.name for model in client.models.ListModels(
            service.ListModelsRequest(page_size=1000)).models]
        names += [version.name for version in client.models.ListModelVersions(
            service.ListModelVersionsRequest(parent="models/single",
                                             page_size=1000)).model_versions]
        return {name: client.weights(name.removeprefix("models/")) for name in names}


class Undisturbed:
    """The same calls, one after the other, on a server that lives."""

    def __init__(self, test, address, run):
        self.test, self.run = test, run
        self.client = calls.Client(address)
        self.compared = Counter()
        for model in calls.INPUTS:
            self.client.create(model)

    def compare(self, name, model):
        """With what the readers saw of the step that `name`, a model as `model`, is at."""
        for reader in ("weights", "predictions"):
            step, content = getattr(self.client, reader)(name)
            seen = self.run.seen.get((reader, model, step))
            if seen is not None and not self.run.relaxed:
                self.test.assertEqual(seen, hashlib.sha256(content).hexdigest(),
                                      f"{reader} of {model} at step {step}")
                self.compared["at ends" if name == model else "in the middle"] += 1

    def look_inside(self, model, before, after, call):
        """Takes the steps of a call one by one, on a copy, up to each that was seen."""
        inside = sorted({step for _, name, step in self.run.seen
                         if name == model and before < step < after})
        if self.run.relaxed or not inside or not hasattr(call, "parts"):
            return
        calls.INPUTS["probe"] = calls.INPUTS[model]
        self.client.models.CopyModel(service.CopyModelRequest(
            source=f"models/{model}", model_id="probe"))
        at = before
        for step in inside:
            parts = call.parts("probe", before, at, step)
            if parts is None:
                self.compared["not compared"] += 1
                continue
            for part in parts:
                self.client.training.Train(part)
            at = step
            self.compare("probe", model)
        self.client.models.DeleteModel(service.DeleteModelRequest(name="models/probe"))
        del calls.INPUTS["probe"]

    def make(self, model, made):
        self.compare(model, model)
        for before, result, call in made:
            self.look_inside(model, before, result[0], call)
            self.test.assertEqual(call.make(self.client), result, call.kind)
            self.compare(model, model)


class CrashTest(unittest.TestCase):
    def check(self, kills, *flags):
        run = Run(self, flags)
        numbers = run.with_kills(kills)
        self.assertEqual(run.faults, [])
        run.shared.sort(key=lambda call: call[1][0])
        covered = 0
        for first, result, _ in run.shared:
            self.assertEqual(first, covered, "each call goes on where the one before ended")
            covered = result[0]
        self.assertEqual(covered, numbers["models/shared"][0])
        with harness.ServerProcess(SERVER, "--log_level=error") as server:
            undisturbed = Undisturbed(self, server.address, run)
            undisturbed.make("shared", run.shared)
            undisturbed.make("single", run.single)
            expected = run.numbers(undisturbed.client)
        self.assertEqual(numbers.keys(), expected.keys())
        for name, (step, weights) in expected.items():
            self.assertEqual(numbers[name][0], step, name)
            self.assertTrue(numbers[name][1] == weights, f"{name} at step {step}")
        self.assertGreater(run.resumed, 0)
        print(f"{flags}: {kills} kills ({run.resumed} in a Fit that went on), "
              f"{len(run.shared)} + {len(run.single)} calls, "
              f"{sum(run.retries.values())} repeats {dict(run.retries)}, {run.replays} replayed, "
              f"{covered} + {numbers['models/single'][0]} steps, {len(run.seen)} seen, "
              f"{dict(undisturbed.compared)}", file=sys.stderr)

    def test_nothing_that_was_answered_is_lost_or_applied_twice(self):
        self.check(KILLS)

    def test_nor_is_it_where_nothing_waits_for_the_disk(self):
        self.check(max(2, KILLS // 5), "--durability=relaxed")


if __name__ == "__main__":
    unittest.main()
