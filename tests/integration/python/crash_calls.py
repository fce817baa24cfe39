"""The calls that crash_test.py's clients make: each may be repeated until it is answered, and
made anew on a server that nobody disturbs. Import it when the classes are generated."""

import uuid

import grpc
import numpy
from chainrule.v1 import model_pb2, model_service_pb2, prediction_service_pb2, tensor_pb2
from chainrule.v1 import training_service_pb2
from chainrule.v1.model_service_pb2_grpc import ModelServiceStub
from chainrule.v1.prediction_service_pb2_grpc import PredictionServiceStub
from chainrule.v1.training_service_pb2_grpc import TrainingServiceStub
from tensors import tensor

RAW = tensor_pb2.TENSOR_ENCODING_RAW
OUTPUTS = 2
# Of each model: input columns, and layers before the last. The shared one has quick steps;
# those of the single client's are slow enough that a Fit of some thousand is seen at work.
INPUTS = {"shared": 6, "single": 8}
HIDDEN = {"shared": [9], "single": [512, 128]}


class Client:
    """Stubs to one server."""

    def __init__(self, address):
        channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        self.models = ModelServiceStub(channel)
        self.training = TrainingServiceStub(channel)
        self.prediction = PredictionServiceStub(channel)

    def create(self, model):
        """Dropout and what optimizers remember: all that a step's bits depend on."""
        if model == "shared":
            optimizer = model_pb2.Optimizer(adam=model_pb2.Adam(), learning_rate=0.01)
        else:
            optimizer = model_pb2.Optimizer(sgd=model_pb2.Sgd(momentum=0.9), learning_rate=0.001)
        hidden = [model_pb2.LayerSpec(units=units, dropout=0.2,
                                      activation=model_pb2.ACTIVATION_TANH)
                  for units in HIDDEN[model]]
        last = model_pb2.LayerSpec(units=OUTPUTS, activation=model_pb2.ACTIVATION_IDENTITY)
        spec = model_pb2.ModelSpec(input_width=INPUTS[model], seed=5, layers=[*hidden, last],
                                   loss=model_pb2.LOSS_MEAN_SQUARED_ERROR, optimizer=optimizer)
        self.models.CreateModel(model_service_pb2.CreateModelRequest(
            model_id=model, model=model_pb2.Model(spec=spec)))

    def weights(self, name):
        """The step, and all parameters."""
        reply = self.models.GetWeights(model_service_pb2.GetWeightsRequest(
            model=f"models/{name}", encoding=RAW), timeout=60)
        return reply.model_step, b"".join(layer.weights.raw + layer.biases.raw
                                          for layer in reply.layers)

    def predictions(self, name):
        """The step, and what the model answers to some rows."""
        inputs = numpy.random.RandomState(3).normal(size=(5, INPUTS[name]))
        reply = self.prediction.Predict(prediction_service_pb2.PredictRequest(
            model=f"models/{name}", inputs=tensor(inputs), encoding=RAW), timeout=60)
        return reply.model_step, reply.outputs.raw

    def export(self, name):
        answers = self.models.ExportModel(model_service_pb2.ExportModelRequest(
            model=f"models/{name}", include_optimizer=True), timeout=60)
        return b"".join(answer.data for answer in answers)


def layers(chance, model, count):
    """Of so many of the last layers: tensors of their shapes, small numbers."""
    widths = [INPUTS[model], *HIDDEN[model], OUTPUTS]
    last = len(widths) - 2
    return [tensor_pb2.LayerTensors(
        index=i, weights=tensor(chance.normal(size=(widths[i + 1], widths[i])) * 0.1),
        biases=tensor(chance.normal(size=widths[i + 1]) * 0.1))
        for i in range(last + 1 - count, last + 1)]


class Call:
    """A request with an id of its own, of a kind that is counted."""

    def __init__(self, kind, chance):
        self.kind = kind
        self.request_id = str(uuid.UUID(bytes=chance.bytes(16), version=4))

    def make(self, client):
        """Returns what is the same in every run: the step of the model at its end, first."""
        raise NotImplementedError

    def parts(self, model, start, first, last):
        """Trains that together take a copy of the model, which was at step `start` when this
        call began, from step `first` to step `last` of it; None where there are none."""
        del model, start, first, last


