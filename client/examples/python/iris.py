"""Creates, trains and asks a model of irises, and prints a gradient. See README.md."""

import csv
import os
import pathlib

import grpc
from chainrule.v1 import (model_pb2, model_service_pb2, model_service_pb2_grpc,
                          prediction_service_pb2, prediction_service_pb2_grpc, tensor_pb2,
                          training_service_pb2, training_service_pb2_grpc)

data = pathlib.Path(__file__).resolve().parents[1] / "data" / "iris.csv"
rows = list(csv.reader(data.open()))[1:]
inputs = tensor_pb2.Tensor(shape=[len(rows), 4], values=[float(x) for row in rows for x in row[:4]])
names = [row[4] for row in rows]
irises = tensor_pb2.Examples(inputs=inputs, class_labels=tensor_pb2.ClassLabels(names=names))

channel = grpc.insecure_channel(os.environ.get("CHAINRULE_SERVER", "127.0.0.1:50051"))
models = model_service_pb2_grpc.ModelServiceStub(channel)
training = training_service_pb2_grpc.TrainingServiceStub(channel)
prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)

spec = model_pb2.ModelSpec(
    input_width=4, class_names=sorted(set(names)), loss="LOSS_CATEGORICAL_CROSS_ENTROPY",
    layers=[model_pb2.LayerSpec(units=16, activation="ACTIVATION_TANH"),
            model_pb2.LayerSpec(units=3, activation="ACTIVATION_SOFTMAX")])
model = models.CreateModel(model_service_pb2.CreateModelRequest(
    model_id="iris", model=model_pb2.Model(spec=spec))).name

trained = training.Train(training_service_pb2.TrainRequest(
    model=model, examples=irises, epochs=100, batch_size=16, fit_normalization=True))
print(f"loss {trained.loss:.4f} after {trained.steps_taken} steps")

answer = prediction.Predict(prediction_service_pb2.PredictRequest(
    model=model, inputs=inputs, include=["PREDICTION_PART_CLASSES"]))
right = sum(row.classes[0].name == name for row, name in zip(answer.rows, names))
print(f"{right} of {len(names)} are right")

gradients = training.GetGradients(training_service_pb2.GetGradientsRequest(
    model=model, examples=irises, wrt=["GRADIENT_TARGET_PARAMETERS"]))
for layer in gradients.layers:
    print(f"layer {layer.index}: dW is {list(layer.weights.shape)}, its first element "
          f"{layer.weights.values[0]:+.6f}")

models.DeleteModel(model_service_pb2.DeleteModelRequest(name=model))