class Learning(Call):
    """Train, or Fit: rows in the order sent, in batches of one size, so that its steps can
    be taken one by one."""

    def __init__(self, kind, chance, model, rows, epochs, batch):
        super().__init__(kind, chance)
        self.model, self.rows, self.epochs, self.batch = model, rows, epochs, batch
        self.x = chance.normal(size=(rows, INPUTS[model]))
        self.y = chance.normal(size=(rows, OUTPUTS))
        self.reply = None

    def examples(self, rows=slice(None)):
        return tensor_pb2.Examples(inputs=tensor(self.x[rows]), targets=tensor(self.y[rows]))

    def result(self, reply):
        self.reply = reply
        return (reply.model_step, reply.loss, reply.steps_taken,
                tuple(report.loss for report in reply.epochs))

    def parts(self, model, start, first, last):
        batches = self.rows // self.batch
        steps = numpy.arange(first - start, last - start) % batches
        for some in numpy.array_split(steps, 1 + len(steps) * self.batch // 100_000):
            rows = (some[:, None] * self.batch + numpy.arange(self.batch)).reshape(-1)
            yield training_service_pb2.TrainRequest(
                model=f"models/{model}", examples=self.examples(rows), keep_order=True,
                batch_size=self.batch)


class Train(Learning):
    def make(self, client):
        return self.result(client.training.Train(training_service_pb2.TrainRequest(
            model=f"models/{self.model}", request_id=self.request_id, examples=self.examples(),
            keep_order=True, epochs=self.epochs, batch_size=self.batch), timeout=120))


class Fit(Learning):
    def header(self):
        return training_service_pb2.FitHeader(
            model=f"models/{self.model}", request_id=self.request_id, keep_order=True,
            epochs=self.epochs, batch_size=self.batch)

    def make(self, client):
        middle = self.rows // 2
        messages = [training_service_pb2.FitRequest(header=self.header())] + [
            training_service_pb2.FitRequest(examples=self.examples(part))
            for part in (slice(middle), slice(middle, None))]
        for answer in client.training.Fit(iter(messages), timeout=300):
            if answer.HasField("result"):
                return self.result(answer.result)
        raise AssertionError("a Fit without a result")


class StoppingFit(Fit):
    """Shuffled, with rows left out to watch, and the best of its epochs put back."""

    def header(self):
        header = super().header()
        header.keep_order = False
        header.validation_fraction = 0.25
        header.early_stopping.patience = 40
        header.early_stopping.restore_best = True
        return header

    def parts(self, model, start, first, last):
        return None


class SetWeights(Call):
    def __init__(self, kind, chance, model):
        super().__init__(kind, chance)
        self.request = model_service_pb2.SetWeightsRequest(
            model=f"models/{model}", request_id=self.request_id, layers=layers(chance, model, 1))
        self.reply = None

    def make(self, client):
        self.reply = client.models.SetWeights(self.request, timeout=60)
        return (self.reply.model_step,)


class ApplyGradients(Call):
    def __init__(self, kind, chance, model, base_step=None, max_staleness=None):
        super().__init__(kind, chance)
        self.request = training_service_pb2.ApplyGradientsRequest(
            model=f"models/{model}", request_id=self.request_id, max_staleness=max_staleness,
            contributions=[training_service_pb2.GradientContribution(
                layers=layers(chance, model, 2 - i), weight=i + 1, base_step=base_step)
                for i in range(2)])
        self.reply = None

    def make(self, client):
        self.reply = client.training.ApplyGradients(self.request, timeout=60)
        return (self.reply.model_step,)


class ModelCall(Call):
    """One of ModelService that answers a resource. `method` and `request` say which."""

    def __init__(self, kind, chance, method, request):
        super().__init__(kind, chance)
        self.method, self.request = method, request
        request.request_id = self.request_id

    def make(self, client):
        reply = getattr(client.models, self.method)(self.request, timeout=60)
        rate = None
        if self.method == "UpdateModel":
            rate = reply.spec.optimizer.learning_rate
        return reply.step, reply.name, rate


class Import(Call):
    """A file, to become a model or to replace one's weights."""

    def __init__(self, kind, chance, data, **target):
        super().__init__(kind, chance)
        header = model_service_pb2.ImportModelHeader(
            total_bytes=len(data), request_id=self.request_id, **target)
        self.messages = [model_service_pb2.ImportModelRequest(header=header)] + [
            model_service_pb2.ImportModelRequest(data=data[place:place + (1 << 18)])
            for place in range(0, len(data), 1 << 18)]

    def make(self, client):
        model = client.models.ImportModel(iter(self.messages), timeout=60)
        return model.step, model.name
